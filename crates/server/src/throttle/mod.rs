//! Throttling and blocks: attackers are slowed down and shut out, owners never.
//!
//! Guessing passwords is counted by network and by network and account together, never by account
//! alone: else anyone could lock anybody out. Where somebody has logged in well lately, nothing is
//! blocked. Every [`Block`] has a reason and an end, is listed, and is lifted by one command.
//!
//! Pure logic: the time is an argument, nothing is written to disk, and a restart forgets
//! everything.
//!
//! Invariants
//! * Memory is bounded however many addresses an attacker has: see [`recent`].
//! * An exempt network is never refused, delayed or blocked, whatever else is known of it.
//! * A block always ends.

mod block;
mod config;
mod rate;
mod recent;

pub use block::{Block, BlockReason, BlockTarget};
pub use config::ThrottleConfig;
pub use rate::{Rate, Wait};

use crate::network::Cidr;
use block::Blocks;
use posthorn_base::{AccountId, Time};
use rate::Bucket;
use recent::Recent;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// Accounts are known here by a keyed hash of the name that was tried, since the names of failed
/// logins come from strangers and may be long.
type NameHash = u64;

/// What a peer did that counts against its network. An honest client does each now and then, so
/// only many of them lead to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offence {
    /// Named a recipient that does not exist.
    UnknownRecipient,
    /// Wanted us to relay.
    Relay,
    /// Broke the protocol so that the connection was closed.
    Protocol,
    /// Tried to smuggle a second message behind the end of the first.
    Smuggling,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Offence::UnknownRecipient => "unknown recipients",
            Offence::Relay => "attempts to relay",
            Offence::Protocol => "broken protocol",
            Offence::Smuggling => "attempts to smuggle messages",
        })
    }
}

/// Why a peer must not go on now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its network, or its network for this account, is blocked.
    #[error("blocked until {until}: {reason}")]
    Blocked {
        /// Why.
        reason: BlockReason,
        /// Until when.
        until: Time,
    },
    /// More connections in a short time than its network may open.
    #[error(
        "too many connections from this network; the next one is taken in {} ms",
        .0.0.as_millis()
    )]
    TooFast(Wait),
}

/// A login that is being tried. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    name: Box<str>,
    secret: Option<u64>,
}

impl Attempt {
    /// The login name, in lower case, cut if it is absurdly long.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// All throttles of the server.
#[derive(Debug)]
pub struct Throttle {
    config: ThrottleConfig,
    names: RandomState,
    connections: Recent<Cidr, Bucket>,
    failures: Recent<Cidr, Bucket>,
    account_failures: Recent<(Cidr, NameHash), Bucket>,
    /// Wrong passwords that were counted already, and when.
    wrong_secrets: Recent<(Cidr, u64), Option<Time>>,
    offences: Recent<Cidr, Bucket>,
    /// The last good login from a network.
    good: Recent<Cidr, Option<Time>>,
    /// The last good login of an account from a network.
    account_good: Recent<(Cidr, NameHash), Option<Time>>,
    recipients: Recent<AccountId, (Bucket, Bucket)>,
    blocks: Blocks,
}

impl Throttle {
    /// Throttles that have seen nothing yet.
    pub fn new(config: ThrottleConfig) -> Self {
        let size = config.entries;
        Throttle {
            connections: Recent::new(size),
            failures: Recent::new(size),
            account_failures: Recent::new(size),
            wrong_secrets: Recent::new(size),
            offences: Recent::new(size),
            good: Recent::new(size),
            account_good: Recent::new(size),
            recipients: Recent::new(size),
            blocks: Blocks::new(&config),
            names: RandomState::new(),
            config,
        }
    }

    /// True for networks to which nothing here applies, by configuration.
    pub fn is_exempt(&self, peer: IpAddr) -> bool {
        self.config.exempt.contain(peer)
    }

    /// True where somebody has logged in lately, and for exempt networks.
    pub fn is_trusted(&self, peer: IpAddr, now: Time) -> bool {
        self.is_exempt(peer) || self.is_good(self.good.get(&Cidr::network_of(peer)), now)
    }

    /// Asked at every new connection, before anything is said.
    pub fn connect(&self, peer: IpAddr, now: Time) -> Result<(), Refusal> {
        if self.is_trusted(peer, now) {
            return Ok(());
        }
        let network = Cidr::network_of(peer);
        self.blocks.check(&BlockTarget::Network(network), now)?;
        let rate = self.config.connections();
        self.connections.with(network, |bucket| bucket.take(rate, now)).map_err(Refusal::TooFast)
    }

    /// Asked before a login is verified. `name` is the login name as it was given.
    pub fn may_log_in(&self, peer: IpAddr, name: &str, now: Time) -> Result<(), Refusal> {
        if self.is_exempt(peer) {
            return Ok(());
        }
        let network = Cidr::network_of(peer);
        if !self.is_account_trusted(network, name, now) {
            self.blocks.check(&BlockTarget::login(network, name), now)?;
        }
        if !self.is_trusted(peer, now) {
            self.blocks.check(&BlockTarget::Network(network), now)?;
        }
        Ok(())
    }

