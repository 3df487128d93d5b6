//! Restoring what was expunged: under a new UID, where it was, or in INBOX when that is gone.

use super::placement::{self, Held, Sums, numbers};
use super::{Answers, lock};
use crate::story::{Event, Kind, Label};
use crate::{Batch, Change, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, EmailId, Flags, MailboxId, MailboxName, ModSeq, Time, Uid};
use std::collections::BTreeMap;

/// An ended placement that still holds its email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restorable {
    /// Where it was.
    pub mailbox: MailboxId,
    /// The mailbox's name, now or when it was deleted.
    pub name: MailboxName,
    /// Its UID there.
    pub uid: Uid,
    /// What it holds.
    pub email: EmailId,
    /// RFC822.SIZE.
    pub size: u64,
    /// Its flags at the end.
    pub flags: Flags,
    /// When it ended.
    pub ended_at: Time,
}

/// Lists what can be restored, the newest first.
#[derive(Clone, Debug)]
pub struct ListRestorable {
    /// Whose.
    pub account: AccountId,
    /// The page begins behind this one.
    pub after: Option<(Time, MailboxId, Uid)>,
    /// Length of the page at most.
    pub limit: u32,
}

impl Operation for ListRestorable {
    type Output = Vec<Restorable>;
    const NAME: &'static str = "list restorable";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Restorable>, StoreError> {
        let (time, mailbox, uid) = match self.after {
            Some((time, mailbox, uid)) => (time.millis(), mailbox.get(), i64::from(uid.get())),
            None => (i64::MAX, 0, 0),
        };
        let rows = tx
            .one(stmt!(
                "SELECT p.mailbox_id, m.name, p.uid, p.email_id, p.size, p.flags, p.ended_at \
                 FROM placement AS p JOIN mailbox AS m \
                 ON m.account_id = p.account_id AND m.mailbox_id = p.mailbox_id \
                 WHERE p.account_id = ?1 AND p.ended_at IS NOT NULL AND p.email_id <> 0 \
                 AND p.ended_at <= ?2 AND (p.ended_at < ?2 OR p.mailbox_id < ?3 \
                 OR (p.mailbox_id = ?3 AND p.uid < ?4)) \
                 ORDER BY p.ended_at DESC, p.mailbox_id DESC, p.uid DESC LIMIT ?5",
                self.account,
                time,
                mailbox,
                uid,
                self.limit
            ))
            .await?;
        let list: Result<Vec<_>, EngineError> = rows
            .iter()
            .map(|row| {
                Ok(Restorable {
                    mailbox: row.get(0)?,
                    name: row.get(1)?,
                    uid: row.get(2)?,
                    email: row.get(3)?,
                    size: row.get(4)?,
                    flags: row.get(5)?,
                    ended_at: row.get(6)?,
                })
            })
            .collect();
        Ok(list?)
    }
}

/// Restores ended placements in one transaction. \Deleted is not restored with them.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Whose.
    pub account: AccountId,
    /// Which, by mailbox and old UID. Those that were purged or restored already are left out.
    pub placements: Vec<(MailboxId, Uid)>,
    /// When.
    pub now: Time,
}

/// Where a placement is again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where it was.
    pub from: (MailboxId, Uid),
    /// Where it is.
    pub to: (MailboxId, Uid),
}

/// Ended placements of one mailbox, with the mailbox they go to.
struct Group {
    from: MailboxId,
    to: MailboxId,
    list: Vec<Held>,
}

impl Operation for Restore {
    type Output = Vec<Restored>;
    const NAME: &'static str = "restore";

