//! What a running server does for commands.

use super::error::{Refusal, RefusalKind};
use super::listener::{Answer, Exchange, Handler};
use super::request::{BlockItem, Lifted, Request};
use crate::throttle::{Block, BlockTarget, Throttle};
use posthorn_base::Clock;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// An order to reload, and where to say how it went.
pub type ReloadOrder = oneshot::Sender<Result<(), Refusal>>;

/// A way for reload orders to whoever can carry them out. More than a few at once wait.
pub fn reload_orders() -> (mpsc::Sender<ReloadOrder>, mpsc::Receiver<ReloadOrder>) {
    mpsc::channel(4)
}

/// The handler of a running server.
pub struct Operations {
    /// Whose blocks are listed and lifted.
    pub throttle: Arc<Throttle>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where reload orders go.
    pub reload: mpsc::Sender<ReloadOrder>,
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Handler for Operations {
    async fn handle(&self, request: Request, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        match request {
            Request::Ping {} => Ok(Value::Null),
            Request::Reload {} => self.reload().await,
            Request::Blocks {} => self.blocks(exchange).await,
            Request::LiftBlocks { network } => {
                let now = self.clock.now();
                let lifted = match network {
                    Some(network) => self.throttle.lift(network, now),
                    None => self.throttle.lift_all(now),
                };
                tracing::info!(?network, lifted, "blocks lifted by command");
                result(&Lifted { lifted })
            }
        }
    }
}

impl Operations {
    async fn reload(&self) -> Result<Value, Answer> {
        let stopping = || Refusal::new(RefusalKind::Temporary, "the server is stopping");
        let (order, outcome) = oneshot::channel();
        self.reload.send(order).await.map_err(|_| stopping())?;
        outcome.await.map_err(|_| stopping())??;
        Ok(Value::Null)
    }

    async fn blocks(&self, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        for block in self.throttle.blocks(self.clock.now()) {
            exchange.item(&shown(&block)).await?;
        }
        Ok(Value::Null)
    }
}

fn shown(block: &Block) -> BlockItem {
    let login = match &block.target {
        BlockTarget::Network(_) => None,
        BlockTarget::Login { name, .. } => Some(name.to_string()),
    };
    BlockItem {
        network: block.target.network(),
        login,
        reason: block.reason.to_string(),
        since: block.since.millis(),
        until: block.until.millis(),
    }
}

/// A result as it goes over the wire.
fn result(value: &impl serde::Serialize) -> Result<Value, Answer> {
    serde_json::to_value(value)
        .map_err(|error| Refusal::because(RefusalKind::Internal, &error).into())
}

#[cfg(test)]
mod tests {
    use super::super::{Client, ControlError};
    use super::*;
    use crate::system::SystemClock;
    use crate::throttle::{Offence, ThrottleConfig};

    fn operations() -> (Operations, Arc<Throttle>, mpsc::Receiver<ReloadOrder>) {
        let throttle = Arc::new(Throttle::new(ThrottleConfig::default()));
        let (reload, orders) = reload_orders();
        let operations =
            Operations { throttle: throttle.clone(), clock: Arc::new(SystemClock::new()), reload };
        (operations, throttle, orders)
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
        let (operations, throttle, _orders) = operations();
        let now = SystemClock::new().now();
        let peer = "192.0.2.7".parse().unwrap();
        for _ in 0..=ThrottleConfig::default().offences_per_hour {
            throttle.offended(peer, Offence::Protocol, now);
        }
        let mut client = Client::in_process(operations).unwrap();
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
        let (operations, _throttle, mut orders) = operations();
        let mut client = Client::in_process(operations).unwrap();
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
        assert!(
            matches!(refused, Err(ControlError::Refused(no)) if no.message.contains("stopping"))
        );
    }
}