    /// What is remembered of a login between the question and its outcome.
    ///
    /// `secret` is the password that is tried, where the mechanism shows it; only a keyed hash of
    /// it is kept.
    pub fn attempt(&self, name: &str, secret: Option<&[u8]>) -> Attempt {
        let secret = secret.map(|secret| self.names.hash_one((name.to_lowercase(), secret)));
        Attempt { name: block::cut_name(name), secret }
    }

    /// Told of every login that failed. Says how long to wait before the answer.
    ///
    /// The same wrong password again counts once, so that a forgotten device with an old password
    /// does not block its owner.
    pub fn login_failed(&self, peer: IpAddr, attempt: &Attempt, now: Time) -> Duration {
        if self.is_exempt(peer) {
            return Duration::ZERO;
        }
        let network = Cidr::network_of(peer);
        if let Some(secret) = attempt.secret
            && self.is_repeated(network, secret, now)
        {
            return self.config.tarpit();
        }
        let name = attempt.name();
        let (of_network, of_account) = (self.config.failures(), self.config.account_failures());
        let key = (network, self.name_hash(name));
        let account =
            self.account_failures.with(key, |bucket| bucket.take(of_account, now).is_err());
        if account && !self.is_account_trusted(network, name, now) {
            self.blocks.add(BlockTarget::login(network, name), BlockReason::LoginFailures, now);
        }
        let (exceeded, count) = self.failures.with(network, |bucket| {
            let exceeded = bucket.take(of_network, now).is_err();
            (exceeded, bucket.used(of_network, now))
        });
        if exceeded && !self.is_trusted(peer, now) {
            self.blocks.add(BlockTarget::Network(network), BlockReason::LoginFailures, now);
        }
        self.config.tarpit_after(count)
    }

    /// Told of every login that succeeded.
    pub fn login_succeeded(&self, peer: IpAddr, name: &str, now: Time) {
        let network = Cidr::network_of(peer);
        self.good.with(network, |last| *last = Some(now));
        self.account_good.with((network, self.name_hash(name)), |last| *last = Some(now));
        self.account_failures.remove(&(network, self.name_hash(name)));
    }

    /// Told of what a peer did wrong apart from logins. True when that blocked its network: the
    /// connection should be closed.
    pub fn offended(&self, peer: IpAddr, offence: Offence, now: Time) -> bool {
        if self.is_trusted(peer, now) {
            return false;
        }
        let (network, rate) = (Cidr::network_of(peer), self.config.offences());
        let exceeded = self.offences.with(network, |bucket| bucket.take(rate, now).is_err());
        if exceeded {
            let reason = BlockReason::Offences(offence);
            self.blocks.add(BlockTarget::Network(network), reason, now);
        }
        exceeded
    }

    /// Asked for each recipient of a message that an account submits. Exempt networks are not
    /// counted.
    pub fn take_recipient(&self, account: AccountId, peer: IpAddr, now: Time) -> Result<(), Wait> {
        if self.is_exempt(peer) {
            return Ok(());
        }
        let (per_hour, per_day) = (self.config.recipients_hourly(), self.config.recipients_daily());
        self.recipients.with(account, |(hour, day)| {
            let before = *hour;
            hour.take(per_hour, now)?;
            day.take(per_day, now).inspect_err(|_| *hour = before)
        })
    }

    /// The blocks in force, the earliest to end first.
    pub fn blocks(&self, now: Time) -> Vec<Block> {
        self.blocks.list(now)
    }

    /// Lifts every block that touches the range, and forgets what led to it. How many there were.
    pub fn lift(&self, range: Cidr, now: Time) -> usize {
        self.lift_where(now, |target| {
            let network = target.network();
            network.is_within(&range) || range.is_within(&network)
        })
    }

    /// Lifts every block. How many there were.
    pub fn lift_all(&self, now: Time) -> usize {
        self.lift_where(now, |_| true)
    }

    fn lift_where(&self, now: Time, matches: impl Fn(&BlockTarget) -> bool) -> usize {
        let lifted = self.blocks.lift(now, matches);
        for target in &lifted {
            // Else the next failure would block again at once.
            match target {
                BlockTarget::Network(network) => {
                    self.failures.remove(network);
                    self.offences.remove(network);
                }
                BlockTarget::Login { network, name } => {
                    self.account_failures.remove(&(*network, self.name_hash(name)));
                }
            }
        }
        lifted.len()
    }

    fn is_good(&self, last: Option<Option<Time>>, now: Time) -> bool {
        last.flatten().is_some_and(|last| now.since(last) <= self.config.trust())
    }

    fn is_account_trusted(&self, network: Cidr, name: &str, now: Time) -> bool {
        self.is_good(self.account_good.get(&(network, self.name_hash(name))), now)
    }

    fn is_repeated(&self, network: Cidr, secret: u64, now: Time) -> bool {
        self.wrong_secrets.with((network, secret), |last| {
            let recently = last.is_some_and(|last| now.since(last) <= self.config.window());
            *last = Some(now);
            recently
        })
    }

    fn name_hash(&self, name: &str) -> NameHash {
        self.names.hash_one(block::cut_name(name))
    }
}

#[cfg(test)]
mod tests;
