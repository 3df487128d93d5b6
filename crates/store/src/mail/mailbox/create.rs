//! Making mailboxes.

use super::Mailbox;
use crate::mail::Answers;
use crate::{Batch, Change, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, MailboxName, ModSeq, Role, Time, limits};

/// Where the UIDVALIDITYs of a new account begin (`account.next_uidvalidity`): with the seconds of
/// its creation, so that an account that is deleted and made again under the same name does not
/// repeat those that clients remember.
pub fn first_uidvalidity(now: Time) -> u32 {
    u32::try_from(now.seconds()).unwrap_or(1).max(1)
}

/// The statements that give a new account its mailboxes, one for each role, subscribed. They belong
/// into the transaction that wrote the account's row, behind it.
pub fn role_mailboxes(account: AccountId, ids: [MailboxId; Role::ALL.len()], now: Time) -> Batch {
    let mut batch = vec![stmt!(
        "UPDATE account SET modseq = modseq + 1, next_uidvalidity = next_uidvalidity + ?2 \
         WHERE account_id = ?1",
        account,
        Role::ALL.len() as i64
    )];
    for ((id, role), back) in ids.into_iter().zip(Role::ALL).zip((1..=Role::ALL.len()).rev()) {
        batch.push(stmt!(
            "INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, \
             recent_from, highest_modseq, modseq, created_modseq, vanished_floor, total, unseen, \
             deleted, bytes, created_at) \
             SELECT account_id, ?2, ?3, ?4, next_uidvalidity - ?5, 1, 1, modseq, modseq, modseq, \
             0, 0, 0, 0, 0, ?6 FROM account WHERE account_id = ?1",
            account,
            id,
            role.default_name(),
            role.code(),
            back as i64,
            now
        ));
        batch.push(subscribe(account, role.default_name()));
    }
    batch
}

fn subscribe(account: AccountId, name: &str) -> Statement {
    stmt!(
        "INSERT INTO subscription (account_id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        account,
        name
    )
}

/// Makes a mailbox, and those above it that do not exist (RFC 9051 6.3.4).
#[derive(Clone, Debug)]
pub struct CreateMailbox {
    /// Whose.
    pub account: AccountId,
    /// Its name.
    pub name: MailboxName,
    /// Its role. Refused when another mailbox has it.
    pub role: Option<Role>,
    /// Ids for it and for those above it: as many as the name has levels.
    pub ids: Vec<MailboxId>,
    /// Whether it is subscribed, too.
    pub subscribe: bool,
    /// When it is made.
    pub now: Time,
}

impl Operation for CreateMailbox {
    type Output = Mailbox;
    const NAME: &'static str = "create mailbox";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Mailbox, StoreError> {
        let made = create(tx, self).await?;
        let mailbox = tx.one(super::find(self.account, &self.name)).await?;
        let mailbox = mailbox.first().map(Mailbox::read).transpose()?;
        tx.changed(Change::Mailbox { account: self.account, mailbox: made.0, modseq: made.1 });
        mailbox.ok_or_else(|| StoreError::missing("mailbox", &self.name))
    }
}

/// The names above `name`, the top one first.
fn ancestors(name: &MailboxName) -> Vec<MailboxName> {
    let mut above: Vec<MailboxName> =
        std::iter::successors(name.parent(), MailboxName::parent).collect();
    above.reverse();
    above
}

/// Locks the account and makes the mailbox and those above it. Answers its id and the modseq.
pub(super) async fn create(
    tx: &mut Tx<'_>,
    new: &CreateMailbox,
) -> Result<(MailboxId, ModSeq), StoreError> {
    let account = new.account;
    let mut names = ancestors(&new.name);
    names.push(new.name.clone());
    let mut batch = vec![
        stmt!(
            "UPDATE account SET modseq = modseq + 1, next_uidvalidity = next_uidvalidity + ?2 \
             WHERE account_id = ?1 RETURNING modseq, next_uidvalidity - ?2",
            account,
            names.len() as i64
        ),
        stmt!("SELECT COUNT(*) FROM mailbox WHERE account_id = ?1 AND ended_at IS NULL", account),
        stmt!(
            "SELECT name FROM mailbox WHERE account_id = ?1 AND role = ?2 AND role <> 0 \
             AND ended_at IS NULL",
            account,
            new.role.map_or(0, Role::code)
        ),
    ];
    batch.extend(names.iter().map(|name| {
        stmt!(
            "SELECT mailbox_id FROM mailbox WHERE account_id = ?1 AND name = ?2 \
             AND ended_at IS NULL",
            account,
            name
        )
    }));
    let mut answers = Answers::new(tx.run(batch).await?);
    let (modseq, uidvalidity): (ModSeq, i64) = match answers.take()?.first() {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => return Err(StoreError::missing("account", account)),
    };
    let existing: u32 = answers.take()?.first().map_or(Ok(0), |row| row.get(0))?;
    if let (Some(row), Some(role)) = (answers.take()?.first(), new.role) {
        let holder: MailboxName = row.get(0)?;
        return Err(StoreError::exists("mailbox with the role of", format!("{role:?}: {holder}")));
    }
    let mut missing = Vec::with_capacity(names.len());
    for name in &names {
        if answers.take()?.is_empty() {
            missing.push(name);
        }
    }
    if !missing.contains(&&new.name) {
        return Err(StoreError::exists("mailbox", &new.name));
    }
    if existing as usize + missing.len() > limits::MAILBOXES_PER_ACCOUNT_MAX {
        let limit = limits::MAILBOXES_PER_ACCOUNT_MAX;
        return Err(StoreError::Limit { what: "mailboxes of an account", limit });
    }
    let mut batch = Batch::new();
    let mut made = None;
    for ((name, id), uidvalidity) in missing.into_iter().zip(&new.ids).zip(uidvalidity..) {
        let role = new.role.filter(|_| *name == new.name);
        batch.push(insert(account, *id, name, role, uidvalidity, modseq, new.now));
        if *name == new.name {
            made = Some(*id);
        }
    }
    if new.subscribe {
        batch.push(subscribe(account, new.name.as_str()));
    }
    tx.run(batch).await?;
    let made = made.ok_or_else(|| {
        StoreError::Refused(format!("mailbox {} needs an id for each of its levels", new.name))
    })?;
    Ok((made, modseq))
}

fn insert(
    account: AccountId,
    id: MailboxId,
    name: &MailboxName,
    role: Option<Role>,
    uidvalidity: i64,
    modseq: ModSeq,
    now: Time,
) -> Statement {
    stmt!(
        "INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, \
         recent_from, highest_modseq, modseq, created_modseq, vanished_floor, total, unseen, \
         deleted, bytes, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, ?6, ?6, ?6, 0, 0, 0, 0, 0, ?7)",
        account,
        id,
        name,
        role.map_or(0, Role::code),
        uidvalidity,
        modseq,
        now
    )
}
