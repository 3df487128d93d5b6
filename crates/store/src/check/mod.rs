//! Verifies a whole store: every reference, count, sum, order and checksum.
//!
//! It reads, never writes, and holds one account at a time; what it finds it says at once. It may
//! run beside a working server: each account, and each rule of the whole store, is looked at in one
//! snapshot.

mod rules;

pub use rules::Rule;

use crate::bodies::{BodyFiles, BodyReader};
use crate::directory::ListAccounts;
use crate::mail::pending::{FindPending, ReadPending};
use crate::mail::{Body, KeywordSet, Location};
use crate::{Engine, EngineError, Operation, Rows, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, ArrivalId, BodyId, Keyword, MailboxName, Time};
use std::collections::HashSet;

/// Violations of one rule that are told one by one, for each account; the rest is counted.
const FINDINGS_PER_RULE: usize = 20;
/// Accounts, placements, bodies that one question asks for.
const PAGE: u32 = 500;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static str,
    /// In whose mail; `None` for what belongs to all.
    pub account: Option<AccountId>,
    /// Where and how, for people.
    pub detail: String,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Accounts.
    pub accounts: u64,
    /// Bodies.
    pub bodies: u64,
    /// What was found.
    pub findings: u64,
}

/// The name of every rule, and what it says.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let told = [rules::STORE, rules::OWNERS, rules::ACCOUNT].into_iter().flatten();
    told.map(|rule| (rule.name, rule.says)).chain(rules::BY_HAND.iter().copied())
}

/// Looks at everything; `deep` reads every body as well. Calls `found` for each finding.
///
/// # Errors
/// [`StoreError::Engine`] when the store cannot be read on.
pub async fn check(
    engine: &Engine,
    files: &BodyFiles,
    deep: bool,
    found: &mut (dyn FnMut(Finding) + Send),
) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    let mut tell = |findings: Vec<Finding>, checked: &mut Checked| {
        checked.findings += findings.len() as u64;
        findings.into_iter().for_each(&mut *found);
    };
    for rule in rules::STORE.iter().chain(rules::OWNERS) {
        tell(engine.read(&CheckRule(rule)).await?, &mut checked);
    }
    let mut after = None;
    loop {
        let accounts = engine.read(&ListAccounts { after, limit: PAGE }).await?;
        let Some(last) = accounts.last() else { break };
        after = Some(last.id);
        for account in accounts {
            tell(engine.read(&CheckAccount(account.id)).await?, &mut checked);
            check_keywords(engine, account.id, &mut |f| tell(vec![f], &mut checked)).await?;
            checked.accounts += 1;
        }
    }
    let mut after = None;
    loop {
        let before = Time::from_millis(i64::MAX);
        let pending = engine.read(&FindPending { after, before, limit: PAGE }).await?;
        let Some(last) = pending.last() else { break };
        after = Some(*last);
        for arrival in pending {
            tell(engine.read(&CheckPending(arrival)).await?, &mut checked);
        }
    }
    let mut after = None;
    while let Some(page) = next_bodies(engine, after).await? {
        after = page.last().copied();
        for body in page {
            tell(check_body(engine, files, body, deep).await?, &mut checked);
            checked.bodies += 1;
        }
    }
    Ok(checked)
}

fn told(rule: &Rule, account: Option<AccountId>, rows: &Rows) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    for row in rows.iter().take(FINDINGS_PER_RULE) {
        let [first, second] = rule.places;
        let mut detail = format!("{first} {}", row.get::<i64>(0)?);
        if !second.is_empty() {
            detail.push_str(&format!(", {second} {}", row.get::<i64>(1)?));
        }
        findings.push(Finding { rule: rule.name, account, detail });
    }
    let more = rows.len().saturating_sub(FINDINGS_PER_RULE);
    if more > 0 {
        findings.push(Finding { rule: rule.name, account, detail: format!("and {more} more") });
    }
    Ok(findings)
}

