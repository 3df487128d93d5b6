//! Runs a test on an empty store of either engine.

mod cluster;

pub(crate) use cluster::Cluster;
use posthorn_base::{Random, Time};
use posthorn_store::postgres::{self, Isolation, Postgres};
use posthorn_store::sqlite::{self, Sqlite};
use posthorn_store::{Birth, Engine};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Bytes that follow from a seed.
struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

/// When every store of the suite was made.
pub(crate) const BORN: Time = Time::from_seconds(1_795_425_540);

pub(crate) fn birth() -> Birth {
    Birth::draw(BORN, &mut Seeded(7))
}

/// Runs one test on SQLite.
pub(crate) async fn on_sqlite(test: impl AsyncFnOnce(&Engine)) {
    let dir = tempfile::tempdir().unwrap();
    // Test machines may be tight: no reserve.
    let options = sqlite::Options { reserve_bytes: 0, ..sqlite::Options::new(birth()) };
    let engine = Engine::Sqlite(Sqlite::open(dir.path(), options).unwrap());
    test(&engine).await;
    engine.close().await.unwrap();
}

/// A test with its name.
pub(crate) type Case = (&'static str, fn(Arc<Engine>) -> Pin<Box<dyn Future<Output = ()> + Send>>);

/// Runs all tests on PostgreSQL and panics with the names of those that failed.
pub(crate) fn on_postgres(cases: &[Case]) {
    let cluster = Cluster::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut failed = Vec::new();
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        let template = format!("template_{isolation:?}").to_lowercase();
        runtime.block_on(async {
            cluster.command(&format!("CREATE DATABASE {template}")).await;
            open(&cluster, &template, isolation).await.close().await.unwrap();
        });
        for (number, (name, case)) in cases.iter().enumerate() {
            let database = format!("{template}_{number}");
            let passed = runtime.block_on(async {
                cluster.command(&format!("CREATE DATABASE {database} TEMPLATE {template}")).await;
                let engine = Arc::new(open(&cluster, &database, isolation).await);
                let passed = tokio::spawn(case(Arc::clone(&engine))).await.is_ok();
                engine.close().await.unwrap();
                passed
            });
            let word = if passed { "ok" } else { "FAILED" };
            println!("postgres {isolation:?} {name} ... {word}");
            if !passed {
                failed.push(format!("{name} ({isolation:?})"));
            }
        }
    }
    assert!(failed.is_empty(), "failed on PostgreSQL: {failed:#?}");
}

async fn open(cluster: &Cluster, database: &str, isolation: Isolation) -> Engine {
    let options =
        postgres::Options { isolation, connections: 8, ..postgres::Options::new(birth()) };
    Engine::Postgres(Postgres::open(&cluster.address(database), options).await.unwrap())
}

/// `suite! { module: test, test; module: test; }`
macro_rules! suite {
    ($($module:ident: $($test:ident),+ $(,)?;)+) => {
        mod sqlite {$(
            mod $module {$(
                #[tokio::test]
                async fn $test() {
                    crate::harness::on_sqlite(crate::$module::$test).await;
                }
            )+}
        )+}

        #[test]
        #[ignore = "needs the server programs of PostgreSQL"]
        fn postgres() {
            crate::harness::on_postgres(&[$($(
                (concat!(stringify!($module), "::", stringify!($test)), |engine| {
                    Box::pin(async move { crate::$module::$test(&engine).await })
                }),
            )+)+]);
        }
    };
}
