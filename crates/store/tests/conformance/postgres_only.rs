//! What only PostgreSQL can do to us: connections that break, callers that leave, other nodes.

use crate::harness::{Cluster, birth};
use crate::mail::world::{INBOX, World, letter};
use posthorn_base::{Domain, Time};
use posthorn_store::directory::CreateDomain;
use posthorn_store::mail::{FindAccepted, FlagAction, StoreFlags, bulk};
use posthorn_store::postgres::{Options, Postgres};
use posthorn_store::{Change, Engine, EngineError, Host, Operation, StoreError, Tx, stmt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// All of it, each in a database of its own.
#[test]
#[ignore = "needs the server programs of PostgreSQL"]
fn postgres_alone() {
    let cluster = Cluster::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(all(&cluster));
}

async fn all(cluster: &Cluster) {
    a_commit_without_an_answer_is_ambiguous(cluster).await;
    a_caller_that_leaves_takes_its_transaction_along(cluster).await;
    a_write_goes_on_when_its_caller_leaves(cluster).await;
    two_nodes_start_at_once(cluster).await;
    a_store_that_needs_a_newer_release_is_refused(cluster).await;
    a_careless_server_is_refused(cluster).await;
    a_database_is_changed_only_when_there_is_a_backup(cluster).await;
    a_plan_survives_the_node_that_recorded_it(cluster).await;
    nodes_hear_of_each_other(cluster).await;
}

async fn open(cluster: &Cluster, database: &str, connections: usize) -> Postgres {
    cluster.command(&format!("CREATE DATABASE {database}")).await;
    let options = Options { connections, ..Options::new(birth()) };
    Postgres::open(&cluster.address(database), options).await.unwrap()
}

struct Put(i64);

impl Operation for Put {
    type Output = ();
    const NAME: &'static str = "put";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let sql = "INSERT INTO operation (operation_id, at, result) VALUES (?1, 0, ?2)";
        tx.one(stmt!(sql, self.0, "x")).await?;
        Ok(())
    }
}

struct Count;

impl Operation for Count {
    type Output = i64;
    const NAME: &'static str = "count";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let rows = tx.one(stmt!("SELECT count(*) FROM operation")).await?;
        Ok(rows.first().unwrap().get(0)?)
    }
}

/// Takes part in a transaction and waits in the middle of it.
#[derive(Clone)]
struct Linger(Arc<Semaphore>, Arc<Semaphore>);

impl Operation for Linger {
    type Output = ();
    const NAME: &'static str = "linger";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("SELECT count(*) FROM operation")).await?;
        self.0.add_permits(1);
        self.1.acquire().await.unwrap().forget();
        let sql = "INSERT INTO operation (operation_id, at, result) VALUES (9, 0, ?1)";
        tx.one(stmt!(sql, "x")).await?;
        Ok(())
    }
}

fn linger() -> Linger {
    let closed = || Arc::new(Semaphore::new(0));
    Linger(closed(), closed())
}

async fn a_commit_without_an_answer_is_ambiguous(cluster: &Cluster) {
    let engine = open(cluster, "ambiguous", 2).await;
    // A deferred trigger runs within COMMIT, and ends the connection there.
    let (client, connection) =
        tokio_postgres::connect(&cluster.address("ambiguous"), tokio_postgres::NoTls)
            .await
            .unwrap();
    let task = tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END$$; \
             CREATE CONSTRAINT TRIGGER hang_up AFTER INSERT ON operation DEFERRABLE \
             INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.operation_id = 5) \
             EXECUTE FUNCTION hang_up()",
        )
        .await
        .unwrap();
    drop(client);
    task.await.unwrap().unwrap();
    let refused = engine.write(Put(5)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Ambiguous)), "{refused:?}");
    engine.write(Put(6)).await.unwrap();
    assert_eq!(engine.read(&Count).await.unwrap(), 1, "the broken connection is not lent again");
}

async fn a_caller_that_leaves_takes_its_transaction_along(cluster: &Cluster) {
    let engine = open(cluster, "leaves", 1).await;
    let lingering = linger();
    tokio::select! {
        result = engine.read(&lingering) => panic!("{result:?}"),
        permit = lingering.0.acquire() => permit.unwrap().forget(),
    }
    // The only connection comes from the pool again, or a new one does: without a transaction.
    engine.write(Put(1)).await.unwrap();
    assert_eq!(engine.read(&Count).await.unwrap(), 1);
}

