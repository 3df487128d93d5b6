//! Messages as a mailbox shows them: placements, in the order of their UIDs.

use super::{Answers, KeywordSet};
use crate::seam::Row;
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, EmailId, Flags, MailboxId, ModSeq, Time, Uid};

/// A live placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in this mailbox.
    pub uid: Uid,
    /// What it holds.
    pub email: EmailId,
    /// Its last change.
    pub modseq: ModSeq,
    /// Its flags and common keywords.
    pub flags: Flags,
    /// Its other keywords.
    pub keywords: KeywordSet,
    /// RFC822.SIZE.
    pub size: u64,
    /// SAVEDATE.
    pub saved_at: Time,
}

/// The columns of `placement` that [`Message::read`] reads.
macro_rules! message_columns {
    () => {
        "uid, email_id, modseq, flags, keywords, size, saved_at"
    };
}

impl Message {
    pub(crate) fn read(row: Row<'_>) -> Result<Message, EngineError> {
        let keywords = KeywordSet::from_column(row.get(4)?);
        Ok(Message {
            uid: row.get(0)?,
            email: row.get(1)?,
            modseq: row.get(2)?,
            flags: row.get(3)?,
            keywords: keywords
                .ok_or_else(|| EngineError::Corrupt("a keyword set cannot be read".into()))?,
            size: row.get(5)?,
            saved_at: row.get(6)?,
        })
    }
}

/// Reads a page of a mailbox, in the order of UIDs.
#[derive(Clone, Debug)]
pub struct ListMessages {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
    /// The page begins behind this UID.
    pub after: Option<Uid>,
    /// Messages of the page at most.
    pub limit: u32,
}

impl Operation for ListMessages {
    type Output = Vec<Message>;
    const NAME: &'static str = "list messages";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Message>, StoreError> {
        let batch = vec![
            stmt!(
                "SELECT uidnext FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL",
                self.account,
                self.mailbox
            ),
            stmt!(
                concat!(
                    "SELECT ",
                    message_columns!(),
                    " FROM placement WHERE account_id = ?1 AND mailbox_id = ?2 AND uid > ?3 \
                     AND uid < (SELECT uidnext FROM mailbox \
                         WHERE account_id = ?1 AND mailbox_id = ?2) \
                     AND ended_at IS NULL ORDER BY uid LIMIT ?4"
                ),
                self.account,
                self.mailbox,
                self.after.map_or(0, Uid::get),
                self.limit
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        if answers.take()?.is_empty() {
            return Err(StoreError::missing("mailbox", self.mailbox));
        }
        let messages: Result<Vec<_>, _> = answers.take()?.iter().map(Message::read).collect();
        Ok(messages?)
    }
}
