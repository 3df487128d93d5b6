//! Domains, accounts, addresses, logins, grants and credentials.

use crate::mail::world::World;
use posthorn_base::{AccountId, Address, CredentialId, Domain, Time};
use posthorn_store::directory::{
    AddCredential, AddLogin, AddressKind, CloseAccount, CreateAddress, CreateDomain, Credential,
    CredentialKind, EntryName, FindLogin, FullLoginKey, Granted, ListAddresses, ListClosing,
    ListCredentials, ListDomains, ListLogins, MarkUsed, MayUse, NewCredential, Posting,
    ReadAccount, ReadQuota, Refusal, RemoveAccount, RemoveAddress, RemoveCredential, RemoveDomain,
    RemoveLogin, Resolution, Resolve, Scopes, SetDefaultDomain, SetDisabled, SetGrant,
    SetMainPassword, SetQuota, SetTargets, Target, Uses, Wanted,
};
use posthorn_store::{Engine, StoreError};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn entry(text: &str) -> EntryName {
    EntryName::parse(text).unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
}

#[track_caller]
fn missing<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Missing { .. })), "{result:?}");
}

#[track_caller]
fn exists<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Exists { .. })), "{result:?}");
}

impl World<'_> {
    async fn alias(&self, name: &str, targets: Vec<Target>) -> Result<(), StoreError> {
        let (name, kind, now) = (entry(name), AddressKind::Alias, self.now());
        self.write(CreateAddress { name, kind, targets, now }).await
    }

    async fn resolve_from(&self, to: &str, from: Option<&str>) -> Result<Resolution, Refusal> {
        let recipient = match to {
            "postmaster" => Wanted::Postmaster,
            to => Wanted::Address(address(to)),
        };
        let sender = from.map(address);
        self.read(Resolve { recipient, sender, tag_separator: '+' }).await
    }

    async fn resolve(&self, to: &str) -> Result<Resolution, Refusal> {
        self.resolve_from(to, None).await
    }

    /// The accounts an address leads to, and by which rules.
    async fn accounts(&self, to: &str) -> Vec<(AccountId, String)> {
        let found = self.resolve(to).await.unwrap();
        found.deliveries.into_iter().map(|delivery| (delivery.account, delivery.via)).collect()
    }
}

pub(crate) async fn domains(engine: &Engine) {
    let world = World::new(engine).await;
    let now = world.now();
    let create = |name: &str| CreateDomain { domain: domain(name), now };
    exists(world.write(create("EXAMPLE.com")).await);
    refused(world.write(create("[192.0.2.1]")).await);
    world.write(create("bücher.example")).await.unwrap();
    exists(world.write(create("xn--bcher-kva.example")).await);
    let list = world.read(ListDomains).await;
    let list: Vec<_> = list.iter().map(|d| (d.domain.as_given(), d.is_default)).collect();
    assert_eq!(list, [("example.com", true), ("bücher.example", false)]);

    refused(world.write(RemoveDomain { domain: domain("example.com") }).await);
    missing(world.write(RemoveDomain { domain: domain("elsewhere.example") }).await);
    missing(world.write(SetDefaultDomain { domain: domain("elsewhere.example") }).await);
    world.write(SetDefaultDomain { domain: domain("BÜCHER.example") }).await.unwrap();
    refused(world.write(RemoveDomain { domain: domain("bücher.example") }).await);
    world.write(SetDefaultDomain { domain: domain("example.com") }).await.unwrap();
    world.write(RemoveDomain { domain: domain("bücher.example") }).await.unwrap();
    assert_eq!(world.read(ListDomains).await.len(), 1);
}

pub(crate) async fn addresses_lead_to_accounts(engine: &Engine) {
    let world = World::new(engine).await;
    let direct = vec![(world.alice, String::new())];
    assert_eq!(world.accounts("alice@example.com").await, direct);
    assert_eq!(world.accounts("ALICE@Example.COM").await, direct);
    assert_eq!(world.accounts("alice+lists@example.com").await, [(world.alice, "tag".into())]);
    assert_eq!(world.resolve("carol@example.com").await, Err(Refusal::Unknown));
    assert_eq!(world.resolve("alice@example.org").await, Err(Refusal::NotOurs));

    // Exact beats tag beats catch-all.
    world.alias("alice+work@example.com", vec![Target::Account(world.bob)]).await.unwrap();
    let work = world.accounts("alice+work@example.com").await;
    assert_eq!(work, [(world.bob, "alias alice+work@example.com".into())]);
    world.alias("@example.com", vec![Target::Account(world.bob)]).await.unwrap();
    let carol = world.accounts("carol@example.com").await;
    assert_eq!(carol, [(world.bob, "catch-all @example.com".into())]);
    assert_eq!(world.accounts("alice+x@example.com").await, [(world.alice, "tag".into())]);
    world.clean().await;
}

