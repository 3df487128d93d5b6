//! What all sessions of a running server share.

use crate::auth::Authenticator;
use crate::hub::Hub;
use crate::intake::{LargeMessages, Refusals};
use crate::memory::Budget;
use crate::spool::SpoolDir;
use crate::system::Ids;
use crate::throttle::Throttle;
use crate::tls::Tls;
use posthorn_base::id::RawId;
use posthorn_base::{Clock, Domain, Time, ZonedTime};
use posthorn_store::Engine;
use posthorn_store::bodies::BodyFiles;
use posthorn_store::view::Views;
use std::sync::Arc;

/// The parts of a running server. One per process, shared by all of its tasks.
#[derive(Debug)]
pub struct Node {
    /// Our name: in greetings, in Received, in Message-IDs that we make.
    pub hostname: Domain,
    /// The store.
    pub engine: Arc<Engine>,
    /// Its body files.
    pub files: BodyFiles,
    /// Where its changes are told.
    pub hub: Arc<Hub>,
    /// Its mailboxes in use: `node.views.open(&node.engine, account, mailbox)`.
    pub views: Arc<Views>,
    /// Who may log in.
    pub auth: Authenticator,
    /// The stories of what is refused.
    pub refusals: Refusals,
    /// How strangers are slowed down.
    pub throttle: Arc<Throttle>,
    /// Memory for messages.
    pub budget: Budget,
    /// Turns for working on large messages.
    pub large: LargeMessages,
    /// Where messages are while they arrive.
    pub spool: SpoolDir,
    /// Certificates.
    pub tls: Arc<Tls>,
    /// Ids for everything that is made.
    pub ids: Arc<Ids>,
    /// The time.
    pub clock: Arc<dyn SharedClock>,
    /// What begins a subaddress.
    pub tag_separator: char,
}

/// What begins a subaddress (RFC 5233 1), for deliveries and for commands alike.
pub const TAG_SEPARATOR: char = '+';

/// A clock that can be shown by `Debug`.
pub trait SharedClock: Clock + std::fmt::Debug {}
impl<T: Clock + std::fmt::Debug> SharedClock for T {}

impl Node {
    /// The present instant.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The present instant with the machine's zone, for what people read.
    pub fn zoned_now(&self) -> ZonedTime {
        let time = self.now();
        ZonedTime { time, offset_minutes: self.clock.offset_minutes(time) }
    }

    /// A new id.
    pub fn next_id<T: From<RawId>>(&self) -> T {
        self.ids.next(self.now())
    }
}
