//! Blocks: who is shut out, why and until when.

use super::{Offence, Refusal, ThrottleConfig};
use crate::network::Cidr;
use posthorn_base::shown::Shown;
use posthorn_base::{Time, limits};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whom a block shuts out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BlockTarget {
    /// Everything from a network.
    Network(Cidr),
    /// Logins to one account from a network.
    Login {
        /// The network.
        network: Cidr,
        /// The login name as it was tried, in lower case, cut if it is absurdly long.
        name: Box<str>,
    },
}

impl BlockTarget {
    pub(super) fn login(network: Cidr, name: &str) -> Self {
        BlockTarget::Login { network, name: cut_name(name) }
    }

    /// The network.
    pub fn network(&self) -> Cidr {
        match self {
            BlockTarget::Network(network) | BlockTarget::Login { network, .. } => *network,
        }
    }
}

/// A login name as it is known here: strangers make them up, in any case and length.
pub(super) fn cut_name(name: &str) -> Box<str> {
    let name = name.to_lowercase();
    let cut = name.floor_char_boundary(limits::PATH_BYTES_MAX);
    name.get(..cut).unwrap_or_default().into()
}

impl fmt::Display for BlockTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockTarget::Network(network) => network.fmt(f),
            BlockTarget::Login { network, name } => {
                write!(f, "{network} for {}", Shown::text(name))
            }
        }
    }
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockReason {
    /// Too many failed logins.
    LoginFailures,
    /// Too many offences; the last one is named.
    Offences(Offence),
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockReason::LoginFailures => f.write_str("too many failed logins"),
            BlockReason::Offences(last) => write!(f, "too many {last}"),
        }
    }
}

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whom.
    pub target: BlockTarget,
    /// Why.
    pub reason: BlockReason,
    /// Since when.
    pub since: Time,
    /// Until when.
    pub until: Time,
    /// How often it was blocked shortly before.
    pub level: u32,
}

/// All blocks, also those that ended lately: they make the next one longer.
#[derive(Debug)]
pub(super) struct Blocks {
    config: ThrottleConfig,
    blocks: Mutex<HashMap<BlockTarget, Block>>,
}

impl Blocks {
    pub(super) fn new(config: &ThrottleConfig) -> Self {
        Blocks { config: config.clone(), blocks: Mutex::default() }
    }

    pub(super) fn check(&self, target: &BlockTarget, now: Time) -> Result<(), Refusal> {
        match self.lock().get(target) {
            Some(block) if block.until > now => {
                Err(Refusal::Blocked { reason: block.reason, until: block.until })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Blocks, unless it is blocked already.
    pub(super) fn add(&self, target: BlockTarget, reason: BlockReason, now: Time) {
        let mut blocks = self.lock();
        let level = match blocks.get(&target) {
            Some(block) if block.until > now => return,
            Some(block) if now.since(block.until) <= self.config.forgive() => {
                block.level.saturating_add(1)
            }
            Some(_) | None => 0,
        };
        if blocks.len() >= limits::BLOCKS_MAX && !blocks.contains_key(&target) {
            let first_to_end = blocks.values().min_by_key(|block| block.until);
            if let Some(target) = first_to_end.map(|block| block.target.clone()) {
                blocks.remove(&target);
            }
        }
        let until = now + self.config.block(level);
        tracing::info!(%target, %reason, %until, "blocked");
        blocks.insert(target.clone(), Block { target, reason, since: now, until, level });
    }

    pub(super) fn list(&self, now: Time) -> Vec<Block> {
        let blocks = self.lock();
        let mut list: Vec<_> = blocks.values().filter(|block| block.until > now).cloned().collect();
        list.sort_by_key(|block| block.until);
        list
    }

    /// Removes those that match and returns those of them that were in force.
    pub(super) fn lift(
        &self,
        now: Time,
        matches: impl Fn(&BlockTarget) -> bool,
    ) -> Vec<BlockTarget> {
        let gone: Vec<Block> =
            self.lock().extract_if(|target, _| matches(target)).map(|(_, block)| block).collect();
        let in_force = gone.into_iter().filter(|block| block.until > now);
        in_force.map(|block| block.target).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlockTarget, Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn their_number_is_bounded_and_the_first_to_end_makes_room() {
        let blocks = Blocks::new(&ThrottleConfig::default());
        let target = |n: usize| BlockTarget::login("192.0.2.0/24".parse().unwrap(), &n.to_string());
        let start = Time::from_seconds(1000);
        for n in 0..=limits::BLOCKS_MAX {
            let now = start + Duration::from_millis(n as u64);
            blocks.add(target(n), BlockReason::LoginFailures, now);
        }
        assert_eq!(blocks.lock().len(), limits::BLOCKS_MAX);
        assert_eq!(blocks.check(&target(0), start), Ok(()));
        assert!(blocks.check(&target(1), start).is_err());
        let long = BlockTarget::login("192.0.2.0/24".parse().unwrap(), &"é".repeat(5000));
        assert!(long.to_string().len() < 1000);
    }
}
