//! Sets of integers in statements, as SQLite finds their members fastest.
//!
//! Behind IN it builds a table of the set before it looks at the first row: half a microsecond for
//! each member, and five for the table. Most sets need none: they are one number, or numbers
//! without a gap, as the UIDs of messages that a client names by `1:*`.

use crate::seam::{Value, is_run, replace_ints};
use rusqlite::types;
use std::rc::Rc;

/// What the set of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// One number.
    One,
    /// Numbers without a gap, rising.
    Run,
    /// Any numbers.
    Any,
}

impl Shape {
    /// The shape of the set among these values; `None` when there is no set.
    pub(super) fn of(values: &[Value]) -> Option<Shape> {
        let mut sets = values.iter().filter_map(|value| match value {
            Value::Ints(set) => Some(set.as_slice()),
            _ => None,
        });
        let first = sets.next()?;
        Some(match first {
            _ if sets.next().is_some() => Shape::Any,
            [] => Shape::Any,
            [_] => Shape::One,
            set if is_run(set) => Shape::Run,
            _ => Shape::Any,
        })
    }

    /// The statement for a set of this shape. A run needs a parameter for its last number: `extra`.
    pub(super) fn translate(self, sql: &str, extra: usize) -> String {
        replace_ints(sql, |place| match self {
            Shape::One => format!("= {place}"),
            Shape::Run => format!("BETWEEN {place} AND ?{extra}"),
            Shape::Any => format!("IN (SELECT value FROM rarray({place}))"),
        })
    }
}

/// The set as `rarray` takes it.
pub(super) fn array(set: &[i64]) -> rusqlite::vtab::array::Array {
    Rc::new(set.iter().copied().map(types::Value::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let shape = |sets: &[&[i64]]| {
            let mut values = vec![Value::Int(1)];
            values.extend(sets.iter().map(|set| Value::Ints(set.to_vec())));
            Shape::of(&values)
        };
        assert_eq!(shape(&[]), None);
        assert_eq!(shape(&[&[]]), Some(Shape::Any));
        assert_eq!(shape(&[&[7]]), Some(Shape::One));
        assert_eq!(shape(&[&[7, 8, 9]]), Some(Shape::Run));
        assert_eq!(shape(&[&[i64::MAX, i64::MIN]]), Some(Shape::Any));
        for set in [[7, 9, 10], [9, 8, 7], [7, 7, 8]] {
            assert_eq!(shape(&[&set]), Some(Shape::Any), "{set:?}");
        }
        assert_eq!(shape(&[&[7], &[8]]), Some(Shape::Any), "one extra parameter is all there is");
    }

    #[test]
    fn texts() {
        let sql = "DELETE FROM t WHERE a = ?1 AND b IN {ints:?2} AND c = ?3";
        let text = |shape: Shape| shape.translate(sql, 4);
        assert_eq!(text(Shape::One), "DELETE FROM t WHERE a = ?1 AND b = ?2 AND c = ?3");
        assert_eq!(
            text(Shape::Run),
            "DELETE FROM t WHERE a = ?1 AND b BETWEEN ?2 AND ?4 AND c = ?3"
        );
        assert_eq!(
            text(Shape::Any),
            "DELETE FROM t WHERE a = ?1 AND b IN (SELECT value FROM rarray(?2)) AND c = ?3"
        );
    }
}
