//! Grants: which addresses an account may write as.

use super::login::require_account;
use crate::{Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Address, AddressKey, Domain, Time};

/// Ways of using an address, as a set of bits. Part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uses(u32);

impl Uses {
    /// In none.
    pub const NONE: Uses = Uses(0);
    /// In MAIL FROM.
    pub const MAIL_FROM: Uses = Uses(1);
    /// In the From field.
    pub const FROM: Uses = Uses(2);
    /// In the Sender field.
    pub const SENDER: Uses = Uses(4);
    /// In all of them.
    pub const ALL: Uses = Uses(7);

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Uses) -> Uses {
        Uses(self.0 | other.0)
    }
    /// True when all of `other` are in it.
    pub const fn contains(self, other: Uses) -> bool {
        self.0 & other.0 == other.0
    }
    /// The words of what is in it.
    pub fn words(self) -> Vec<&'static str> {
        let all = [(Uses::MAIL_FROM, "mail-from"), (Uses::FROM, "from"), (Uses::SENDER, "sender")];
        all.into_iter().filter(|(use_, _)| self.contains(*use_)).map(|(_, word)| word).collect()
    }
}

/// What is granted: one address, or every address of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// One address, with its subaddresses.
    Address(Address),
    /// Every address of this domain.
    Domain(Domain),
}

impl Granted {
    fn key(&self) -> AddressKey {
        match self {
            Granted::Address(address) => address.key(),
            Granted::Domain(domain) => AddressKey::catch_all(domain),
        }
    }
}

/// A grant as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The address's key, `local@domain`; `@domain` for a whole domain.
    pub key: String,
    /// Where it may be used.
    pub uses: Uses,
}

/// Grants an address to an account; [`Uses::NONE`] takes it away.
#[derive(Clone, Debug)]
pub struct SetGrant {
    /// Whose.
    pub account: AccountId,
    /// What.
    pub granted: Granted,
    /// Where it may be used.
    pub uses: Uses,
    /// When.
    pub now: Time,
}

impl Operation for SetGrant {
    type Output = ();
    const NAME: &'static str = "set grant";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        require_account(tx, self.account).await?;
        let key = self.granted.key();
        if self.uses == Uses::NONE {
            let sql = "DELETE FROM address_grant WHERE account_id = ?1 AND address_key = ?2";
            if tx.one(stmt!(sql, self.account, &key)).await?.changed() == 0 {
                return Err(StoreError::missing("grant of", key.as_str()));
            }
        } else {
            tx.one(stmt!(
                "INSERT INTO address_grant (account_id, address_key, uses, created_at) \
                 VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (account_id, address_key) DO UPDATE SET uses = excluded.uses",
                self.account,
                &key,
                self.uses.0,
                self.now
            ))
            .await?;
        }
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Lists an account's grants.
#[derive(Clone, Copy, Debug)]
pub struct ListGrants {
    /// Whose.
    pub account: AccountId,
}

impl Operation for ListGrants {
    type Output = Vec<Grant>;
    const NAME: &'static str = "list grants";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Grant>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT address_key, uses FROM address_grant WHERE account_id = ?1 \
                 ORDER BY address_key",
                self.account
            ))
            .await?;
        rows.iter().map(|row| Ok(Grant { key: row.get(0)?, uses: Uses(row.get(1)?) })).collect()
    }
}

/// Asks whether an account may use an address: it was granted, or the address without its tag was,
/// or its whole domain.
#[derive(Clone, Debug)]
pub struct MayUse {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub address: Address,
    /// Where.
    pub uses: Uses,
}

impl Operation for MayUse {
    type Output = bool;
    const NAME: &'static str = "may use";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let exact = self.address.key();
        let tagless = self.address.without_tag('+').map_or_else(|| exact.clone(), |a| a.key());
        let domain = AddressKey::catch_all(self.address.domain());
        let rows = tx
            .one(stmt!(
                "SELECT uses FROM address_grant \
                 WHERE account_id = ?1 AND address_key IN (?2, ?3, ?4)",
                self.account,
                &exact,
                &tagless,
                &domain
            ))
            .await?;
        let mut granted = Uses::NONE;
        for row in rows.iter() {
            granted = granted.with(Uses(row.get(0)?));
        }
        Ok(granted.contains(self.uses))
    }
}
