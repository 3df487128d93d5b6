//! INBOX as POP3 shows it: sizes with CRLF line ends, and unique-ids that came along from another
//! server.

use super::Answers;
use super::body::{Body, body_columns};
use crate::{EngineError, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, Uid, UidValidity, limits};

/// A message of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildropMessage {
    /// Its UID.
    pub uid: Uid,
    /// Its octets with CRLF line ends, the last line's included.
    pub octets: u64,
    /// The unique-id under which clients know it already.
    pub unique_id: Option<String>,
}

/// Reads a page of an account's INBOX, in the order of UIDs.
#[derive(Clone, Debug)]
pub struct ListMaildrop {
    /// Whose.
    pub account: AccountId,
    /// The page begins behind this UID.
    pub after: Option<Uid>,
    /// Messages of the page at most.
    pub limit: u32,
}

/// The answer of [`ListMaildrop`].
#[derive(Clone, Debug)]
pub struct MaildropPage {
    /// The INBOX.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// Messages that it has in all.
    pub total: u64,
    /// Those of the page; there may be more when they are as many as asked for.
    pub messages: Vec<MaildropMessage>,
}

impl Operation for ListMaildrop {
    type Output = MaildropPage;
    const NAME: &'static str = "list maildrop";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<MaildropPage, StoreError> {
        let batch = vec![
            stmt!(
                "SELECT mailbox_id, uidvalidity, total FROM mailbox WHERE account_id = ?1 \
                 AND role = 1 AND role <> 0 AND ended_at IS NULL",
                self.account
            ),
            stmt!(
                "SELECT p.uid, p.size + p.crlf_added, u.text FROM mailbox AS m \
                 JOIN placement AS p ON p.account_id = m.account_id \
                     AND p.mailbox_id = m.mailbox_id \
                 LEFT JOIN pop3_unique_id AS u ON u.account_id = p.account_id \
                     AND u.mailbox_id = p.mailbox_id AND u.uid = p.uid \
                 WHERE m.account_id = ?1 AND m.role = 1 AND m.role <> 0 AND m.ended_at IS NULL \
                 AND p.uid > ?2 AND p.uid < m.uidnext AND p.ended_at IS NULL \
                 ORDER BY p.uid LIMIT ?3",
                self.account,
                self.after.map_or(0, Uid::get),
                self.limit
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let inbox = answers.take()?;
        let inbox = inbox.first().ok_or_else(|| StoreError::missing("mailbox", "INBOX"))?;
        let messages: Result<Vec<_>, EngineError> = answers
            .take()?
            .iter()
            .map(|row| {
                Ok(MaildropMessage {
                    uid: row.get(0)?,
                    octets: row.get(1)?,
                    unique_id: row.get(2)?,
                })
            })
            .collect();
        Ok(MaildropPage {
            mailbox: inbox.get(0)?,
            uidvalidity: inbox.get(1)?,
            total: inbox.get(2)?,
            messages: messages?,
        })
    }
}

/// Reads the body of a message that a maildrop showed. It can be read until it is purged, also when
/// it was expunged meanwhile: a maildrop is a snapshot.
#[derive(Clone, Debug)]
pub struct ReadMaildropMessage {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub mailbox: MailboxId,
    /// Which.
    pub uid: Uid,
}

impl Operation for ReadMaildropMessage {
    /// `None` when it is gone for good.
    type Output = Option<Body>;
    const NAME: &'static str = "read maildrop message";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Body>, StoreError> {
        let rows = tx
            .one(stmt!(
                concat!(
                    body_columns!(),
                    "(SELECT body_id FROM email WHERE account_id = ?1 AND email_id = \
                     (SELECT email_id FROM placement \
                         WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3))"
                ),
                self.account,
                self.mailbox,
                self.uid
            ))
            .await?;
        Ok(Body::read(&rows)?)
    }
}

/// Gives messages the unique-ids under which clients know them from another server. Answers how
/// many got theirs: a message keeps the one it has, a text is given once in a mailbox, and what is
/// gone gets none. Those left out have one of ours. The caller keeps the list below
/// [`BULK_STEP_MESSAGES`](limits::BULK_STEP_MESSAGES).
///
/// They are removed when the message is purged. Copies don't take them along.
#[derive(Clone, Debug)]
pub struct SetUniqueIds {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub mailbox: MailboxId,
    /// Messages and texts of 1 to 70 printable ASCII characters (RFC 1939 7).
    pub ids: Vec<(Uid, String)>,
}

impl Operation for SetUniqueIds {
    type Output = u64;
    const NAME: &'static str = "set unique ids";

    fn bytes(&self) -> usize {
        self.ids.len() * 192
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let is_unique_id = |text: &str| {
            (1..=limits::POP3_UNIQUE_ID_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_graphic())
        };
        if let Some((uid, _)) = self.ids.iter().find(|(_, text)| !is_unique_id(text)) {
            let what = format!("message {uid} cannot have this unique-id");
            return Err(StoreError::Refused(what));
        }
        // No change for anybody who looks: the account's row is locked without a modseq.
        let lock = stmt!("UPDATE account SET modseq = modseq WHERE account_id = ?1", self.account);
        let set = self.ids.iter().map(|(uid, text)| {
            stmt!(
                "INSERT INTO pop3_unique_id (account_id, mailbox_id, uid, text) \
                 SELECT account_id, mailbox_id, uid, ?4 FROM placement WHERE account_id = ?1 \
                 AND mailbox_id = ?2 AND uid = ?3 AND ended_at IS NULL ON CONFLICT DO NOTHING",
                self.account,
                self.mailbox,
                *uid,
                text.as_str()
            )
        });
        let rows = tx.run(std::iter::once(lock).chain(set).collect()).await?;
        Ok(rows.iter().skip(1).map(crate::Rows::changed).sum())
    }
}

/// Removes the unique-ids of placements that go for good.
pub(super) fn forget_unique_ids(account: AccountId, mailbox: MailboxId, uids: &[i64]) -> Statement {
    stmt!(
        "DELETE FROM pop3_unique_id WHERE account_id = ?1 AND mailbox_id = ?2 \
         AND uid IN {ints:?3}",
        account,
        mailbox,
        uids.to_vec()
    )
}