    fn bytes(&self) -> usize {
        self.placements.len() * 256
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Restored>, StoreError> {
        let (modseq, groups) = self.find(tx).await?;
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let allocate = groups.iter().map(|group| {
            stmt!(
                "UPDATE mailbox SET uidnext = uidnext + ?3 WHERE account_id = ?1 \
                 AND mailbox_id = ?2 RETURNING uidnext - ?3, name",
                self.account,
                group.to,
                group.list.len() as i64
            )
        });
        let mut answers = Answers::new(tx.run(allocate.collect()).await?);
        let mut batch = Batch::new();
        let mut restored = Vec::new();
        let mut all = Vec::new();
        for group in &groups {
            let target = answers.take()?;
            let row = target.first().ok_or_else(|| StoreError::missing("mailbox", group.to))?;
            self.write(group, row.get(0)?, &row.get::<String>(1)?, modseq, &mut batch);
            let base: Uid = row.get(0)?;
            for (one, number) in group.list.iter().zip(base.get()..) {
                let uid = Uid::new(number).unwrap_or(Uid::MAX);
                restored.push(Restored { from: (group.from, one.uid), to: (group.to, uid) });
            }
            all.extend_from_slice(&group.list);
            let change = Change::Mailbox { account: self.account, mailbox: group.to, modseq };
            tx.changed(change);
        }
        batch.push(placement::use_room(self.account, Sums::of(&all, 1), Sums::of(&all, -1)));
        let answers = tx.run(batch).await?;
        match answers.last().and_then(|rows| rows.first()) {
            Some(row) if row.get(0)? => Err(StoreError::OverQuota),
            _ => Ok(restored),
        }
    }
}

impl Restore {
    async fn find(&self, tx: &mut Tx<'_>) -> Result<(ModSeq, Vec<Group>), StoreError> {
        let mut wanted: BTreeMap<MailboxId, Vec<Uid>> = BTreeMap::new();
        for (mailbox, uid) in &self.placements {
            wanted.entry(*mailbox).or_default().push(*uid);
        }
        let mut batch = vec![lock(self.account)];
        for (mailbox, uids) in &wanted {
            batch.push(stmt!(
                "SELECT uid, email_id, flags, size FROM placement \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3} \
                 AND ended_at IS NOT NULL AND email_id <> 0 ORDER BY uid",
                self.account,
                *mailbox,
                numbers(uids)
            ));
            batch.push(stmt!(
                "SELECT COALESCE((SELECT mailbox_id FROM mailbox \
                     WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL), \
                 (SELECT mailbox_id FROM mailbox \
                     WHERE account_id = ?1 AND role = 1 AND role <> 0 AND ended_at IS NULL))",
                self.account,
                *mailbox
            ));
        }
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let mut groups = Vec::new();
        for mailbox in wanted.into_keys() {
            let mut list = placement::held(&answers.take()?)?;
            for one in &mut list {
                one.flags = one.flags.without(Flags::DELETED);
            }
            let to = super::copy::first(&answers.take()?, 0, mailbox)?;
            if !list.is_empty() {
                groups.push(Group { from: mailbox, to, list });
            }
        }
        Ok((modseq, groups))
    }

    fn write(&self, group: &Group, base: Uid, name: &str, modseq: ModSeq, batch: &mut Batch) {
        let uids: Vec<Uid> = group.list.iter().map(|one| one.uid).collect();
        let emails: Vec<EmailId> = group.list.iter().map(|one| one.email).collect();
        batch.push(super::copy::insert_copies(&super::copy::Copies {
            account: self.account,
            from: group.from,
            to: group.to,
            base,
            modseq,
            now: self.now,
            uids: &uids,
        }));
        batch.push(stmt!(
            "UPDATE placement SET flags = flags & ?5 WHERE account_id = ?1 AND mailbox_id = ?2 \
             AND uid >= ?3 AND uid < ?3 + ?4",
            self.account,
            group.to,
            base,
            uids.len() as i64,
            !i64::from(Flags::DELETED.bits())
        ));
        // The old row stays as a tombstone: clients that saw it vanish must not see it twice.
        batch.push(stmt!(
            "UPDATE placement SET email_id = 0, size = 0, keywords = NULL \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3}",
            self.account,
            group.from,
            numbers(&uids)
        ));
        batch.push(Sums::of(&group.list, 1).count(self.account, group.to, modseq));
        let event =
            Event::new(self.now, Kind::Restored).of(self.account).with(Label::Mailbox, name);
        placement::tell(self.account, &emails, modseq, &event, batch);
    }
}
