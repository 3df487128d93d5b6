//! What the lines promise, and whether a store keeps it.

use super::office::PREFIX;
use super::{Letter, Line, Office};
use posthorn_base::{AccountId, ArrivalId, EmailId};
use posthorn_store::bodies::BodyReader;
use posthorn_store::check::{Finding, check};
use posthorn_store::mail::{ListMessages, ReadBody, ReadEmails};
use posthorn_store::{Operation, StoreError, Tx, stmt};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one offered message.
#[derive(Clone, Debug)]
struct Known {
    letter: Letter,
    /// Who gets it, and what was said about expunging that copy.
    copies: BTreeMap<AccountId, End>,
    queued: u32,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It must be there.
    None,
    /// It may be there.
    Begun,
    /// It must not be there.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Wholly there or wholly absent.
    Offered,
    /// Wholly there.
    Accepted,
    /// Wholly absent.
    Refused,
}

/// All that a store must hold.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    accounts: BTreeSet<AccountId>,
    messages: BTreeMap<ArrivalId, Known>,
    has_stopped: bool,
}

/// How much was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Acknowledged messages.
    pub acknowledged: usize,
    /// Messages that were offered, not acknowledged, and are there.
    pub unasked: usize,
    /// Copies whose octets were compared.
    pub compared: usize,
}

impl Expected {
    /// Takes a line of the load.
    pub fn hear(&mut self, line: &Line) {
        match line {
            Line::Account(account) => {
                self.accounts.insert(*account);
            }
            Line::Offered { arrival, letter, accounts, queued } => {
                let copies = accounts.iter().map(|account| (*account, End::None)).collect();
                let (letter, queued) = (*letter, *queued);
                let known = Known { letter, copies, queued, fate: Fate::Offered };
                let before = self.messages.insert(*arrival, known);
                assert!(before.is_none(), "{arrival} is offered twice");
            }
            Line::Accepted(arrival) => self.known(*arrival).fate = Fate::Accepted,
            // A commit that fails may have reached the disk before: the sender tries again, and has
            // to get a message twice rather than not at all.
            Line::Refused(..) if self.has_stopped => {}
            Line::Refused(arrival, _) => self.known(*arrival).fate = Fate::Refused,
            Line::Ending(arrival, account) => {
                self.known(*arrival).copies.insert(*account, End::Begun);
            }
            Line::Ended(arrival, account) => {
                self.known(*arrival).copies.insert(*account, End::Done);
            }
            Line::Stopped => self.has_stopped = true,
            Line::Done => {}
        }
    }

    fn known(&mut self, arrival: ArrivalId) -> &mut Known {
        self.messages.get_mut(&arrival).expect("a message is offered before anything else")
    }