/// One rule of the whole store.
struct CheckRule(&'static Rule);

impl Operation for CheckRule {
    type Output = Vec<Finding>;
    const NAME: &'static str = "check rule";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Finding>, StoreError> {
        let rows = tx.one(stmt!(self.0.sql)).await?;
        Ok(told(self.0, None, &rows)?)
    }
}

/// All rules of one account that queries and short lists can tell.
struct CheckAccount(AccountId);

impl Operation for CheckAccount {
    type Output = Vec<Finding>;
    const NAME: &'static str = "check account";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Finding>, StoreError> {
        let account = self.0;
        let mut findings = Vec::new();
        for rule in rules::ACCOUNT {
            let rows = tx.one(self.statement(rule)).await?;
            findings.extend(told(rule, Some(account), &rows)?);
        }
        let mut find = |rule, detail| {
            findings.push(Finding { rule, account: Some(account), detail });
        };
        let names = "SELECT mailbox_id, name FROM mailbox WHERE account_id = ?1";
        for row in tx.one(stmt!(names, account)).await?.iter() {
            if !is_name(&row.get::<Vec<u8>>(1)?) {
                find("mailbox.name", format!("mailbox {}", row.get::<i64>(0)?));
            }
        }
        let names = "SELECT name FROM subscription WHERE account_id = ?1";
        for row in tx.one(stmt!(names, account)).await?.iter() {
            let name: Vec<u8> = row.get(0)?;
            if !is_name(&name) {
                find("subscription.name", posthorn_base::shown::Shown(&name).to_string());
            }
        }
        let keywords = "SELECT number, name, name_key FROM keyword WHERE account_id = ?1";
        for row in tx.one(stmt!(keywords, account)).await?.iter() {
            let name = row.get::<String>(1).ok().and_then(|name| Keyword::parse(&name).ok());
            if name.is_none_or(|name| row.get::<String>(2).ok() != Some(name.key())) {
                find("keyword.name", format!("number {}", row.get::<i64>(0)?));
            }
        }
        Ok(findings)
    }
}

impl CheckAccount {
    fn statement(&self, rule: &Rule) -> Statement {
        if rule.sql.contains("?2") {
            stmt!(rule.sql, self.0, MailboxName::inbox().as_str())
        } else {
            stmt!(rule.sql, self.0)
        }
    }
}

/// True for a name that is in the form that [`MailboxName`] gives it.
fn is_name(octets: &[u8]) -> bool {
    std::str::from_utf8(octets)
        .ok()
        .is_some_and(|text| MailboxName::parse(text).is_ok_and(|name| name.as_str() == text))
}

/// A page of the placements of an account that have keywords in a set.
struct ListKeywordSets {
    account: AccountId,
    after: (i64, i64),
}

impl Operation for ListKeywordSets {
    type Output = (HashSet<u32>, Vec<(i64, i64, bytes::Bytes)>);
    const NAME: &'static str = "list keyword sets";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let numbers =
            tx.one(stmt!("SELECT number FROM keyword WHERE account_id = ?1", self.account)).await?;
        let numbers: Result<HashSet<u32>, _> = numbers.iter().map(|row| row.get(0)).collect();
        let rows = tx
            .one(stmt!(
                "SELECT mailbox_id, uid, keywords FROM placement WHERE account_id = ?1 \
                 AND mailbox_id >= ?2 AND (mailbox_id > ?2 OR uid > ?3) \
                 AND keywords IS NOT NULL ORDER BY mailbox_id, uid LIMIT ?4",
                self.account,
                self.after.0,
                self.after.1,
                PAGE
            ))
            .await?;
        let sets: Result<Vec<_>, EngineError> =
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect();
        Ok((numbers?, sets?))
    }
}

