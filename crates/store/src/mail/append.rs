//! Appending: messages that their owner puts into a mailbox, one or many at a time.

use super::accept::{PlacementRow, insert_placement};
use super::email::NewEmail;
use super::keywords::{Dictionary, KeywordSet};
use super::{Answers, EmailFacts, NewBody, int, thread};
use crate::story::NewStory;
use crate::{Batch, Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{
    AccountId, ArrivalId, EmailId, Flags, Keyword, MailboxId, ModSeq, Time, Uid, UidValidity,
    ZonedTime,
};

/// A message to append.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The id of the arrival that the appending is.
    pub arrival: ArrivalId,
    /// The id of the email, made by the caller.
    pub email: EmailId,
    /// Its bytes.
    pub body: NewBody,
    /// What the parser found out.
    pub facts: EmailFacts,
    /// INTERNALDATE.
    pub received: ZonedTime,
    /// Its flags.
    pub flags: Flags,
    /// Its keywords.
    pub keywords: Vec<Keyword>,
    /// How it came here. A large import has one story for the first message of each step.
    pub story: Option<NewStory>,
}

/// Appends messages to a mailbox: all or none.
///
/// The caller keeps a step small enough: about 100 messages or [`GROUP_BYTES_MAX`] of bodies.
///
/// [`GROUP_BYTES_MAX`]: posthorn_base::limits::GROUP_BYTES_MAX
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub mailbox: MailboxId,
    /// What, in this order.
    pub messages: Vec<NewMessage>,
    /// SAVEDATE.
    pub now: Time,
    /// Whether the account's quota refuses it. An operator's import may overrule it.
    pub within_quota: bool,
}

/// Where appended messages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// For APPENDUID.
    pub uidvalidity: UidValidity,
    /// The transaction's.
    pub modseq: ModSeq,
    /// One for each message, rising.
    pub uids: Vec<Uid>,
}

impl Operation for Append {
    type Output = Appended;
    const NAME: &'static str = "append";

    fn bytes(&self) -> usize {
        self.messages.iter().map(|m| m.body.bytes() + m.facts.bytes()).sum()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Appended, StoreError> {
        let hashes: Vec<Vec<i64>> =
            self.messages.iter().map(|message| message.facts.thread.hashes()).collect();
        let has_keywords = self.messages.iter().any(|message| !message.keywords.is_empty());
        let mut batch = self.allocate();
        let mut wanted: Vec<i64> = hashes.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        batch.push(thread::lookup(self.account, &wanted));
        if has_keywords {
            Dictionary::ask(&mut batch, self.account);
        }
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = self.check_room(&mut answers)?;
        let (uidvalidity, first) = match answers.take()?.first() {
            Some(row) => (row.get(0)?, row.get::<u32>(1)?),
            None => return Err(StoreError::missing("mailbox", self.mailbox)),
        };
        let mut known = thread::Known::default();
        known.add(&answers.take()?)?;
        let mut dictionary =
            if has_keywords { Dictionary::read(&mut answers)? } else { Dictionary::default() };

        let mut batch = Batch::with_capacity(self.messages.len() * 6);
        let mut uids = Vec::with_capacity(self.messages.len());
        for ((message, hashes), number) in self.messages.iter().zip(&hashes).zip(first..) {
            let uid = Uid::new(number).ok_or_else(|| StoreError::missing("UID", number))?;
            let keywords = dictionary.resolve(self.account, &message.keywords, &mut batch)?;
            self.write(message, hashes, &mut known, modseq, uid, &keywords, &mut batch);
            uids.push(uid);
        }
        dictionary.finish(self.account, &mut batch);
        tx.run(batch).await?;
        tx.changed(Change::Mailbox { account: self.account, mailbox: self.mailbox, modseq });
        Ok(Appended { uidvalidity, modseq, uids })
    }
}

impl Append {
    fn count(&self, of: impl Fn(&NewMessage) -> bool) -> i64 {
        self.messages.iter().filter(|message| of(message)).count() as i64
    }

    fn allocate(&self) -> Batch {
        let messages = self.messages.len() as i64;
        let bytes =
            self.messages.iter().map(|m| m.body.message_size()).fold(0, u64::saturating_add);
        vec![
            stmt!(
                "UPDATE account SET modseq = modseq + 1, used_bytes = used_bytes + ?2, \
                 used_messages = used_messages + ?3 WHERE account_id = ?1 \
                 RETURNING modseq, used_bytes, used_messages, quota_bytes, quota_messages",
                self.account,
                int(bytes),
                messages
            ),
            stmt!(
                "UPDATE mailbox SET uidnext = uidnext + ?3, \
                 highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
                 total = total + ?3, unseen = unseen + ?4, deleted = deleted + ?5, \
                 bytes = bytes + ?6 WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL RETURNING uidvalidity, uidnext - ?3",
                self.account,
                self.mailbox,
                messages,
                self.count(|message| !message.flags.contains(Flags::SEEN)),
                self.count(|message| message.flags.contains(Flags::DELETED)),
                int(bytes)
            ),
        ]
    }

    fn check_room(&self, answers: &mut Answers) -> Result<ModSeq, StoreError> {
        let rows = answers.take()?;
        let Some(row) = rows.first() else {
            return Err(StoreError::missing("account", self.account));
        };
        let over = |used: i64, quota: Option<i64>| quota.is_some_and(|quota| used > quota);
        let is_over = over(row.get(1)?, row.get(3)?) || over(row.get(2)?, row.get(4)?);
        if self.within_quota && is_over {
            return Err(StoreError::OverQuota);
        }
        Ok(row.get(0)?)
    }

    #[expect(clippy::too_many_arguments, reason = "what one message's rows are made of")]
    fn write(
        &self,
        message: &NewMessage,
        hashes: &[i64],
        known: &mut thread::Known,
        modseq: ModSeq,
        uid: Uid,
        keywords: &KeywordSet,
        batch: &mut Batch,
    ) {
        let Some(thread) = known.choose(hashes, message.email) else { return };
        let size = message.body.message_size();
        batch.push(message.body.insert(message.arrival, 1, self.now));
        let row = NewEmail {
            account: self.account,
            id: message.email,
            body: message.body.id,
            arrival: message.arrival,
            thread,
            size,
            received: message.received,
            modseq,
            facts: &message.facts,
        };
        batch.push(row.insert());
        batch.extend(row.insert_text());
        batch.push(insert_placement(&PlacementRow {
            account: self.account,
            mailbox: self.mailbox,
            uid,
            email: message.email,
            modseq,
            flags: message.flags,
            keywords,
            size,
            crlf_added: message.body.crlf_added,
            saved_at: self.now,
        }));
        let at = message.received.time;
        batch.extend(hashes.iter().map(|h| thread::remember(self.account, *h, thread, at)));
        if let Some(story) = &message.story {
            story.write(batch);
        }
    }
}
