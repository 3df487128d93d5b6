//! Domains that we receive for.

use crate::{Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{Domain, Time};

/// A domain of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEntry {
    /// Its name.
    pub domain: Domain,
    /// True for the one to which bare login names and `<postmaster>` belong.
    pub is_default: bool,
    /// Since when.
    pub created_at: Time,
}

/// Adds a domain. The first one is the default.
#[derive(Clone, Debug)]
pub struct CreateDomain {
    /// Its name.
    pub domain: Domain,
    /// When.
    pub now: Time,
}

impl Operation for CreateDomain {
    type Output = ();
    const NAME: &'static str = "create domain";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if self.domain.is_literal() {
            return Err(StoreError::Refused(format!(
                "{} is an address literal, not a domain name",
                self.domain
            )));
        }
        let rows = tx
            .one(stmt!(
                "INSERT INTO domain (domain_key, given, is_default, created_at) \
                 SELECT ?1, ?2, CASE WHEN EXISTS (SELECT 1 FROM domain WHERE is_default = 1) \
                     THEN 0 ELSE 1 END, ?3 \
                 WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain_key = ?1)",
                self.domain.ascii(),
                self.domain.as_given(),
                self.now
            ))
            .await?;
        if rows.changed() == 0 {
            return Err(StoreError::exists("domain", &self.domain));
        }
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Makes a domain the default.
#[derive(Clone, Debug)]
pub struct SetDefaultDomain {
    /// Which.
    pub domain: Domain,
}

impl Operation for SetDefaultDomain {
    type Output = ();
    const NAME: &'static str = "set default domain";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let known = tx
            .one(stmt!("SELECT 1 FROM domain WHERE domain_key = ?1", self.domain.ascii()))
            .await?;
        if known.is_empty() {
            return Err(StoreError::missing("domain", &self.domain));
        }
        tx.one(stmt!(
            "UPDATE domain SET is_default = CASE WHEN domain_key = ?1 THEN 1 ELSE 0 END",
            self.domain.ascii()
        ))
        .await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Removes a domain that has no addresses any more.
#[derive(Clone, Debug)]
pub struct RemoveDomain {
    /// Which.
    pub domain: Domain,
}

impl Operation for RemoveDomain {
    type Output = ();
    const NAME: &'static str = "remove domain";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let answers = tx
            .run(vec![
                stmt!("SELECT is_default FROM domain WHERE domain_key = ?1", self.domain.ascii()),
                stmt!(
                    "SELECT given FROM address WHERE domain_key = ?1 ORDER BY address_key LIMIT 1",
                    self.domain.ascii()
                ),
                stmt!("SELECT COUNT(*) FROM domain"),
            ])
            .await?;
        let [domain, address, count] = answers.as_slice() else { return Ok(()) };
        let Some(row) = domain.first() else {
            return Err(StoreError::missing("domain", &self.domain));
        };
        if let Some(address) = address.first() {
            let address: String = address.get(0)?;
            return Err(StoreError::Refused(format!(
                "the domain {} still has addresses, {address} for one: remove them first",
                self.domain
            )));
        }
        let others = count.first().map_or(Ok(0), |row| row.get::<i64>(0))? > 1;
        if row.get(0)? && others {
            return Err(StoreError::Refused(format!(
                "{} is the default domain: make another one the default first",
                self.domain
            )));
        }
        tx.one(stmt!("DELETE FROM domain WHERE domain_key = ?1", self.domain.ascii())).await?;
        tx.changed(Change::Directory);
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Lists the domains by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListDomains;

impl Operation for ListDomains {
    type Output = Vec<DomainEntry>;
    const NAME: &'static str = "list domains";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<DomainEntry>, StoreError> {
        let rows = tx
            .one(stmt!("SELECT given, is_default, created_at FROM domain ORDER BY domain_key"))
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DomainEntry {
                    domain: row.get(0)?,
                    is_default: row.get(1)?,
                    created_at: row.get(2)?,
                })
            })
            .collect()
    }
}

/// True when the domain is one of ours; used before a recipient's address is looked up.
pub(super) async fn is_ours(tx: &mut Tx<'_>, domain: &Domain) -> Result<bool, StoreError> {
    let rows = tx.one(stmt!("SELECT 1 FROM domain WHERE domain_key = ?1", domain.ascii())).await?;
    Ok(!rows.is_empty())
}
