//! Statements: SQL text that never changes, and the values bound to it.

use super::Value;

/// SQL with its parameters. The text is one of ours, known when the program was built: nothing that
/// a peer says can become SQL, and engines may cache by its address.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The SQL, with `?1`, `?2`... for the values.
    pub sql: &'static str,
    /// The value of `?1` first.
    pub values: Vec<Value>,
}

/// Statements that run in order in one round trip.
pub type Batch = Vec<Statement>;

impl Statement {
    /// A statement with its values. [`stmt!`](crate::stmt) is the short way.
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Statement { sql, values }
    }
}

/// The text with each `IN {ints:?N}` replaced by what `is_member` makes of `?N`.
pub(crate) fn replace_ints(sql: &str, is_member: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut rest = sql;
    while let Some((before, behind)) = rest.split_once("IN {ints:") {
        out.push_str(before);
        let Some((place, after)) = behind.split_once('}') else {
            // Left as it stands: the engine refuses it and names the statement.
            out.push_str("IN {ints:");
            rest = behind;
            continue;
        };
        out.push_str(&is_member(place));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `stmt!("UPDATE account SET display_name = ?2 WHERE account_id = ?1", id, name)`: a [`Statement`]
/// whose values are made by [`Value`]'s `From` conversions.
#[macro_export]
macro_rules! stmt {
    ($sql:expr $(, $value:expr)* $(,)?) => {
        $crate::seam::Statement::new($sql, ::std::vec![$($crate::seam::Value::from($value)),*])
    };
}
