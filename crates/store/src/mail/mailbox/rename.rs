//! Renaming mailboxes, and giving them roles.

use super::create::{self, CreateMailbox};
use crate::mail::{Answers, lock};
use crate::{Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, MailboxName, Role, Time};

/// Renames a mailbox together with those below it, and makes those above the new name that do not
/// exist. A name that only stands above others can be renamed like them: they move, and no mailbox
/// is made of it (RFC 3501 6.3.5, the example). Ids, UIDVALIDITYs, messages and roles stay;
/// subscriptions are of names and stay, too.
///
/// INBOX itself is refused here: renaming it moves its messages (RFC 3501 6.3.5), which is a
/// [`CreateMailbox`] and a MOVE of everything.
#[derive(Clone, Debug)]
pub struct RenameMailbox {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub from: MailboxName,
    /// Its new name.
    pub to: MailboxName,
    /// Ids for the mailboxes above the new name: as many as it has levels.
    pub ids: Vec<MailboxId>,
    /// When.
    pub now: Time,
}

impl Operation for RenameMailbox {
    type Output = ();
    const NAME: &'static str = "rename mailbox";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let from = &self.from;
        if from.is_inbox() {
            return Err(StoreError::Refused("INBOX keeps its name".into()));
        }
        if *from == self.to {
            return Err(StoreError::exists("mailbox", &self.to));
        }
        let below = format!("{from}{}", MailboxName::SEPARATOR);
        if self.to.as_str().starts_with(&below) {
            return Err(StoreError::Refused(format!(
                "{from} cannot be moved below itself, to {}",
                self.to
            )));
        }
        tx.run(vec![lock(self.account)]).await?;
        self.make_parents(tx).await?;
        let moved = self.renamed(tx, &below).await?;
        let mut batch = vec![lock(self.account)];
        // Each name is free when it is taken: see `renamed`.
        for (mailbox, name) in &moved {
            batch.push(stmt!(
                "UPDATE mailbox SET name = ?3, \
                 modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
                 highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1) \
                 WHERE account_id = ?1 AND mailbox_id = ?2",
                self.account,
                *mailbox,
                name
            ));
        }
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        for (mailbox, _) in moved {
            tx.changed(Change::Mailbox { account: self.account, mailbox, modseq });
        }
        Ok(())
    }
}

impl RenameMailbox {
    async fn make_parents(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Some(parent) = self.to.parent() else { return Ok(()) };
        let new = CreateMailbox {
            account: self.account,
            name: parent,
            role: None,
            ids: self.ids.clone(),
            subscribe: false,
            now: self.now,
        };
        match create::create(tx, &new).await {
            Ok((mailbox, modseq)) => {
                tx.changed(Change::Mailbox { account: self.account, mailbox, modseq });
                Ok(())
            }
            Err(StoreError::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The mailbox, where there is one, and those below it, with their new names: the shortest old
    /// name first. A new name can be an old one of another only when they move up (`a/b` to `a`),
    /// and then the other's was shorter: `a/b/c` goes before `a/b/b/c` takes its name.
    async fn renamed(
        &self,
        tx: &mut Tx<'_>,
        below: &str,
    ) -> Result<Vec<(MailboxId, MailboxName)>, StoreError> {
        // '0' follows '/': what lies between `from/` and `from0` begins with `from/`.
        let beyond = format!("{}0", self.from);
        let rows = tx
            .one(stmt!(
                "SELECT mailbox_id, name FROM mailbox WHERE account_id = ?1 \
                 AND ended_at IS NULL AND (name = ?2 OR name >= ?3 AND name < ?4)",
                self.account,
                &self.from,
                below,
                beyond.as_str()
            ))
            .await?;
        if rows.is_empty() {
            return Err(StoreError::missing("mailbox", &self.from));
        }
        let mut moved = Vec::new();
        for row in rows.iter() {
            let name: String = row.get(1)?;
            let rest = name.strip_prefix(self.from.as_str()).unwrap_or_default();
            let name = format!("{}{rest}", self.to);
            let name = MailboxName::parse(&name)
                .map_err(|error| StoreError::Refused(format!("{name}: {error}")))?;
            moved.push((row.get(0)?, name));
        }
        // All change by the same number of octets: this is the order of the old names, too.
        moved.sort_by_key(|(_, name)| name.as_str().len());
        // The new name must be free even where no mailbox takes it.
        let names: Vec<&MailboxName> =
            std::iter::once(&self.to).chain(moved.iter().map(|(_, name)| name)).collect();
        let holder = |name: &&MailboxName| {
            stmt!(
                "SELECT mailbox_id FROM mailbox WHERE account_id = ?1 AND name = ?2 \
                 AND ended_at IS NULL",
                self.account,
                *name
            )
        };
        let holders = tx.run(names.iter().map(holder).collect()).await?;
        for (rows, name) in holders.iter().zip(names) {
            let holder: Option<MailboxId> = rows.first().map(|row| row.get(0)).transpose()?;
            if holder.is_some_and(|holder| !moved.iter().any(|(id, _)| *id == holder)) {
                return Err(StoreError::exists("mailbox", name));
            }
        }
        Ok(moved)
    }
}

/// Gives a mailbox a role, or takes it away. A role that another mailbox has moves over.
#[derive(Clone, Debug)]
pub struct SetRole {
    /// Whose.
    pub account: AccountId,
    /// Which. INBOX keeps its role.
    pub mailbox: MailboxId,
    /// The role. [`Role::Inbox`] is refused.
    pub role: Option<Role>,
}

impl Operation for SetRole {
    type Output = ();
    const NAME: &'static str = "set role";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if self.role == Some(Role::Inbox) {
            return Err(StoreError::Refused("only INBOX is the inbox".into()));
        }
        let role = self.role.map_or(0, Role::code);
        let batch = vec![
            lock(self.account),
            stmt!(
                "UPDATE mailbox SET role = 0, \
                 modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
                 highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1) \
                 WHERE account_id = ?1 AND role = ?2 AND role <> 0 AND mailbox_id <> ?3 \
                 AND ended_at IS NULL RETURNING mailbox_id",
                self.account,
                role,
                self.mailbox
            ),
            stmt!(
                "UPDATE mailbox SET role = ?3, \
                 modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
                 highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1) \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL AND role <> 1 \
                 RETURNING mailbox_id",
                self.account,
                self.mailbox,
                role
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let before = answers.take()?;
        if answers.take()?.is_empty() {
            return Err(StoreError::missing("mailbox (other than INBOX)", self.mailbox));
        }
        for row in before.iter() {
            let mailbox = row.get(0)?;
            tx.changed(Change::Mailbox { account: self.account, mailbox, modseq });
        }
        tx.changed(Change::Mailbox { account: self.account, mailbox: self.mailbox, modseq });
        Ok(())
    }
}