async fn a_write_goes_on_when_its_caller_leaves(cluster: &Cluster) {
    let engine = open(cluster, "goes_on", 2).await;
    let lingering = linger();
    tokio::select! {
        result = engine.write(lingering.clone()) => panic!("{result:?}"),
        permit = lingering.0.acquire() => permit.unwrap().forget(),
    }
    lingering.1.add_permits(1);
    while engine.read(&Count).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn two_nodes_start_at_once(cluster: &Cluster) {
    cluster.command("CREATE DATABASE nodes").await;
    let address = cluster.address("nodes");
    let node = || Postgres::open(&address, Options::new(birth()));
    let (one, two, three) = tokio::join!(node(), node(), node());
    for node in [one, two, three] {
        let node = node.unwrap();
        assert_eq!(node.read(&Count).await.unwrap(), 0);
        node.close().await;
        let refused = node.read(&Count).await.unwrap_err();
        assert!(matches!(refused, StoreError::Engine(EngineError::Unavailable(_))));
    }
}

/// Sets what a newer release would have set.
struct Newer;

impl Operation for Newer {
    type Output = ();
    const NAME: &'static str = "newer";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("UPDATE meta SET schema = 99, min_writer = 98")).await?;
        Ok(())
    }
}

async fn a_store_that_needs_a_newer_release_is_refused(cluster: &Cluster) {
    let engine = open(cluster, "newer", 1).await;
    engine.write(Newer).await.unwrap();
    let refused = Postgres::open(&cluster.address("newer"), Options::new(birth())).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, EngineError::TooNew { schema: 99, needs: 98, .. }), "{refused:?}");
}

async fn a_careless_server_is_refused(cluster: &Cluster) {
    cluster.command("CREATE DATABASE careless").await;
    cluster.command("ALTER DATABASE careless SET synchronous_commit = off").await;
    let refused = Postgres::open(&cluster.address("careless"), Options::new(birth())).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("synchronous_commit"), "{refused}");
}

/// Makes the database look like that of an older release.
struct Older;

impl Operation for Older {
    type Output = ();
    const NAME: &'static str = "older";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("UPDATE meta SET schema = 0, min_writer = 0")).await?;
        Ok(())
    }
}

async fn a_database_is_changed_only_when_there_is_a_backup(cluster: &Cluster) {
    let engine = open(cluster, "backup_first", 1).await;
    engine.write(Older).await.unwrap();
    let address = cluster.address("backup_first");
    let again = async |migrate_to| {
        let options = Options { migrate_to, ..Options::new(birth()) };
        Postgres::open(&address, options).await.unwrap_err().to_string()
    };
    let refused = again(0).await;
    assert!(refused.contains("backup") && refused.contains("migrate_to = 1"), "{refused}");
    // With the word it goes on, and meets the tables that are there already.
    let refused = again(1).await;
    assert!(refused.contains("already exists"), "{refused}");
}

