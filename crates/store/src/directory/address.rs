//! Addresses that we receive for, and where each leads.

use super::domain::is_ours;
use crate::{Batch, Change, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Address, AddressKey, Domain, Time, limits};

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// An account's own.
    Account,
    /// Leads to other addresses, accounts, or nowhere.
    Alias,
    /// Leads to its members; bounces go to its owner.
    List {
        /// Who receives bounces and requests.
        owner: AccountId,
        /// Who may write to it.
        posting: Posting,
    },
}

impl AddressKind {
    const fn code(self) -> i64 {
        match self {
            AddressKind::Account => 1,
            AddressKind::Alias => 2,
            AddressKind::List { .. } => 3,
        }
    }
}

/// Who may write to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posting {
    /// Anybody.
    Anybody,
    /// Its members and its owner.
    Members,
    /// Its owner.
    Owner,
}

impl Posting {
    /// All of them, for command lines.
    pub const ALL: [Posting; 3] = [Posting::Anybody, Posting::Members, Posting::Owner];

    pub(super) const fn code(self) -> i64 {
        match self {
            Posting::Anybody => 1,
            Posting::Members => 2,
            Posting::Owner => 3,
        }
    }
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            Posting::Anybody => "anybody",
            Posting::Members => "members",
            Posting::Owner => "owner",
        }
    }
    pub(super) fn from_code(code: i64) -> Option<Posting> {
        Posting::ALL.into_iter().find(|posting| posting.code() == code)
    }
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into an account's mailboxes.
    Account(AccountId),
    /// To another address, ours or not.
    Address(Address),
    /// Nowhere: accepted and thrown away.
    Discard,
}

impl Target {
    fn write(&self, key: &AddressKey, position: usize, batch: &mut Batch) {
        let (kind, account, address) = match self {
            Target::Account(account) => (1_i64, Some(*account), None),
            Target::Address(address) => (2, None, Some(address.to_string())),
            Target::Discard => (3, None, None),
        };
        batch.push(stmt!(
            "INSERT INTO address_target (address_key, position, kind, account_id, target) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            key,
            position as i64,
            kind,
            account,
            address.as_deref()
        ));
    }

    pub(super) fn read(
        kind: i64,
        account: Option<AccountId>,
        address: Option<String>,
    ) -> Result<Target, EngineError> {
        let damaged = || EngineError::Corrupt("an address target cannot be read".into());
        match kind {
            1 => account.map(Target::Account).ok_or_else(damaged),
            2 => address
                .and_then(|text| Address::parse(&text).ok())
                .map(Target::Address)
                .ok_or_else(damaged),
            3 => Ok(Target::Discard),
            _ => Err(damaged()),
        }
    }
}

/// The name of an address entry: an address, or a whole domain's catch-all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryName {
    /// One address.
    Address(Address),
    /// Whatever else arrives for this domain.
    CatchAll(Domain),
}

impl EntryName {
    /// Reads `local@domain`, or `@domain` for a catch-all.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<EntryName, posthorn_base::AddressError> {
        match text.strip_prefix('@') {
            Some(domain) => Domain::parse(domain).map(EntryName::CatchAll),
            None => Address::parse(text).map(EntryName::Address),
        }
    }
    /// What it is found by.
    pub fn key(&self) -> AddressKey {
        match self {
            EntryName::Address(address) => address.key(),
            EntryName::CatchAll(domain) => AddressKey::catch_all(domain),
        }
    }
    /// Its domain.
    pub fn domain(&self) -> &Domain {
        match self {
            EntryName::Address(address) => address.domain(),
            EntryName::CatchAll(domain) => domain,
        }
    }
}

impl std::fmt::Display for EntryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EntryName::Address(address) => address.fmt(f),
            EntryName::CatchAll(domain) => write!(f, "@{domain}"),
        }
    }
}

/// Adds an address.
#[derive(Clone, Debug)]
pub struct CreateAddress {
    /// Its name.
    pub name: EntryName,
    /// What it is.
    pub kind: AddressKind,
    /// Where it leads, in order.
    pub targets: Vec<Target>,
    /// When.
    pub now: Time,
}

impl Operation for CreateAddress {
    type Output = ();
    const NAME: &'static str = "create address";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if !is_ours(tx, self.name.domain()).await? {
            return Err(StoreError::missing("domain", self.name.domain()));
        }
        let key = self.name.key();
        let known = tx.one(stmt!("SELECT 1 FROM address WHERE address_key = ?1", &key)).await?;
        if !known.is_empty() {
            return Err(StoreError::exists("address", &self.name));
        }
        check_targets(tx, &self.targets).await?;
        let (owner, posting) = match self.kind {
            AddressKind::List { owner, posting } => {
                super::login::require_account(tx, owner).await?;
                (Some(owner), posting)
            }
            AddressKind::Account | AddressKind::Alias => (None, Posting::Anybody),
        };
        let mut batch = vec![stmt!(
            "INSERT INTO address (address_key, domain_key, given, kind, owner, posting, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &key,
            self.name.domain().ascii(),
            self.name.to_string().as_str(),
            self.kind.code(),
            owner,
            posting.code(),
            self.now
        )];
        for (position, target) in self.targets.iter().enumerate() {
            target.write(&key, position, &mut batch);
        }
        tx.run(batch).await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