pub(crate) async fn postmaster_and_abuse_always_reach_somebody(engine: &Engine) {
    let world = World::new(engine).await;
    for name in ["postmaster", "postmaster@example.com", "ABUSE@example.com"] {
        let found = world.accounts(name).await;
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].0, world.alice, "{name}: the oldest account");
    }
    // Also whom an alias sends there; nobody gets it twice.
    let to = |text: &str| Target::Address(address(text));
    world.alias("help@example.com", vec![to("abuse@example.com")]).await.unwrap();
    let help = world.accounts("help@example.com").await;
    let via = "alias help@example.com, the first account answers for postmaster and abuse";
    assert_eq!(help, [(world.alice, via.to_owned())]);
    let both = vec![to("alice@example.com"), to("postmaster+x@example.com")];
    world.alias("both@example.com", both).await.unwrap();
    assert_eq!(world.accounts("both@example.com").await.len(), 1);
    let since = Some(world.now());
    world.write(SetDisabled { account: world.alice, since }).await.unwrap();
    assert_eq!(world.accounts("abuse@example.com").await[0].0, world.bob);
    world.alias("abuse@example.com", vec![Target::Discard]).await.unwrap();
    let found = world.resolve("abuse@example.com").await.unwrap();
    assert!(found.discarded && found.deliveries.is_empty());
}

pub(crate) async fn aliases_end_and_collapse(engine: &Engine) {
    let world = World::new(engine).await;
    let to = |text: &str| Target::Address(address(text));
    let both = vec![to("alice@example.com"), to("bob@example.com"), to("Alice@example.com")];
    world.alias("staff@example.com", both).await.unwrap();
    let all = vec![to("staff@example.com"), to("bob@example.com"), to("x@elsewhere.example")];
    world.alias("all@example.com", all).await.unwrap();
    let found = world.resolve("all@example.com").await.unwrap();
    let mut accounts: Vec<_> = found.deliveries.iter().map(|d| d.account).collect();
    accounts.sort();
    assert_eq!(accounts, [world.alice, world.bob], "each account once");
    let forwards: Vec<_> = found.forwards.iter().map(|f| f.address.to_string()).collect();
    assert_eq!(forwards, ["x@elsewhere.example"]);

    world.alias("ping@example.com", vec![to("pong@example.com")]).await.unwrap();
    world.alias("pong@example.com", vec![to("ping@example.com")]).await.unwrap();
    assert_eq!(world.resolve("ping@example.com").await, Err(Refusal::Loop));
    let targets = vec![to("ping@example.com"), to("alice@example.com")];
    world.write(SetTargets { name: entry("pong@example.com"), targets }).await.unwrap();
    assert_eq!(world.accounts("ping@example.com").await.len(), 1, "a loop with a way out");
    world.alias("void@example.com", vec![to("gone@example.com")]).await.unwrap();
    assert_eq!(world.resolve("void@example.com").await, Err(Refusal::Unknown));

    refused(world.alias("none@example.com", Vec::new()).await);
    exists(world.alias("STAFF@example.com", vec![Target::Discard]).await);
    missing(world.alias("a@elsewhere.example", vec![Target::Discard]).await);
    refused(world.write(RemoveAddress { name: entry("alice@example.com") }).await);
    let (name, targets) = (entry("alice@example.com"), vec![Target::Discard]);
    refused(world.write(SetTargets { name, targets }).await);
    world.write(RemoveAddress { name: entry("staff@example.com") }).await.unwrap();
    missing(world.write(RemoveAddress { name: entry("staff@example.com") }).await);
    let list = world.read(ListAddresses { domain: None, after: None, limit: 100 }).await;
    let names: Vec<_> = list.iter().map(|a| a.name.as_str()).collect();
    let want = [
        "alice@example.com",
        "all@example.com",
        "bob@example.com",
        "ping@example.com",
        "pong@example.com",
        "void@example.com",
    ];
    assert_eq!(names, want);
    assert_eq!(list[4].targets.len(), 2);
    let only = |name: &str| Some(domain(name));
    let page = ListAddresses { domain: only("example.com"), after: None, limit: 2 };
    assert_eq!(world.read(page).await, list[..2]);
    let page = ListAddresses { domain: only("example.org"), after: None, limit: 2 };
    assert_eq!(world.read(page).await, []);
    world.clean().await;
}

