//! Subscriptions: names, with or without a mailbox (RFC 3501 6.3.6).

use crate::{Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxName, limits};

/// Subscribes a name or ends its subscription. Doing it twice is no error.
#[derive(Clone, Debug)]
pub struct SetSubscribed {
    /// Whose.
    pub account: AccountId,
    /// The name. It need not be a mailbox.
    pub name: MailboxName,
    /// Whether it is to be subscribed.
    pub subscribed: bool,
}

impl Operation for SetSubscribed {
    type Output = ();
    const NAME: &'static str = "set subscribed";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if !self.subscribed {
            let remove = "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2";
            tx.one(stmt!(remove, self.account, &self.name)).await?;
            return Ok(());
        }
        let most = limits::MAILBOXES_PER_ACCOUNT_MAX;
        let rows = tx
            .run(vec![
                stmt!(
                    "INSERT INTO subscription (account_id, name) SELECT account_id, ?2 \
                     FROM account WHERE account_id = ?1 ON CONFLICT DO NOTHING",
                    self.account,
                    &self.name
                ),
                stmt!("SELECT COUNT(*) FROM subscription WHERE account_id = ?1", self.account),
            ])
            .await?;
        let count: u64 = match rows.last().and_then(|rows| rows.first()) {
            Some(row) => row.get(0)?,
            None => 0,
        };
        if count > most as u64 {
            return Err(StoreError::Limit { what: "subscriptions of an account", limit: most });
        }
        Ok(())
    }
}

/// Every subscribed name, in order.
#[derive(Clone, Debug)]
pub struct ListSubscriptions(pub AccountId);

impl Operation for ListSubscriptions {
    type Output = Vec<MailboxName>;
    const NAME: &'static str = "list subscriptions";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<MailboxName>, StoreError> {
        let rows = tx
            .one(stmt!("SELECT name FROM subscription WHERE account_id = ?1 ORDER BY name", self.0))
            .await?;
        let names: Result<Vec<_>, _> = rows.iter().map(|row| row.get(0)).collect();
        Ok(names?)
    }
}
