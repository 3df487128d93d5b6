//! Logins against a store.

use super::{AuthConfig, Authenticator, Hashing, Secret};
use crate::directory::{AccountOrder, Directory, Scopes};
use crate::open::{EngineSettings, OpenStore, StoreSettings};
use crate::system::{Ids, SystemClock};
use posthorn_base::{Address, Domain};
use posthorn_proto::sasl::scram::{ScramKeys, derive};
use posthorn_proto::sasl::{Answer, Question, Refusal, ScramAnswer, Verdict};
use posthorn_store::directory::AddLogin;
use std::num::NonZeroU32;
use std::sync::Arc;

const HASHING: Hashing =
    Hashing { argon2_kib: 64, argon2_passes: 1, scram_iterations: NonZeroU32::new(4096).unwrap() };

struct World {
    directory: Directory,
    auth: Authenticator,
    _dir: tempfile::TempDir,
}

impl World {
    /// The domains example.com, which is the default, and example.org.
    async fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::new());
        let settings = StoreSettings::new(dir.path().to_owned(), EngineSettings::sqlite(0));
        let store = OpenStore::open(&settings, clock.as_ref()).await.unwrap();
        let auth = Authenticator::new(
            Arc::clone(&store.engine),
            Arc::clone(&store.hub),
            Arc::clone(&clock) as _,
            store.meta.secret,
            AuthConfig { hashing: HASHING, ..AuthConfig::default() },
        );
        let directory = Directory { store, ids: Arc::new(Ids::new()), clock, hashing: HASHING };
        for domain in ["example.com", "example.org"] {
            directory.add_domain(Domain::parse(domain).unwrap()).await.unwrap();
        }
        World { directory, auth, _dir: dir }
    }

    async fn account(
        &self,
        address: &str,
        logins: &[&str],
        password: &str,
    ) -> posthorn_base::AccountId {
        let logins = logins.iter().map(|&login| login.to_owned()).collect();
        let order = AccountOrder { logins, ..AccountOrder::of(Address::parse(address).unwrap()) };
        self.directory.add_account(order, Some(Secret::new(password.into()))).await.unwrap()
    }

    async fn scram(&self, name: &str) -> ScramAnswer {
        let question = Question::ScramKeys { authcid: name.into(), authzid: None };
        match self.auth.answer(question, Scopes::SMTP, None).await {
            Answer::Scram(answer) => *answer,
            Answer::Verdict(verdict) => panic!("{name}: {verdict:?}"),
        }
    }

    async fn salt(&self, name: &str) -> Box<[u8]> {
        self.scram(name).await.keys.salt
    }

    /// Who gets in with this password, by SCRAM.
    async fn opened(&self, name: &str, password: &str) -> Option<Box<str>> {
        let ScramAnswer { keys, verdict, others, .. } = self.scram(name).await;
        let derived = derive(password, &keys.salt, keys.iterations).unwrap();
        let all = std::iter::once((keys, verdict)).chain(others);
        let fits = |(keys, _): &(ScramKeys, Verdict)| *keys == derived;
        let (_, verdict) = all.into_iter().find(fits)?;
        verdict.ok().map(|identity| identity.login)
    }
}

#[tokio::test]
async fn scram_salts_do_not_tell_which_names_exist() {
    let world = World::new().await;
    world.account("alice@example.com", &["al"], "wonder").await;
    // A bare name that was granted to an account outside the default domain.
    world.account("bob@example.org", &["bob"], "builder").await;
    // Both accounts have the local part; the bare name belongs to the one outside.
    world.account("dora@example.com", &[], "one").await;
    world.account("dora@example.org", &["dora"], "two").await;

    // Whoever it is, all that can be seen is the name in full.
    for name in ["nobody", "alice", "al", "bob", "dora"] {
        let [com, org] = ["com", "org"].map(|top| format!("{name}@example.{top}"));
        let salt = world.salt(name).await;
        assert_eq!(salt, world.salt(&name.to_uppercase()).await, "{name}");
        assert_eq!(salt, world.salt(&com).await, "{name}");
        assert_ne!(salt, world.salt(&org).await, "{name}");
    }
    assert_ne!(world.salt("al").await, world.salt("alice").await);

    let check = async |name: &str, password: &str, want: Option<&str>| {
        assert_eq!(world.opened(name, password).await.as_deref(), want, "{name} {password}");
    };
    check("alice", "wonder", Some("alice@example.com")).await;
    check("al", "wonder", Some("alice@example.com")).await;
    check("bob", "builder", Some("bob@example.org")).await;
    check("bob@example.org", "builder", Some("bob@example.org")).await;
    check("bob@example.com", "builder", None).await;
    check("dora", "two", Some("dora@example.org")).await;
    check("dora@example.com", "one", Some("dora@example.com")).await;
    check("dora@example.com", "two", None).await;
    check("nobody", "anything", None).await;
    let unknown = world.scram("nobody").await;
    assert_eq!(unknown.verdict.map(drop), Err(Refusal::Credentials));
}

#[tokio::test]
async fn a_name_that_came_later_opens_by_scram_too() {
    let world = World::new().await;
    let alice = world.account("alice@example.com", &[], "wonder").await;
    let app = async |name: &str, password: &str| {
        let password = Some(Secret::new(password.into()));
        let made =
            world.directory.add_app_password(alice, name.into(), Scopes::ALL, None, password);
        made.await.unwrap();
    };
    app("phone", "before").await;
    let add = AddLogin { account: alice, name: "al".into() };
    world.directory.store.engine.write(add).await.unwrap();
    app("laptop", "after").await;
    for name in ["alice", "al"] {
        for password in ["wonder", "before", "after"] {
            let opened = world.opened(name, password).await;
            assert_eq!(opened.as_deref(), Some("alice@example.com"), "{name} {password}");
        }
    }
}
