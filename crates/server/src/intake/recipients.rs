//! RCPT: who takes the message.

use super::story::refusal;
use crate::node::Node;
use posthorn_base::{AccountId, Address, Time, limits};
use posthorn_proto::smtp::{ForwardPath, Mail, Recipient, Reply};
use posthorn_store::StoreError;
use posthorn_store::directory::{
    Delivery, Forward, ReadQuota, Refusal, Resolution, Resolve, Wanted,
};
use posthorn_store::story::{Event, Kind, Label};
use std::net::IpAddr;

/// An accepted recipient and where it leads.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) recipient: Recipient,
    pub(super) resolution: Resolution,
}

/// Who asks for recipients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) peer: IpAddr,
    pub(super) mail: &'a Mail,
    /// Copies that the recipients before this one lead to.
    pub(super) copies: usize,
    /// The account that submits; `None` for other servers.
    pub(super) submitter: Option<AccountId>,
}

/// Decides on a recipient; what happened goes to the story.
pub(super) async fn check(
    node: &Node,
    asker: Asker<'_>,
    recipient: &Recipient,
    events: &mut Vec<Event>,
) -> Result<Resolution, Reply> {
    let now = node.now();
    let decided = decide(node, asker, recipient, now).await;
    match &decided {
        Ok(resolution) => tell(resolution, recipient, now, events),
        Err(reply) => events.push(
            refusal(now, Kind::RecipientRefused, reply)
                .with(Label::Address, recipient.to.to_string()),
        ),
    }
    decided
}

async fn decide(
    node: &Node,
    asker: Asker<'_>,
    recipient: &Recipient,
    now: Time,
) -> Result<Resolution, Reply> {
    if let Some(account) = asker.submitter
        && node.throttle.take_recipient(account, asker.peer, now).is_err()
    {
        return Err(Reply::SENDING_LIMIT);
    }
    let wanted = match &recipient.to {
        ForwardPath::Postmaster => Wanted::Postmaster,
        ForwardPath::Address(address) => Wanted::Address(address.clone()),
    };
    let resolve = Resolve {
        recipient: wanted,
        sender: asker.mail.from.address().cloned(),
        tag_separator: node.tag_separator,
    };
    let resolution = match node.engine.read(&resolve).await.map_err(failed)? {
        Ok(resolution) => resolution,
        Err(Refusal::NotOurs) => return elsewhere(asker, recipient),
        Err(Refusal::Unknown) => return Err(Reply::USER_UNKNOWN),
        Err(Refusal::Posting { list, posting }) => {
            return Err(Reply::REFUSED
                .with_text(format!("Only {} may write to the list {list}", posting.word())));
        }
        Err(Refusal::Loop) => return Err(Reply::new(550, 4, 6, "This address leads to itself")),
        Err(Refusal::TooMany) => {
            return Err(Reply::new(550, 2, 4, "This address leads to too many others"));
        }
    };
    if is_too_many(asker.copies, resolution.copies()) {
        return Err(Reply::TOO_MANY_RECIPIENTS);
    }
    check_room(node, &resolution, asker.mail.size.unwrap_or(0)).await?;
    Ok(resolution)
}

/// A list may lead to thousands and be named a thousand times; what a message is resolved to is
/// held in memory. The first recipient is bounded by itself, so that sending the rest in another
/// message comes to an end.
fn is_too_many(before: usize, more: usize) -> bool {
    before > 0 && before.saturating_add(more) > limits::ALIAS_RECIPIENTS_MAX
}

/// A domain that is not ours: only our own users may send there.
fn elsewhere(asker: Asker<'_>, recipient: &Recipient) -> Result<Resolution, Reply> {
    let Some(address) = recipient.to.address().filter(|_| asker.submitter.is_some()) else {
        return Err(Reply::RELAY_DENIED);
    };
    let forward = Forward { address: address.clone(), via: String::new(), list_owner: None };
    Ok(Resolution { deliveries: Vec::new(), forwards: vec![forward], discarded: false })
}

/// Quota is checked here, with the size that MAIL announced. An address that leads to several
/// accounts is refused only when none of them has room: one full mailbox must not stop a list, and
/// what we accept is delivered to all, so the full one overshoots by this message.
async fn check_room(node: &Node, resolution: &Resolution, size: u64) -> Result<(), Reply> {
    if resolution.deliveries.is_empty() || !resolution.forwards.is_empty() || resolution.discarded {
        return Ok(());
    }
    for delivery in &resolution.deliveries {
        let quota = ReadQuota { account: delivery.account };
        if node.engine.read(&quota).await.map_err(failed)?.has_room_for(size) {
            return Ok(());
        }
    }
    Err(Reply::MAILBOX_FULL)
}

fn tell(resolution: &Resolution, recipient: &Recipient, now: Time, events: &mut Vec<Event>) {
    let given = recipient.to.to_string();
    for Delivery { account, address, via } in &resolution.deliveries {
        let mut event = Event::new(now, Kind::Resolved)
            .of(*account)
            .with(Label::Address, given.as_str())
            .with(Label::Target, address.as_str());
        if !via.is_empty() {
            event = event.with(Label::Via, via.as_str());
        }
        events.push(event);
    }
    for forward in &resolution.forwards {
        let mut event = Event::new(now, Kind::Routed)
            .with(Label::Address, given.as_str())
            .with(Label::Target, forward.address.to_string())
            .with(Label::NextHop, next_hop(&forward.address));
        if !forward.via.is_empty() {
            event = event.with(Label::Via, forward.via.as_str());
        }
        events.push(event);
    }
    if resolution.discarded {
        events.push(Event::new(now, Kind::Discarded).with(Label::Address, given));
    }
}

/// Where mail for an address is sent: its domain.
pub(super) fn next_hop(address: &Address) -> &str {
    address.domain().ascii()
}

/// The reply to a failure of the store; the cause goes to the log.
pub(super) fn failed(error: StoreError) -> Reply {
    match &error {
        StoreError::Engine(posthorn_store::EngineError::Full) => {
            tracing::warn!(%error, "mail is put off");
            Reply::NO_STORAGE
        }
        _ => {
            tracing::error!(%error, "mail is put off");
            Reply::LOCAL_ERROR
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copies_of_one_message_are_bounded() {
        const MAX: usize = limits::ALIAS_RECIPIENTS_MAX;
        for (before, more, want) in [
            (0, MAX, false),
            (0, MAX + 1, false),
            (1, MAX - 1, false),
            (1, MAX, true),
            (MAX, 1, true),
        ] {
            assert_eq!(is_too_many(before, more), want, "{before} and {more}");
        }
        assert!(!is_too_many(MAX, 0), "what is thrown away makes no copy");
    }
}
