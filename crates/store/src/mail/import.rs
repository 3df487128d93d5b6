//! Importing: a step of messages and how far the import has come, in one transaction, so that an
//! import that goes on after a crash repeats nothing and leaves nothing out.

use super::append::{Append, Appended};
use super::maildrop::SetUniqueIds;
use crate::seam::Value;
use crate::{Operation, StoreError, Tx, stmt};

/// Appends messages, gives them the unique-ids of where they come from, and notes the place.
/// Refused, with nothing done, when the import is at another place than [`ImportStep::before`]: so
/// no message comes in twice, whoever else works on it.
#[derive(Clone, Debug)]
pub struct ImportStep {
    /// What and where.
    pub append: Append,
    /// For each message the text under which POP3 clients know it, or none.
    pub unique_ids: Vec<Option<String>>,
    /// The name of the import.
    pub job: String,
    /// How far it must have come before: `None` for not begun.
    pub before: Option<String>,
    /// How far it has come once these messages are there.
    pub state: String,
}

impl ImportStep {
    /// What is said when another step of the same import was faster: one whose command was killed
    /// while the step was under way, or one of a second command.
    pub const OVERTAKEN: &str =
        "messages of this source were imported by another command meanwhile";
}

impl Operation for ImportStep {
    type Output = Appended;
    const NAME: &'static str = "import step";

    fn bytes(&self) -> usize {
        self.append.bytes()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Appended, StoreError> {
        // Appending locks the account, so nobody changes the state between this and the commit.
        let appended = self.append.run(tx).await?;
        let state = ReadImport { job: self.job.clone() }.run(tx).await?;
        if state != self.before {
            return Err(StoreError::Refused(ImportStep::OVERTAKEN.to_owned()));
        }
        let known = appended.uids.iter().zip(&self.unique_ids);
        let ids: Vec<_> = known.filter_map(|(uid, id)| Some((*uid, id.clone()?))).collect();
        let &Append { account, mailbox, now, .. } = &self.append;
        if !ids.is_empty() {
            SetUniqueIds { account, mailbox, ids }.run(tx).await?;
        }
        tx.one(stmt!(
            "INSERT INTO job (name, state, updated_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET state = excluded.state, \
             updated_at = excluded.updated_at",
            Value::Text(self.job.clone()),
            self.state.as_bytes(),
            now
        ))
        .await?;
        Ok(appended)
    }
}

/// How far an import has come; `None` when it has not begun.
#[derive(Clone, Debug)]
pub struct ReadImport {
    /// The name of the import.
    pub job: String,
}

impl Operation for ReadImport {
    type Output = Option<String>;
    const NAME: &'static str = "read import";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<String>, StoreError> {
        let job = Value::Text(self.job.clone());
        let rows = tx.one(stmt!("SELECT state FROM job WHERE name = ?1", job)).await?;
        let state: Option<Vec<u8>> = rows.first().map(|row| row.get(0)).transpose()?;
        Ok(state.map(|state| String::from_utf8_lossy(&state).into_owned()))
    }
}