async fn check_keywords(
    engine: &Engine,
    account: AccountId,
    found: &mut (dyn FnMut(Finding) + Send),
) -> Result<(), StoreError> {
    let mut after = (0, 0);
    loop {
        let (known, page) = engine.read(&ListKeywordSets { account, after }).await?;
        let Some((mailbox, uid, _)) = page.last() else { return Ok(()) };
        after = (*mailbox, *uid);
        for (mailbox, uid, column) in page {
            let set = KeywordSet::from_column(Some(column)).filter(|set| !set.is_empty());
            if set.is_none_or(|set| set.iter().any(|number| !known.contains(&number))) {
                let detail = format!("mailbox {mailbox}, uid {uid}");
                found(Finding { rule: "placement.keywords", account: Some(account), detail });
            }
        }
    }
}

/// A plan that waits to be applied, against its shares.
struct CheckPending(ArrivalId);

impl Operation for CheckPending {
    type Output = Vec<Finding>;
    const NAME: &'static str = "check pending";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Finding>, StoreError> {
        let arrival = self.0;
        let find = |account, detail| Finding { rule: "pending_plan.data", account, detail };
        let plan = match ReadPending(arrival).run(tx).await {
            Ok(Some(plan)) => plan,
            // Carried out meanwhile.
            Ok(None) => return Ok(Vec::new()),
            Err(StoreError::Engine(EngineError::Corrupt(why))) => {
                return Ok(vec![find(None, why)]);
            }
            Err(error) => return Err(error),
        };
        let named: HashSet<AccountId> = plan.accounts().collect();
        let shares =
            "SELECT account_id FROM pending_plan WHERE arrival_id = ?1 AND account_id <> 0";
        let mut findings = Vec::new();
        for row in tx.one(stmt!(shares, arrival)).await?.iter() {
            let account: AccountId = row.get(0)?;
            if !named.contains(&account) {
                findings.push(find(Some(account), format!("arrival {arrival}: no such share")));
            }
        }
        Ok(findings)
    }
}

/// A page of body ids.
struct ListBodies(Option<BodyId>);

impl Operation for ListBodies {
    type Output = Vec<BodyId>;
    const NAME: &'static str = "list bodies";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<BodyId>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT body_id FROM body WHERE body_id > ?1 ORDER BY body_id LIMIT ?2",
                self.0.map_or(0, BodyId::get),
                PAGE
            ))
            .await?;
        let ids: Result<Vec<_>, _> = rows.iter().map(|row| row.get(0)).collect();
        Ok(ids?)
    }
}

async fn next_bodies(
    engine: &Engine,
    after: Option<BodyId>,
) -> Result<Option<Vec<BodyId>>, StoreError> {
    let page = engine.read(&ListBodies(after)).await?;
    Ok((!page.is_empty()).then_some(page))
}

/// A body may go while the check runs: one that is gone is no finding.
async fn check_body(
    engine: &Engine,
    files: &BodyFiles,
    id: BodyId,
    deep: bool,
) -> Result<Vec<Finding>, StoreError> {
    let find = |rule, detail: String| vec![Finding { rule, account: None, detail }];
    let body: Body = match engine.read(&crate::mail::ReadQueuedBody(id)).await {
        Ok(body) => body,
        Err(StoreError::Missing { .. }) => return Ok(Vec::new()),
        // The row contradicts itself, which `body.location` tells.
        Err(StoreError::Engine(EngineError::Corrupt(_))) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if matches!(body.location, Location::Object(_)) {
        return Ok(Vec::new());
    }
    let files = files.clone();
    let findings = tokio::task::spawn_blocking(move || {
        let reader = match BodyReader::open(&body, &files) {
            Ok(reader) => reader,
            Err(error) => return find("body.frames", format!("body {id}: {error}")),
        };
        if !deep {
            return Vec::new();
        }
        match reader.verify(&body.prefix, &body.hash) {
            Ok(()) => Vec::new(),
            Err(error) => find("body.checksum", format!("body {id}: {error}")),
        }
    })
    .await
    .map_err(|error| EngineError::Io(error.to_string()))?;
    Ok(findings)
}
