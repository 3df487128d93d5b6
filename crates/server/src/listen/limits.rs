//! How many connections there may be at once: in all, per service, per network and per address.

use crate::network::{Cidr, Exemptions};
use posthorn_base::limits;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// `[limits.connections]` - how many connections there may be at once.
///
/// Of networks where somebody has logged in well lately, only `total` and `per_service` count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections of all services together. Each takes up to 64 KiB of memory besides messages,
    /// and a file descriptor.
    pub total: u32,
    /// Connections of one service (SMTP, submission, POP3...), so that a flood on one leaves room
    /// for the others.
    pub per_service: u32,
    /// Connections from one IPv4 /24 or IPv6 /64.
    pub per_network: u32,
    /// Connections from one address.
    pub per_address: u32,
    /// Networks to which none of these limits applies. The machine itself unless set.
    pub exempt: Exemptions,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            total: limits::CONNECTIONS_MAX,
            per_service: limits::CONNECTIONS_MAX / 4 * 3,
            per_network: 200,
            per_address: 100,
            exempt: Exemptions::default(),
        }
    }
}

/// Which limit a connection would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LimitReached {
    /// All connections together.
    #[error("the server has as many connections as it takes")]
    Total,
    /// Those of the service.
    #[error("the service has as many connections as it takes")]
    Service,
    /// Those of the network.
    #[error("too many connections from this network")]
    Network,
    /// Those of the address.
    #[error("too many connections from this address")]
    Address,
}

/// Counts the connections that are open. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    config: Arc<LimitsConfig>,
    counts: Arc<Mutex<Counts>>,
}

/// Only what is open has an entry, so the maps are as bounded as the total.
#[derive(Debug, Default)]
struct Counts {
    total: u32,
    services: HashMap<&'static str, u32>,
    networks: HashMap<Cidr, u32>,
    addresses: HashMap<IpAddr, u32>,
}

impl ConnectionLimits {
    /// Limits with nothing open yet.
    pub fn new(config: LimitsConfig) -> Self {
        ConnectionLimits { config: Arc::new(config), counts: Arc::default() }
    }

    /// Counts a connection in, until the [`Admission`] is dropped. `is_trusted`: somebody logged in
    /// well from there lately.
    pub fn admit(
        &self,
        service: &'static str,
        peer: IpAddr,
        is_trusted: bool,
    ) -> Result<Admission, LimitReached> {
        let address = peer.to_canonical();
        let network = Cidr::network_of(address);
        let mut counts = self.lock();
        if !self.config.exempt.contain(address) {
            let limits = &self.config;
            let of = |count: Option<&u32>| count.copied().unwrap_or(0);
            let reached = [
                (counts.total >= limits.total, LimitReached::Total),
                (of(counts.services.get(service)) >= limits.per_service, LimitReached::Service),
                (
                    !is_trusted && of(counts.networks.get(&network)) >= limits.per_network,
                    LimitReached::Network,
                ),
                (
                    !is_trusted && of(counts.addresses.get(&address)) >= limits.per_address,
                    LimitReached::Address,
                ),
            ];
            if let Some((_, limit)) = reached.into_iter().find(|(is_reached, _)| *is_reached) {
                return Err(limit);
            }
        }
        counts.total = counts.total.saturating_add(1);
        add(&mut counts.services, service);
        add(&mut counts.networks, network);
        add(&mut counts.addresses, address);
        Ok(Admission { limits: self.clone(), service, network, address })
    }

    /// Connections open now.
    pub fn open(&self) -> u32 {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: K) {
    let count = counts.entry(key).or_insert(0);
    *count = count.saturating_add(1);
}

fn subtract<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// A connection's place among those that are open. Given back when dropped.
#[derive(Debug)]
pub struct Admission {
    limits: ConnectionLimits,
    service: &'static str,
    network: Cidr,
    address: IpAddr,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.total = counts.total.saturating_sub(1);
        subtract(&mut counts.services, &self.service);
        subtract(&mut counts.networks, &self.network);
        subtract(&mut counts.addresses, &self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ConnectionLimits {
        ConnectionLimits::new(LimitsConfig {
            total: 10,
            per_service: 6,
            per_network: 4,
            per_address: 2,
            exempt: Exemptions::default(),
        })
    }

    fn fill(limits: &ConnectionLimits, service: &'static str, peers: &[&str]) -> Vec<Admission> {
        let admit = |peer: &&str| limits.admit(service, peer.parse().unwrap(), false).unwrap();
        peers.iter().map(admit).collect()
    }

    #[test]
    fn each_limit_by_one_too_many_and_again_after_one_left() {
        #[track_caller]
        fn check(held: &[(&'static str, &[&str])], one: (&'static str, &str), want: LimitReached) {
            let limits = limits();
            let mut open: Vec<_> =
                held.iter().flat_map(|(service, peers)| fill(&limits, service, peers)).collect();
            let (service, peer) = (one.0, one.1.parse().unwrap());
            assert_eq!(limits.admit(service, peer, false).unwrap_err(), want);
            open.pop();
            assert!(limits.admit(service, peer, false).is_ok(), "room again");
            drop(open);
            assert_eq!(limits.open(), 0);
            let counts = limits.lock();
            assert!(counts.services.is_empty() && counts.networks.is_empty());
            assert!(counts.addresses.is_empty());
        }
        let same = ["192.0.2.1", "192.0.2.1"];
        check(&[("smtp", &same)], ("pop3", "::ffff:192.0.2.1"), LimitReached::Address);
        let network = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
        check(&[("smtp", &network)], ("smtp", "192.0.2.4"), LimitReached::Network);
        let six = ["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1", "10.0.5.1"];
        check(&[("smtp", &six)], ("smtp", "10.0.6.1"), LimitReached::Service);
        let four = ["10.1.0.1", "10.1.1.1", "10.1.2.1", "10.1.3.1"];
        check(&[("smtp", &six), ("pop3", &four)], ("pop3", "10.0.6.1"), LimitReached::Total);
    }

    #[test]
    fn trust_and_exemption() {
        let limits = limits();
        let _open = fill(&limits, "smtp", &["192.0.2.1", "192.0.2.1"]);
        assert!(limits.admit("smtp", "192.0.2.1".parse().unwrap(), true).is_ok());
        let loopback = "127.0.0.1".parse().unwrap();
        let many: Vec<_> =
            (0..20).map(|_| limits.admit("smtp", loopback, false).unwrap()).collect();
        assert_eq!(limits.open(), 22);
        let stranger = "198.51.100.1".parse().unwrap();
        assert_eq!(limits.admit("pop3", stranger, true).unwrap_err(), LimitReached::Total);
        drop(many);
    }
}