pub(crate) async fn lists_know_who_may_post(engine: &Engine) {
    let world = World::new(engine).await;
    let owner = world.alice;
    for (name, posting) in [
        ("open@example.com", Posting::Anybody),
        ("team@example.com", Posting::Members),
        ("news@example.com", Posting::Owner),
    ] {
        let (name, kind) = (entry(name), AddressKind::List { owner, posting });
        let member = Target::Address(address("friend@elsewhere.example"));
        let targets = vec![Target::Account(world.bob), member];
        let now = world.now();
        world.write(CreateAddress { name, kind, targets, now }).await.unwrap();
    }
    let may = async |list: &str, from: Option<&str>| match world.resolve_from(list, from).await {
        Ok(found) => {
            assert_eq!(found.forwards[0].list_owner, Some(owner));
            true
        }
        Err(Refusal::Posting { .. }) => false,
        Err(other) => panic!("{other:?}"),
    };
    let (alice, bob) = (Some("alice@example.com"), Some("bob+x@example.com"));
    let (friend, stranger) = (Some("friend@elsewhere.example"), Some("x@elsewhere.example"));
    assert!(may("open@example.com", stranger).await && may("open@example.com", None).await);
    for (from, want) in
        [(alice, true), (bob, true), (friend, true), (stranger, false), (None, false)]
    {
        assert_eq!(may("team@example.com", from).await, want, "{from:?}");
    }
    assert!(may("news@example.com", alice).await && !may("news@example.com", bob).await);
    let close = CloseAccount { account: owner, now: world.now() };
    refused(world.write(close).await);
}

fn credential(world: &World<'_>, kind: CredentialKind, name: &str) -> NewCredential {
    NewCredential {
        id: world.id(),
        kind,
        name: name.into(),
        scopes: Scopes::POP3.with(Scopes::IMAP),
        verifier: name.as_bytes().to_vec(),
        scram: None,
        expires_at: None,
    }
}

async fn names(world: &World<'_>) -> Vec<String> {
    let list = world.read(ListCredentials { account: world.alice }).await;
    list.iter().map(|credential| credential.name.clone()).collect()
}

pub(crate) async fn credentials(engine: &Engine) {
    let world = World::new(engine).await;
    let (account, now) = (world.alice, world.now());
    let app = |name: &str| credential(&world, CredentialKind::AppPassword, name);
    let phone = app("phone");
    let id: CredentialId = phone.id;
    world.write(AddCredential { account, credential: phone, now }).await.unwrap();
    exists(world.write(AddCredential { account, credential: app("phone"), now }).await);
    let nobody = AccountId::new(99).unwrap();
    missing(world.write(AddCredential { account: nobody, credential: app("x"), now }).await);
    let main = |name: &str| credential(&world, CredentialKind::MainPassword, name);
    world.write(SetMainPassword { account, credential: main("old"), now }).await.unwrap();
    world.write(SetMainPassword { account, credential: main("new"), now }).await.unwrap();
    assert_eq!(names(&world).await, ["phone", "new"], "one main password at a time");

    let read = async || {
        let list: Vec<Credential> = world.read(ListCredentials { account }).await;
        list.into_iter().find(|credential| credential.id == id).unwrap()
    };
    let credential = read().await;
    assert!(credential.is_valid(Scopes::POP3, now) && !credential.is_valid(Scopes::SMTP, now));
    let minute = |minutes: i64| Time::from_millis(now.millis() + minutes * 60_000);
    for (at, want) in [(0, 0), (59, 0), (61, 61)] {
        world.write(MarkUsed { account, credential: id, now: minute(at) }).await.unwrap();
        assert_eq!(read().await.last_used_at, Some(minute(want)), "kept to the hour");
    }
    world.write(RemoveCredential { account, credential: id }).await.unwrap();
    missing(world.write(RemoveCredential { account, credential: id }).await);
    assert_eq!(names(&world).await, ["new"]);
}

