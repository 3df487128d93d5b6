//! A whole server on loopback, as the tests of this folder begin it.

use posthorn_base::{AccountId, Domain, limits};
use posthorn_server::auth::{AuthConfig, Hashing, Secret};
use posthorn_server::conn::ConnectionTimeouts;
use posthorn_server::control::Operations;
use posthorn_server::directory::AccountOrder;
use posthorn_server::listen::bind;
use posthorn_server::open::{EngineSettings, OpenStore, StoreSettings};
use posthorn_server::run::{Running, ServiceKind, Settings};
use posthorn_server::system::SystemClock;
use posthorn_server::tls::SelfSigned;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

/// Settings under which nothing is slow or limited.
pub(crate) fn settings(dir: &Path) -> Settings {
    let hashing = Hashing {
        argon2_kib: 8,
        argon2_passes: 1,
        scram_iterations: NonZeroU32::new(4096).unwrap(),
    };
    let long = Duration::from_secs(300);
    Settings {
        hostname: Domain::localhost(),
        message_bytes_max: 1 << 20,
        recipients_max: 100,
        smtp_idle: long,
        pop3_idle: Duration::from_secs(600),
        imap_idle: Duration::from_secs(1800),
        shows_client: false,
        plaintext_on_loopback: true,
        limits: Default::default(),
        throttle: Default::default(),
        message_memory: 16 << 20,
        pinned_views: limits::IMAP_PINNED_VIEWS_BYTES_MAX,
        tls: Default::default(),
        self_signed: SelfSigned { path: dir.join("self-signed.pem"), names: Vec::new() },
        retention: posthorn_server::maintenance::Retention {
            expunged: long,
            stories_accepted: long,
            stories_refused: long,
        },
        auth: AuthConfig { hashing, ..AuthConfig::default() },
        drain: Duration::from_secs(1),
        spool_dir: dir.join("spool"),
        spool_reserve: 0,
        timeouts: ConnectionTimeouts::default(),
    }
}

/// A server with every service, over a store in `dir`, with alice@example.com and bob@example.org
/// in it, whose passwords are `password`.
pub(crate) async fn start(dir: &Path, settings: Settings) -> (Running, [AccountId; 2]) {
    let store = StoreSettings::new(dir.to_owned(), EngineSettings::sqlite(0));
    let store = OpenStore::open(&store, &SystemClock::new()).await.unwrap();
    let listeners = ServiceKind::ALL.into_iter().flat_map(|kind| {
        let sockets = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        sockets.into_iter().map(move |socket| (kind, socket))
    });
    let running = Running::start(settings, store, listeners.collect()).unwrap();
    let directory = operations(&running).directory;
    for domain in ["example.com", "example.org"] {
        directory.add_domain(domain.parse().unwrap()).await.unwrap();
    }
    let mut accounts = Vec::new();
    for address in ["alice@example.com", "bob@example.org"] {
        let order = AccountOrder::of(address.parse().unwrap());
        let password = Some(Secret::new("password".to_owned()));
        accounts.push(directory.add_account(order, password).await.unwrap());
    }
    let accounts = accounts.try_into().unwrap();
    (running, accounts)
}

pub(crate) fn operations(running: &Running) -> Operations {
    // Nobody reloads here.
    Operations::of(running, posthorn_server::control::reload_orders().0)
}
