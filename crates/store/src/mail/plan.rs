//! Plans: what a 250 decides.

use super::{EmailFacts, NewBody};
use crate::StoreError;
use crate::queue::NewQueueRow;
use crate::story::NewStory;
use posthorn_base::{AccountId, ArrivalId, EmailId, Flags, Keyword, MailboxId, Role, ZonedTime};
use std::collections::HashSet;

/// Where a copy goes. A mailbox that is gone when the plan is carried out, and a role that no
/// mailbox has, mean INBOX: what was accepted is never lost for a rename or a deletion in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// This mailbox.
    Mailbox(MailboxId),
    /// The mailbox with this role.
    Role(Role),
}

/// One copy in one mailbox.
#[derive(Clone, Debug)]
pub struct NewPlacement {
    /// Where.
    pub target: Target,
    /// Its flags from the start.
    pub flags: Flags,
    /// Its keywords from the start.
    pub keywords: Vec<Keyword>,
}

/// What one account gets of an arrival.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who.
    pub account: AccountId,
    /// The id of this account's email, made by the caller.
    pub email: EmailId,
    /// At least one; not two into the same place.
    pub placements: Vec<NewPlacement>,
}

/// The fate of one arrival: one transaction, whether it has one recipient or a thousand, local,
/// remote or both.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The arrival. Its id stands in the 250.
    pub arrival: ArrivalId,
    /// When it came: INTERNALDATE.
    pub received: ZonedTime,
    /// Its bytes, stored once for all.
    pub body: NewBody,
    /// What the parser found out.
    pub facts: EmailFacts,
    /// What each account gets. Recipients that lead to the same account are one delivery.
    pub deliveries: Vec<Delivery>,
    /// What is sent on.
    pub queue: Vec<NewQueueRow>,
    /// What happened so far.
    pub story: NewStory,
}

impl Plan {
    /// About how much the transaction writes.
    pub fn bytes(&self) -> usize {
        self.body.bytes() + self.deliveries.len() * self.facts.bytes() + self.queue.len() * 512
    }

    /// A plan that breaks one of the rules above is a bug of its maker: it is refused whole.
    pub(crate) fn verify(&self) -> Result<(), StoreError> {
        let refuse = |why: &str| {
            Err(StoreError::Refused(format!("the plan of arrival {} {why}", self.arrival)))
        };
        if self.story.arrival != self.arrival {
            return refuse("tells another arrival's story");
        }
        let mut accounts = HashSet::with_capacity(self.deliveries.len());
        for delivery in &self.deliveries {
            if !accounts.insert(delivery.account) {
                return refuse("names an account twice");
            }
            if delivery.placements.is_empty() {
                return refuse("delivers into no mailbox");
            }
            let mut targets = HashSet::with_capacity(delivery.placements.len());
            if !delivery.placements.iter().all(|placement| targets.insert(placement.target)) {
                return refuse("delivers twice into a mailbox");
            }
        }
        Ok(())
    }
}