    /// Messages that were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.messages.values().filter(|known| known.fate == Fate::Accepted).count()
    }

    /// Acknowledged messages of which an account has a copy, as far as nothing was said of its end.
    pub fn arrivals(&self, account: AccountId) -> Vec<ArrivalId> {
        let all = self.messages.iter().filter(|(_, known)| known.fate == Fate::Accepted);
        all.filter(|(_, known)| known.copies.get(&account) == Some(&End::None))
            .map(|(arrival, _)| *arrival)
            .collect()
    }

    /// Compares the store with what was promised, and takes over how the open questions ended: what
    /// is there now has to stay.
    ///
    /// # Errors
    /// What is missing, half, invented or damaged, in words.
    pub async fn judge(&mut self, office: &Office) -> Result<Judged, String> {
        let failed = |error: StoreError| format!("the store cannot be read: {error}");
        let mut findings = Vec::new();
        let mut found = |finding: Finding| findings.push(finding);
        check(&office.engine, &office.files, true, &mut found).await.map_err(failed)?;
        if !findings.is_empty() {
            return Err(format!("the check finds {findings:?}"));
        }
        let there: BTreeSet<AccountId> =
            office.accounts().await.map_err(failed)?.into_iter().collect();
        if let Some(account) = self.accounts.difference(&there).next() {
            return Err(format!("account {account} is missing"));
        }
        let mut judged = Judged::default();
        let mut copies: BTreeSet<(ArrivalId, AccountId)> = BTreeSet::new();
        for account in there {
            for copy in self.read_inbox(office, account).await? {
                judged.compared += 1;
                if !copies.insert((copy, account)) {
                    return Err(format!("account {account} has {copy} twice"));
                }
            }
        }
        for (arrival, known) in &mut self.messages {
            let rows = office.engine.read(&CountRows(*arrival)).await.map_err(failed)?;
            known.settle(rows, |account| copies.contains(&(*arrival, account))).map_err(
                |what| format!("{arrival} ({:?}, {:?}): {what}", known.fate, known.letter),
            )?;
            match known.fate {
                Fate::Accepted => judged.acknowledged += 1,
                Fate::Offered => judged.unasked += 1,
                Fate::Refused => {}
            }
        }
        // What was there once is there from now on.
        for known in self.messages.values_mut().filter(|known| known.fate == Fate::Offered) {
            known.fate = Fate::Accepted;
        }
        Ok(judged)
    }

    /// Reads every message of an account and compares it with what was offered.
    async fn read_inbox(
        &self,
        office: &Office,
        account: AccountId,
    ) -> Result<Vec<ArrivalId>, String> {
        let failed = |error: StoreError| format!("the mail of {account} cannot be read: {error}");
        let mailbox = office.inbox(account).await.map_err(failed)?;
        let (mut after, mut arrivals) = (None, Vec::new());
        loop {
            let page = ListMessages { account, mailbox, after, limit: 100 };
            let messages = office.engine.read(&page).await.map_err(failed)?;
            let Some(last) = messages.last() else { return Ok(arrivals) };
            after = Some(last.uid);
            let emails: Vec<EmailId> = messages.iter().map(|message| message.email).collect();
            let emails = ReadEmails { account, emails };
            for email in office.engine.read(&emails).await.map_err(failed)? {
                let known = self.messages.get(&email.arrival);
                let Some(known) = known.filter(|known| known.copies.contains_key(&account)) else {
                    return Err(format!("nobody offered {} to {account}", email.arrival));
                };
                let read = ReadBody { account, email: email.id };
                let body = office.engine.read(&read).await.map_err(failed)?;
                let body = body.ok_or_else(|| format!("{} has no body", email.arrival))?;
                let octets = BodyReader::open(&body, &office.files)
                    .and_then(|reader| reader.read_all())
                    .map_err(|error| format!("{}: {error}", email.arrival))?;
                if octets != known.letter.octets() || body.prefix != PREFIX {
                    return Err(format!("{} has other octets than were offered", email.arrival));
                }
                arrivals.push(email.arrival);
            }
        }
    }
}

impl Known {
    /// Decides what the copies and rows that are there mean.
    fn settle(&mut self, rows: Rows, is_there: impl Fn(AccountId) -> bool) -> Result<(), String> {
        if rows.queued != 0 && rows.queued != i64::from(self.queued) {
            return Err(format!("{} of {} queue rows", rows.queued, self.queued));
        }
        let is_whole = rows.stories == 1;
        if is_whole && rows.queued != i64::from(self.queued) {
            return Err("a story without its queue rows".into());
        }
        match (self.fate, is_whole) {
            (Fate::Accepted, false) => return Err("its story is missing".into()),
            (Fate::Refused, true) => return Err("refused, and yet there".into()),
            (Fate::Offered, false) => self.fate = Fate::Refused,
            _ => {}
        }
        for (account, end) in &mut self.copies {
            match (*end, is_there(*account)) {
                (_, true) if !is_whole => return Err(format!("half: only {account} has it")),
                (End::None, false) if is_whole => return Err(format!("missing from {account}")),
                (End::Done, true) => return Err(format!("expunged, and back in {account}")),
                (End::Begun, is_there) => *end = if is_there { End::None } else { End::Done },
                _ => {}
            }
        }
        Ok(())
    }
}

/// Rows of an arrival that belong to no account.
#[derive(Clone, Copy, Debug)]
struct Rows {
    stories: i64,
    queued: i64,
}

struct CountRows(ArrivalId);

impl Operation for CountRows {
    type Output = Rows;
    const NAME: &'static str = "count the rows of an arrival";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Rows, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT (SELECT count(*) FROM story WHERE arrival_id = ?1), \
                 (SELECT count(*) FROM queue_row WHERE arrival_id = ?1)",
                self.0
            ))
            .await?;
        let row = rows.first().expect("one row");
        Ok(Rows { stories: row.get(0)?, queued: row.get(1)? })
    }
}
