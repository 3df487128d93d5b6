//! The settings of the throttles.

use super::Rate;
use crate::network::Exemptions;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[throttle]` - how attackers are slowed down and shut out.
///
/// A network is an IPv4 /24 or an IPv6 /64. Of a count per time, the whole count may be used at
/// once; it then comes back evenly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleConfig {
    /// Networks to which no limit and no block applies. The machine itself unless set.
    pub exempt: Exemptions,
    /// New connections that a network may open per minute.
    pub connections_per_minute: u32,
    /// Failed logins that a network may make per hour, over all accounts, before it is blocked.
    pub login_failures_per_hour: u32,
    /// Failed logins that a network may make per hour on one account, before it is blocked for that
    /// account. The same wrong password again counts once.
    pub account_login_failures_per_hour: u32,
    /// Unknown recipients, attempts to relay and broken protocol that a network may show per hour,
    /// before it is blocked.
    pub offences_per_hour: u32,
    /// Milliseconds that the answer to a failed login waits. Doubles with each further one, up to
    /// `tarpit_ms_max`.
    pub tarpit_ms: u32,
    /// The longest wait before the answer to a failed login, in milliseconds.
    pub tarpit_ms_max: u32,
    /// Seconds that the first block of a network lasts. Doubles each time it is blocked again, up
    /// to `block_seconds_max`; a day of good behaviour starts over.
    pub block_seconds: u32,
    /// The longest block, in seconds.
    pub block_seconds_max: u32,
    /// Days during which a network with a good login is not blocked.
    pub trust_days: u32,
    /// Recipients per hour to whom an account may submit.
    pub recipients_per_hour: u32,
    /// Recipients per day to whom an account may submit.
    pub recipients_per_day: u32,
    /// Networks and accounts remembered by each throttle. The oldest are forgotten first. Each
    /// takes about 100 bytes.
    pub entries: usize,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        ThrottleConfig {
            exempt: Exemptions::default(),
            connections_per_minute: 120,
            login_failures_per_hour: 30,
            account_login_failures_per_hour: 10,
            offences_per_hour: 100,
            tarpit_ms: 500,
            tarpit_ms_max: 8000,
            block_seconds: 600,
            block_seconds_max: 86_400,
            trust_days: 30,
            recipients_per_hour: 500,
            recipients_per_day: 2000,
            entries: 32_768,
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl ThrottleConfig {
    pub(super) fn connections(&self) -> Rate {
        Rate::new(self.connections_per_minute, MINUTE)
    }
    pub(super) fn failures(&self) -> Rate {
        Rate::new(self.login_failures_per_hour, HOUR)
    }
    pub(super) fn account_failures(&self) -> Rate {
        Rate::new(self.account_login_failures_per_hour, HOUR)
    }
    pub(super) fn offences(&self) -> Rate {
        Rate::new(self.offences_per_hour, HOUR)
    }
    pub(super) fn recipients_hourly(&self) -> Rate {
        Rate::new(self.recipients_per_hour, HOUR)
    }
    pub(super) fn recipients_daily(&self) -> Rate {
        Rate::new(self.recipients_per_day, DAY)
    }
    /// How long a wrong password is remembered as counted.
    pub(super) fn window(&self) -> Duration {
        HOUR
    }
    pub(super) fn trust(&self) -> Duration {
        DAY.saturating_mul(self.trust_days)
    }
    pub(super) fn tarpit(&self) -> Duration {
        self.tarpit_after(1)
    }
    /// The wait after the `count`th failure of a network.
    pub(super) fn tarpit_after(&self, count: u32) -> Duration {
        let factor = 2u32.saturating_pow(count.saturating_sub(1));
        let wait = self.tarpit_ms.saturating_mul(factor).min(self.tarpit_ms_max);
        Duration::from_millis(u64::from(wait))
    }
    /// How long the block lasts that follows `level` earlier ones.
    pub(super) fn block(&self, level: u32) -> Duration {
        let seconds = self.block_seconds.saturating_mul(2u32.saturating_pow(level));
        Duration::from_secs(u64::from(seconds.min(self.block_seconds_max).max(1)))
    }
    /// Good behaviour after which blocks are short again.
    pub(super) fn forgive(&self) -> Duration {
        DAY
    }
}
