//! What only PostgreSQL can do to us: connections that break, callers that leave, other nodes.

use crate::harness::{Cluster, birth};
use posthorn_store::postgres::{Options, Postgres};
use posthorn_store::{EngineError, Operation, StoreError, Tx, stmt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// All of it, each in a database of its own.
pub(crate) async fn all(cluster: &Cluster) {
    a_commit_without_an_answer_is_ambiguous(cluster).await;
    a_caller_that_leaves_takes_its_transaction_along(cluster).await;
    a_write_goes_on_when_its_caller_leaves(cluster).await;
    two_nodes_start_at_once(cluster).await;
    a_store_that_needs_a_newer_release_is_refused(cluster).await;
    a_careless_server_is_refused(cluster).await;
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
        node.close();
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

#[tokio::test]
async fn a_database_beyond_this_machine_is_refused_before_anything_is_sent() {
    for address in [
        "host=db.example user=posthorn",
        "postgres://posthorn:secret@192.0.2.1/posthorn",
        "host=localhost,db.example",
        "host=localhost hostaddr=192.0.2.1",
    ] {
        let refused = Postgres::open(address, Options::new(birth())).await.unwrap_err().to_string();
        assert!(refused.contains("TLS") && !refused.contains("secret"), "{address}: {refused}");
    }
    assert!(Postgres::open("not an address", Options::new(birth())).await.is_err());
}
