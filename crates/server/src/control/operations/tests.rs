use super::*;
use crate::control::{Client, ControlError};
use crate::open::{EngineSettings, StoreSettings};
use crate::system::SystemClock;
use crate::throttle::{Offence, ThrottleConfig};
use posthorn_base::Clock;

/// The handler of a server, with a store in a directory of its own.
fn operations() -> (Operations, Arc<Throttle>, mpsc::Receiver<ReloadOrder>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let throttle = Arc::new(Throttle::new(ThrottleConfig::default()));
    let (reload, orders) = reload_orders();
    let engine = EngineSettings::sqlite(0);
    let settings = StoreSettings::new(dir.path().to_owned(), engine);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = runtime.block_on(OpenStore::open(&settings, &SystemClock::new())).unwrap();
    let mut operations = Operations::offline(store);
    operations.server = Some(ServerParts { throttle: throttle.clone(), reload });
    (operations, throttle, orders, dir)
}

fn blocks(client: &mut Client) -> Vec<BlockItem> {
    let mut blocks = Vec::new();
    let each = |block| {
        blocks.push(block);
        Ok::<(), ControlError>(())
    };
    client.list::<_, (), _>(&Request::Blocks {}, each).unwrap();
    blocks
}

#[test]
fn blocks_are_listed_and_lifted() {
    let (operations, throttle, _orders, _dir) = operations();
    let now = SystemClock::new().now();
    let peer = "192.0.2.7".parse().unwrap();
    for _ in 0..=ThrottleConfig::default().offences_per_hour {
        throttle.offended(peer, Offence::Protocol, now);
    }
    let mut client = in_process(operations);
    let listed = blocks(&mut client);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].network, "192.0.2.0/24".parse().unwrap());
    assert!(listed[0].reason.starts_with("too many") && listed[0].until > listed[0].since);
    let lift = |network: &str| Request::LiftBlocks { network: Some(network.parse().unwrap()) };
    let lifted = |client: &mut Client, request| client.ask::<Lifted>(&request).unwrap().lifted;
    assert_eq!(lifted(&mut client, lift("198.51.100.0/24")), 0);
    assert_eq!(lifted(&mut client, lift("192.0.2.7")), 1);
    assert!(blocks(&mut client).is_empty());
    assert_eq!(lifted(&mut client, Request::LiftBlocks { network: None }), 0);
}

#[test]
fn a_reload_waits_for_its_outcome() {
    let (operations, _throttle, mut orders, _dir) = operations();
    let mut client = in_process(operations);
    client.ask::<()>(&Request::Ping {}).unwrap();
    let worker = std::thread::spawn(move || {
        orders.blocking_recv().unwrap().send(Ok(())).unwrap();
        let no = Refusal::new(RefusalKind::Configuration, "two errors");
        orders.blocking_recv().unwrap().send(Err(no)).unwrap();
    });
    client.ask::<()>(&Request::Reload {}).unwrap();
    let refused = client.ask::<()>(&Request::Reload {});
    assert!(matches!(refused, Err(ControlError::Refused(no)) if no.message == "two errors"));
    worker.join().unwrap();
    let refused = client.ask::<()>(&Request::Reload {});
    assert!(matches!(refused, Err(ControlError::Refused(no)) if no.message.contains("stopping")));
}

fn in_process(handler: impl Handler) -> Client {
    let make = || async { Ok::<_, ControlError>(handler) };
    Client::in_process(|| Ok(()), make).unwrap()
}