/// A node dies in the midst of handing a message to many accounts, several times.
async fn a_plan_survives_the_node_that_recorded_it(cluster: &Cluster) {
    let other = open(cluster, "survives", 8).await;
    let engine = Engine::Postgres(other);
    let world = World::new(&engine).await;
    let mut accounts = Vec::new();
    for number in 0..200 {
        accounts.push(world.account(&format!("user{number}@example.com"), None).await);
    }
    let targets: Vec<(_, &[_])> = accounts.iter().map(|id| (*id, &[INBOX][..])).collect();
    let shares = "SELECT COUNT(*) FROM pending_plan WHERE account_id <> 0";
    let mut cut_off = 0;
    for (round, applied) in (1..).zip([0, 1, 20, 100]) {
        let plan = world.plan(&letter("to all"), &targets);
        let find = FindAccepted::of(&plan);
        let address = cluster.address("survives");
        let node = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        node.spawn(async move {
            let node = Postgres::open(&address, Options::new(birth())).await.unwrap();
            bulk::accept(&Engine::Postgres(node), plan).await
        });
        // From here on the sender may have been told 250.
        while world.read(find.clone()).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while world.count(shares).await > 200 - applied {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        node.shutdown_background();
        cut_off += i64::from(world.count(shares).await > 0);
        let later = Time::from_millis(i64::MAX);
        while bulk::apply_pending(&engine, later, world.now()).await.unwrap() > 0 {}
        let accepted = world.read(find).await.unwrap();
        assert_eq!((accepted.placed.len(), accepted.pending.len()), (200, 0));
        let inboxes = "SELECT COUNT(*) FROM placement WHERE email_id <> 0";
        assert_eq!(world.count(inboxes).await, 200 * round, "each has one copy");
        world.clean().await;
    }
    assert!(cut_off > 0, "no node was faster than its end");
    assert_eq!(world.count("SELECT COUNT(*) FROM pending_plan").await, 0);
}

/// Writes down what it is told.
struct Heard(mpsc::UnboundedSender<Change>);

impl Host for Heard {
    fn publish(&self, changes: &[Change]) {
        // Who does not listen any more need not be told.
        changes.iter().for_each(|change| _ = self.0.send(*change));
    }
    fn fatal(&self, error: &EngineError) {
        panic!("{error}");
    }
}

async fn hearing(cluster: &Cluster) -> (Engine, mpsc::UnboundedReceiver<Change>) {
    let (sender, heard) = mpsc::unbounded_channel();
    let options = Options { host: Arc::new(Heard(sender)), ..Options::new(birth()) };
    let node = Postgres::open(&cluster.address("hear"), options).await.unwrap();
    (Engine::Postgres(node), heard)
}

/// Waits until as many listen.
async fn listeners(cluster: &Cluster, count: i64) {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = 'hear' AND query SIMILAR TO '(LISTEN|NOTIFY)%'";
    while cluster.ask(SQL).await != count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn nodes_hear_of_each_other(cluster: &Cluster) {
    cluster.command("CREATE DATABASE hear").await;
    let (one, mut heard_by_one) = hearing(cluster).await;
    let (two, mut heard_by_two) = hearing(cluster).await;
    listeners(cluster, 2).await;
    let world = World::new(&one).await;
    world.deliver(&letter("x"), INBOX).await;
    let inbox = world.inbox().await;
    let account = world.alice;
    let arrived = |modseq| Change::Mailbox { account, mailbox: inbox.id, modseq };
    let arrival = arrived(inbox.highest_modseq);
    while heard_by_two.recv().await.unwrap() != arrival {}
    // The writer heard it at its commit, and not again from the other side.
    while heard_by_one.recv().await.unwrap() != arrival {}
    let flags = StoreFlags {
        account,
        mailbox: inbox.id,
        uids: vec![posthorn_base::Uid::FIRST],
        action: FlagAction::Add,
        flags: posthorn_base::Flags::SEEN,
        keywords: Vec::new(),
        unchanged_since: None,
    };
    two.write(flags).await.unwrap();
    let next = heard_by_one.recv().await.unwrap();
    assert_eq!(next, arrived(world.inbox().await.highest_modseq));

    // Both lose touch, and hear that they may have missed something.
    cluster
        .command(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = 'hear' AND query SIMILAR TO '(LISTEN|NOTIFY)%'",
        )
        .await;
    while heard_by_one.recv().await.unwrap() != Change::Everything {}
    while heard_by_two.recv().await.unwrap() != Change::Everything {}
    listeners(cluster, 2).await;
    world.deliver(&letter("y"), INBOX).await;
    let arrival = arrived(world.inbox().await.highest_modseq);
    while heard_by_two.recv().await.unwrap() != arrival {}

    // A command that ends at once is heard all the same.
    let (short, _) = hearing(cluster).await;
    short
        .write(CreateDomain { domain: Domain::parse("b.example").unwrap(), now: world.now() })
        .await
        .unwrap();
    short.close().await.unwrap();
    while heard_by_two.recv().await.unwrap() != Change::Directory {}
    one.close().await.unwrap();
    two.close().await.unwrap();
}

/// The same server reached by TCP, with a certificate for `localhost` from an authority of ours.
#[test]
#[ignore = "needs the server programs of PostgreSQL"]
fn postgres_tls() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(connections_are_protected_as_the_address_says());
}

async fn connections_are_protected_as_the_address_says() {
    let (cluster, authority, stranger) = Cluster::start_with_tls();
    let tcp = |host: &str, more: &str| {
        let port = cluster.port();
        format!("host={host} hostaddr=127.0.0.1 port={port} user=posthorn dbname=postgres {more}")
    };
    let root = format!("sslrootcert='{}'", authority.display());
    let other_root = format!("sslrootcert='{}'", stranger.display());
    let is_protected = async |address: String| -> Result<bool, String> {
        let node = Postgres::open(&address, Options::new(birth())).await;
        let node = node.map_err(|error| error.to_string())?;
        let is_protected = node.read(&IsProtected).await.unwrap();
        node.close().await;
        Ok(is_protected)
    };
    for (host, more, want) in [
        ("localhost", "", Ok(true)),
        ("localhost", "sslmode=disable", Ok(false)),
        ("localhost", "sslmode=require", Ok(true)),
        ("localhost", &format!("sslmode=verify-full {root}"), Ok(true)),
        ("localhost", &format!("sslmode=require {other_root}"), Err("UnknownIssuer")),
        ("localhost", "sslmode=verify-full", Err("UnknownIssuer")),
        ("db.example", "", Err("UnknownIssuer")),
        ("db.example", &root, Err("not valid for name")),
        ("db.example", &format!("sslmode=verify-ca {root}"), Ok(true)),
    ] {
        let got = is_protected(tcp(host, more)).await;
        match want {
            Ok(_) => assert_eq!(got.as_ref().ok(), want.as_ref().ok(), "{host} {more}: {got:?}"),
            Err(why) => {
                let got = got.expect_err(more);
                assert!(got.contains(why), "{host} {more}: {got}");
            }
        }
    }
}

/// Whether the connection that asks is under TLS.
struct IsProtected;

impl Operation for IsProtected {
    type Output = bool;
    const NAME: &'static str = "is protected";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let sql = "SELECT CASE WHEN ssl THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END \
                   FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Ok(tx.one(stmt!(sql)).await?.first().unwrap().get(0)?)
    }
}
