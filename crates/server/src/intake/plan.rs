//! From an arrival to its plan: which mailboxes, which queue rows, which story.

use super::recipients::{Accepted, failed, next_hop};
use super::story::tell;
use crate::node::Node;
use posthorn_base::{AccountId, ArrivalId, Flags, Role, Time, ZonedTime};
use posthorn_proto::smtp::{self, Body, Mail, Reply};
use posthorn_store::directory::{Forward, ReadAccount};
use posthorn_store::mail::{Delivery, EmailFacts, NewBody, NewPlacement, Plan, Target};
use posthorn_store::queue::{Needs, NewQueueRow, Notify, Ret};
use posthorn_store::story::{Event, Kind, Label, StoryKind};
use std::collections::HashSet;
use std::time::Duration;

/// How long a message is tried before it goes back. RFC 5321 4.5.4.1: at least 4 to 5 days.
const QUEUE_LIFE: Duration = Duration::from_secs(5 * 86_400);

/// What the envelope decides.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) arrival: ArrivalId,
    pub(super) mail: &'a Mail,
    pub(super) recipients: &'a [Accepted],
    pub(super) submitter: Option<AccountId>,
}

/// Makes the plan. `events` is the story so far; it ends with what is decided here.
pub(super) async fn plan(
    node: &Node,
    draft: Draft<'_>,
    events: &mut Vec<Event>,
    now: ZonedTime,
    facts: EmailFacts,
    body: NewBody,
) -> Result<Plan, Reply> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    let mut queue: Vec<NewQueueRow> = Vec::new();
    let (mut accounts, mut remote) = (HashSet::new(), HashSet::new());
    for accepted in draft.recipients {
        for local in &accepted.resolution.deliveries {
            if !accounts.insert(local.account) {
                continue; // several recipients lead to one mailbox: one copy
            }
            events.push(
                Event::new(now.time, Kind::Placed)
                    .of(local.account)
                    .with(Label::Mailbox, Role::Inbox.default_name()),
            );
            deliveries.push(Delivery {
                account: local.account,
                email: node.next_id(),
                placements: vec![NewPlacement {
                    target: Target::Role(Role::Inbox),
                    flags: Flags::NONE,
                    keywords: Vec::new(),
                }],
            });
        }
        for forward in &accepted.resolution.forwards {
            let final_address = forward.address.to_string();
            if !remote.insert(final_address) {
                continue;
            }
            let row = queue_row(node, draft, accepted, forward, now.time).await?;
            events.push(
                Event::new(now.time, Kind::Queued)
                    .with(Label::QueueId, row.id.to_string())
                    .with(Label::Address, row.recipient.as_str())
                    .with(Label::NextHop, row.next_hop.as_str()),
            );
            queue.push(row);
        }
    }
    events.push(
        Event::new(now.time, Kind::Committed).with(Label::Octets, body.message_size().to_string()),
    );
    let events = std::mem::take(events);
    Ok(Plan {
        arrival: draft.arrival,
        received: now,
        body,
        facts,
        deliveries,
        queue,
        story: tell(draft.arrival, StoryKind::Accepted, events, now.time),
    })
}

async fn queue_row(
    node: &Node,
    draft: Draft<'_>,
    accepted: &Accepted,
    forward: &Forward,
    now: Time,
) -> Result<NewQueueRow, Reply> {
    let mail = draft.mail;
    // A list's bounces go to its owner, who can do something about them.
    let return_path = match forward.list_owner {
        None => mail.from.address().map(ToString::to_string).unwrap_or_default(),
        Some(account) => {
            let owner = node.engine.read(&ReadAccount { account }).await.map_err(failed)?;
            owner.map(|owner| owner.address).unwrap_or_default()
        }
    };
    let is_direct = forward.list_owner.is_none();
    Ok(NewQueueRow {
        id: node.next_id(),
        account: draft.submitter,
        recipient: match accepted.recipient.to.address() {
            Some(address) => address.to_string(),
            None => "postmaster".into(),
        },
        final_address: forward.address.to_string(),
        orcpt: accepted.recipient.orcpt.as_deref().map(str::to_owned),
        // RFC 3461 5.2.7.3: what the author asked to be told ends at a list.
        notify: accepted.recipient.notify.filter(|_| is_direct).map_or(Notify::NONE, notify),
        ret: match mail.ret {
            None => Ret::Unsaid,
            Some(smtp::Return::Full) => Ret::Full,
            Some(smtp::Return::Headers) => Ret::Headers,
        },
        envid: mail.envid.as_deref().filter(|_| is_direct).map(str::to_owned),
        return_path,
        next_hop: next_hop(&forward.address).to_owned(),
        needs: needs(mail, forward),
        priority: 0,
        due_at: now,
        expires_at: now + QUEUE_LIFE,
    })
}

fn notify(notify: smtp::Notify) -> Notify {
    match notify {
        smtp::Notify::Never => Notify::NEVER,
        smtp::Notify::When { success, failure, delay } => {
            let bits =
                [(success, Notify::SUCCESS), (failure, Notify::FAILURE), (delay, Notify::DELAY)];
            bits.into_iter()
                .filter(|(asked, _)| *asked)
                .fold(Notify::NONE, |all, (_, bit)| all.with(bit))
        }
    }
}

fn needs(mail: &Mail, forward: &Forward) -> Needs {
    let needed = [
        (mail.body == Body::EightBitMime, Needs::EIGHT_BIT),
        (mail.body == Body::BinaryMime, Needs::BINARYMIME),
        (mail.smtputf8 || forward.address.needs_smtputf8(), Needs::SMTPUTF8),
        (mail.require_tls, Needs::REQUIRETLS),
    ];
    needed
        .into_iter()
        .filter(|(is_needed, _)| *is_needed)
        .fold(Needs::NONE, |all, (_, need)| all.with(need))
}
