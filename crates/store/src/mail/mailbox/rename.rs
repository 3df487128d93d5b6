//! Renaming mailboxes, and giving them roles.

use super::create::{self, CreateMailbox};
use crate::mail::{Answers, lock};
use crate::{Batch, Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, MailboxName, Role, Time};

/// Renames a mailbox together with those below it, and makes those above the new name that do not
/// exist. Ids, UIDVALIDITYs, messages and roles stay; subscriptions are of names and stay, too.
///
/// INBOX itself is refused here: renaming it moves its messages (RFC 3501 6.3.5), which is a
/// [`CreateMailbox`] and a MOVE of everything.
#[derive(Clone, Debug)]
pub struct RenameMailbox {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
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
        let from = self.current_name(tx).await?;
        if from == self.to {
            return Err(StoreError::exists("mailbox", &self.to));
        }
        let below = format!("{from}{}", MailboxName::SEPARATOR);
        if self.to.as_str().starts_with(&below) {
            return Err(StoreError::Refused(format!(
                "{from} cannot be moved below itself, to {}",
                self.to
            )));
        }
        self.make_parents(tx).await?;
        let moved = self.renamed(tx, &from, &below).await?;
        let mut batch = vec![lock(self.account)];
        // In the order of the old names: moving `a/b` to `a` frees `a/b` before `a/b/b` takes it.
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
    async fn current_name(&self, tx: &mut Tx<'_>) -> Result<MailboxName, StoreError> {
        let batch = vec![
            lock(self.account),
            stmt!(
                "SELECT name FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL",
                self.account,
                self.mailbox
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        answers.modseq(self.account)?;
        let name: MailboxName = match answers.take()?.first() {
            Some(row) => row.get(0)?,
            None => return Err(StoreError::missing("mailbox", self.mailbox)),
        };
        if name.is_inbox() {
            return Err(StoreError::Refused("INBOX keeps its name".into()));
        }
        Ok(name)
    }

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

    /// The mailbox and those below it, with their new names.
    async fn renamed(
        &self,
        tx: &mut Tx<'_>,
        from: &MailboxName,
        below: &str,
    ) -> Result<Vec<(MailboxId, MailboxName)>, StoreError> {
        // '0' follows '/': what lies between `from/` and `from0` begins with `from/`.
        let beyond = format!("{from}0");
        let rows = tx
            .run(vec![stmt!(
                "SELECT mailbox_id, name FROM mailbox WHERE account_id = ?1 \
                 AND ended_at IS NULL AND name >= ?2 AND name < ?3 ORDER BY name",
                self.account,
                below,
                beyond.as_str()
            )])
            .await?;
        let mut moved = vec![(self.mailbox, self.to.clone())];
        let mut batch = Batch::new();
        for row in rows.iter().flat_map(crate::Rows::iter) {
            let name: String = row.get(1)?;
            let rest = name.strip_prefix(below).unwrap_or_default();
            let name = format!("{}{}{rest}", self.to, MailboxName::SEPARATOR);
            let name = MailboxName::parse(&name)
                .map_err(|error| StoreError::Refused(format!("{name}: {error}")))?;
            moved.push((row.get(0)?, name));
        }
        for (_, name) in &moved {
            batch.push(stmt!(
                "SELECT mailbox_id FROM mailbox WHERE account_id = ?1 AND name = ?2 \
                 AND ended_at IS NULL",
                self.account,
                name
            ));
        }
        for (rows, (_, name)) in tx.run(batch).await?.iter().zip(&moved) {
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