pub(crate) async fn logins(engine: &Engine) {
    let world = World::new(engine).await;
    let find = async |name: &str| {
        let found = world.read(FindLogin { name: name.into() }).await;
        found.map(|facts| facts.account)
    };
    assert_eq!(find("ALICE@example.com").await, Some(world.alice));
    assert_eq!(find("alice").await, Some(world.alice), "a bare name belongs to the default domain");
    assert_eq!(find("carol").await, None);
    for name in ["Carol", "carol@EXAMPLE.com"] {
        let key = world.read(FullLoginKey { name: name.into() }).await;
        assert_eq!(key, "carol@example.com", "{name}: both names of what could be an account");
    }
    let add = |account, name: &str| AddLogin { account, name: name.into() };
    world.write(add(world.bob, "Alice")).await.unwrap();
    assert_eq!(find("alice").await, Some(world.bob), "what was granted goes first");
    exists(world.write(add(world.alice, "ALICE")).await);
    exists(world.write(add(world.bob, "alice@EXAMPLE.com")).await);
    refused(world.write(add(world.bob, "")).await);
    let list = world.read(ListLogins { account: world.bob }).await;
    assert_eq!(list, ["alice", "bob@example.com"]);
    world.write(RemoveLogin { name: "alice".into() }).await.unwrap();
    missing(world.write(RemoveLogin { name: "alice".into() }).await);
    assert_eq!(find("alice").await, Some(world.alice));
}

pub(crate) async fn grants(engine: &Engine) {
    let world = World::new(engine).await;
    let account = world.alice;
    let may = async |text: &str, uses| {
        let address = address(text);
        world.read(MayUse { account, address, uses }).await
    };
    assert!(may("alice@example.com", Uses::ALL).await);
    assert!(may("Alice+tag@EXAMPLE.com", Uses::FROM).await);
    assert!(!may("bob@example.com", Uses::FROM).await);
    let now = world.now();
    let set = |granted, uses| SetGrant { account, granted, uses, now };
    let sales = Granted::Address(address("sales@example.com"));
    world.write(set(sales.clone(), Uses::FROM)).await.unwrap();
    assert!(may("sales@example.com", Uses::FROM).await);
    assert!(!may("sales@example.com", Uses::ALL).await);
    world.write(set(Granted::Domain(domain("example.com")), Uses::MAIL_FROM)).await.unwrap();
    assert!(may("anybody@example.com", Uses::MAIL_FROM).await);
    assert!(may("sales@example.com", Uses::FROM.with(Uses::MAIL_FROM)).await, "grants add up");
    world.write(set(sales.clone(), Uses::NONE)).await.unwrap();
    missing(world.write(set(sales, Uses::NONE)).await);
    assert!(!may("sales@example.com", Uses::FROM).await);
}

pub(crate) async fn quotas_and_the_end_of_an_account(engine: &Engine) {
    let world = World::new(engine).await;
    let account = world.bob;
    let quota = SetQuota { account, bytes: Some(100), messages: Some(2) };
    world.write(quota).await.unwrap();
    let state = world.read(ReadQuota { account }).await;
    assert!(state.has_room_for(100) && !state.has_room_for(101));
    missing(world.write(SetQuota { account: AccountId::new(9).unwrap(), ..quota }).await);

    refused(world.write(RemoveAccount { account }).await);
    assert_eq!(world.read(ListClosing).await, []);
    world.write(CloseAccount { account, now: world.now() }).await.unwrap();
    world.write(CloseAccount { account, now: world.now() }).await.unwrap();
    assert_eq!(world.read(ListClosing).await, [account]);
    assert_eq!(world.resolve("bob@example.com").await, Err(Refusal::Unknown));
    assert!(world.read(FindLogin { name: "bob@example.com".into() }).await.is_none());
    let closed = world.read(ReadAccount { account }).await.unwrap();
    assert!(closed.disabled_at.is_some());
    refused(world.write(RemoveAccount { account }).await);
}
