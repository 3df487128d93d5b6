//! Expunging: the end of placements. What is expunged can be restored until it is purged.

use super::placement::{self, Held, Sums, held, live, numbers};
use super::{Answers, lock};
use crate::story::{Event, Kind, Label};
use crate::{Batch, Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, EmailId, Flags, MailboxId, MailboxName, ModSeq, Time, Uid};

/// Ends placements in one transaction, under one modseq. The caller keeps the set below
/// [`BULK_STEP_MESSAGES`](posthorn_base::limits::BULK_STEP_MESSAGES) and runs several.
#[derive(Clone, Debug)]
pub struct Expunge {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub mailbox: MailboxId,
    /// Which. Those that are gone are left out.
    pub uids: Vec<Uid>,
    /// Of these, only those with \Deleted (RFC 4315 2.1).
    pub only_deleted: bool,
    /// When.
    pub now: Time,
}

/// What [`Expunge`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expunged {
    /// The transaction's; `None` when nothing was left to expunge.
    pub modseq: Option<ModSeq>,
    /// What was expunged, rising.
    pub uids: Vec<Uid>,
}

impl Operation for Expunge {
    type Output = Expunged;
    const NAME: &'static str = "expunge";

    fn needs_room(&self) -> bool {
        false
    }

    fn bytes(&self) -> usize {
        self.uids.len() * 192
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Expunged, StoreError> {
        let batch = vec![
            lock(self.account),
            live(self.account, self.mailbox, &self.uids),
            name(self.account, self.mailbox),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let mut list = held(&answers.take()?)?;
        if self.only_deleted {
            list.retain(|one| one.flags.contains(Flags::DELETED));
        }
        let Some(row_name) = answers.take()?.first().map(|row| row.get(0)).transpose()? else {
            return Err(StoreError::missing("mailbox", self.mailbox));
        };
        if list.is_empty() {
            return Ok(Expunged::default());
        }
        let place = Place { account: self.account, mailbox: self.mailbox, name: row_name };
        end(tx, &place, &list, modseq, self.now).await?;
        let uids = list.iter().map(|one| one.uid).collect();
        Ok(Expunged { modseq: Some(modseq), uids })
    }
}

fn name(account: AccountId, mailbox: MailboxId) -> crate::Statement {
    stmt!("SELECT name FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2", account, mailbox)
}

struct Place {
    account: AccountId,
    mailbox: MailboxId,
    name: MailboxName,
}

async fn end(
    tx: &mut Tx<'_>,
    place: &Place,
    list: &[Held],
    modseq: ModSeq,
    now: Time,
) -> Result<(), StoreError> {
    let (account, mailbox) = (place.account, place.mailbox);
    let uids: Vec<Uid> = list.iter().map(|one| one.uid).collect();
    let emails: Vec<EmailId> = list.iter().map(|one| one.email).collect();
    let mut batch: Batch = vec![
        stmt!(
            "UPDATE placement SET ended_at = ?4, modseq = ?5 \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3}",
            account,
            mailbox,
            numbers(&uids),
            now,
            modseq
        ),
        Sums::of(list, -1).count(account, mailbox, modseq),
        placement::use_room(account, Sums::of(list, -1), Sums::of(list, 1)),
    ];
    let event =
        Event::new(now, Kind::Expunged).of(account).with(Label::Mailbox, place.name.as_str());
    placement::tell(account, &emails, modseq, &event, &mut batch);
    tx.run(batch).await?;
    tx.changed(Change::Mailbox { account, mailbox, modseq });
    Ok(())
}

/// Finds mailboxes that were deleted and still hold live placements.
#[derive(Clone, Debug)]
pub struct FindDeleted {
    /// How many to find at most.
    pub limit: u32,
}

impl Operation for FindDeleted {
    type Output = Vec<(AccountId, MailboxId)>;
    const NAME: &'static str = "find deleted mailboxes";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT account_id, mailbox_id FROM mailbox \
                 WHERE ended_at IS NOT NULL AND total <> 0 LIMIT ?1",
                self.limit
            ))
            .await?;
        let list: Result<Vec<_>, crate::EngineError> =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect();
        Ok(list?)
    }
}

/// Ends some of the placements of a mailbox that was deleted. Answers the last one, behind which
/// the next step begins; `None` when it is done.
#[derive(Clone, Debug)]
pub struct EndDeleted {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
    /// The last one that was ended before: the ended are not gone through again.
    pub after: Option<Uid>,
    /// How many at most.
    pub limit: u32,
    /// When.
    pub now: Time,
}

impl Operation for EndDeleted {
    type Output = Option<Uid>;
    const NAME: &'static str = "end deleted mailbox";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Uid>, StoreError> {
        let batch = vec![
            lock(self.account),
            stmt!(
                "SELECT uid, email_id, flags, size FROM placement \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid > ?3 AND ended_at IS NULL \
                 AND uid < (SELECT uidnext FROM mailbox \
                     WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NOT NULL) \
                 ORDER BY uid LIMIT ?4",
                self.account,
                self.mailbox,
                self.after.map_or(0, Uid::get),
                self.limit
            ),
            name(self.account, self.mailbox),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let list = held(&answers.take()?)?;
        let row_name = answers.take()?.first().map(|row| row.get(0)).transpose()?;
        if let Some(name) = row_name.filter(|_| !list.is_empty()) {
            let place = Place { account: self.account, mailbox: self.mailbox, name };
            end(tx, &place, &list, modseq, self.now).await?;
        }
        Ok(list.last().map(|one| one.uid))
    }
}