async fn check_targets(tx: &mut Tx<'_>, targets: &[Target]) -> Result<(), StoreError> {
    if targets.is_empty() {
        return Err(StoreError::Refused(
            "an address needs at least one target (an account, an address, or discard)".into(),
        ));
    }
    if targets.len() > limits::ADDRESS_TARGETS_MAX {
        return Err(StoreError::Limit {
            what: "targets of one address",
            limit: limits::ADDRESS_TARGETS_MAX,
        });
    }
    for target in targets {
        if let Target::Account(account) = target {
            super::login::require_account(tx, *account).await?;
        }
    }
    Ok(())
}

/// An account's own address leads to it and goes with it.
async fn require_no_accounts(
    tx: &mut Tx<'_>,
    name: &EntryName,
    key: &AddressKey,
) -> Result<(), StoreError> {
    let rows = tx.one(stmt!("SELECT kind FROM address WHERE address_key = ?1", key)).await?;
    match rows.first().map(|row| row.get::<i64>(0)).transpose()? {
        None => Err(StoreError::missing("address", name)),
        Some(1) => Err(StoreError::Refused(format!(
            "{name} is an account's own address: it leads there, and goes when the account does"
        ))),
        Some(_) => Ok(()),
    }
}

/// Replaces where an alias or list leads.
#[derive(Clone, Debug)]
pub struct SetTargets {
    /// Its name.
    pub name: EntryName,
    /// Where it leads from now on.
    pub targets: Vec<Target>,
}

impl Operation for SetTargets {
    type Output = ();
    const NAME: &'static str = "set targets";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let key = self.name.key();
        require_no_accounts(tx, &self.name, &key).await?;
        check_targets(tx, &self.targets).await?;
        let mut batch = vec![stmt!("DELETE FROM address_target WHERE address_key = ?1", &key)];
        for (position, target) in self.targets.iter().enumerate() {
            target.write(&key, position, &mut batch);
        }
        tx.run(batch).await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Removes an alias, list or catch-all.
#[derive(Clone, Debug)]
pub struct RemoveAddress {
    /// Its name.
    pub name: EntryName,
}

impl Operation for RemoveAddress {
    type Output = ();
    const NAME: &'static str = "remove address";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let key = self.name.key();
        require_no_accounts(tx, &self.name, &key).await?;
        tx.run(vec![
            stmt!("DELETE FROM address_target WHERE address_key = ?1", &key),
            stmt!("DELETE FROM address WHERE address_key = ?1", &key),
        ])
        .await?;
        tx.changed(Change::Directory);
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// An address as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressEntry {
    /// Its name as given; `@domain` for a catch-all.
    pub name: String,
    /// What it is.
    pub kind: AddressKind,
    /// Where it leads, in order.
    pub targets: Vec<Target>,
}

/// Lists addresses by key.
#[derive(Clone, Debug)]
pub struct ListAddresses {
    /// Only those of this domain.
    pub domain: Option<Domain>,
    /// Only those after this key: where the page before ended.
    pub after: Option<AddressKey>,
    /// How many at most.
    pub limit: u32,
}

impl Operation for ListAddresses {
    type Output = Vec<AddressEntry>;
    const NAME: &'static str = "list addresses";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<AddressEntry>, StoreError> {
        let after = self.after.as_ref().map_or("", AddressKey::as_str);
        let page = match &self.domain {
            None => stmt!(
                "SELECT address_key, given, kind, owner, posting FROM address \
                 WHERE address_key > ?1 ORDER BY address_key LIMIT ?2",
                after,
                self.limit
            ),
            Some(domain) => stmt!(
                "SELECT address_key, given, kind, owner, posting FROM address \
                 WHERE address_key > ?1 AND domain_key = ?3 ORDER BY address_key LIMIT ?2",
                after,
                self.limit,
                domain.ascii()
            ),
        };
        let rows = tx.one(page).await?;
        let mut batch = Batch::new();
        for row in rows.iter() {
            batch.push(stmt!(
                "SELECT kind, account_id, target FROM address_target WHERE address_key = ?1 \
                 ORDER BY position",
                row.get::<Vec<u8>>(0)?
            ));
        }
        let targets = tx.run(batch).await?;
        rows.iter()
            .zip(&targets)
            .map(|(row, targets)| {
                Ok(AddressEntry {
                    name: row.get(1)?,
                    kind: read_kind(row.get(2)?, row.get(3)?, row.get(4)?)?,
                    targets: targets
                        .iter()
                        .map(|row| Target::read(row.get(0)?, row.get(1)?, row.get(2)?))
                        .collect::<Result<_, _>>()?,
                })
            })
            .collect()
    }
}

pub(super) fn read_kind(
    kind: i64,
    owner: Option<AccountId>,
    posting: i64,
) -> Result<AddressKind, EngineError> {
    let damaged = || EngineError::Corrupt("an address of unknown kind".into());
    match kind {
        1 => Ok(AddressKind::Account),
        2 => Ok(AddressKind::Alias),
        3 => Ok(AddressKind::List {
            owner: owner.ok_or_else(damaged)?,
            posting: Posting::from_code(posting).ok_or_else(damaged)?,
        }),
        _ => Err(damaged()),
    }
}
