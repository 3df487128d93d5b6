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
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
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
    let mut accounts = HashSet::new();
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
    }
    for (accepted, forward) in sent_on(draft.recipients) {
        let row = queue_row(node, draft, accepted, forward, now.time).await?;
        events.push(
            Event::new(now.time, Kind::Queued)
                .with(Label::QueueId, row.id.to_string())
                .with(Label::Address, row.recipient.as_str())
                .with(Label::NextHop, row.next_hop.as_str()),
        );
        queue.push(row);
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

/// Each address elsewhere once, with the recipient that leads there. Where a list and the author
/// both name it, the author's own word counts, in whatever order they came: its NOTIFY, ENVID and
/// ORCPT were asked for of exactly this recipient (RFC 3461 4), and a list's copy has none.
fn sent_on(recipients: &[Accepted]) -> Vec<(&Accepted, &Forward)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut chosen: Vec<(&Accepted, &Forward)> = Vec::new();
    for accepted in recipients {
        for forward in &accepted.resolution.forwards {
            match places.entry(forward.address.to_string()) {
                Entry::Vacant(place) => {
                    place.insert(chosen.len());
                    chosen.push((accepted, forward));
                }
                Entry::Occupied(place) => {
                    if let Some(before) = chosen.get_mut(*place.get())
                        && before.1.list_owner.is_some()
                        && forward.list_owner.is_none()
                    {
                        *before = (accepted, forward);
                    }
                }
            }
        }
    }
    chosen
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

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_base::Address;
    use posthorn_proto::smtp::{ForwardPath, Recipient};
    use posthorn_store::directory::Resolution;

    const LIST: &str = "list@example.com";

    fn accepted(to: &str, forwards: &[&str]) -> Accepted {
        let address = |text: &str| Address::parse(text).unwrap();
        let list_owner = (to == LIST).then(|| AccountId::new(1).unwrap());
        let forward =
            |text: &&str| Forward { address: address(text), via: String::new(), list_owner };
        Accepted {
            recipient: Recipient {
                to: ForwardPath::Address(address(to)),
                notify: Some(smtp::Notify::Never),
                orcpt: Some(format!("rfc822;{to}").into()),
            },
            resolution: Resolution {
                deliveries: Vec::new(),
                forwards: forwards.iter().map(forward).collect(),
                discarded: false,
            },
        }
    }

    #[test]
    fn who_is_named_by_the_author_and_by_a_list_is_the_authors_recipient() {
        #[track_caller]
        fn check(recipients: &[Accepted], want: &[(&str, &str)]) {
            let chosen = sent_on(recipients);
            let text = |address: &Address| address.to_string();
            let chosen: Vec<(String, String)> = chosen
                .iter()
                .map(|(by, to)| (text(&to.address), text(by.recipient.to.address().unwrap())))
                .collect();
            let want: Vec<_> = want.iter().map(|(to, by)| ((*to).into(), (*by).into())).collect();
            assert_eq!(chosen, want);
        }
        let (x, y, alias) = ("x@else.example", "y@else.example", "alias@example.com");
        let (list, direct) = (accepted(LIST, &[x, y]), accepted(x, &[x]));
        check(&[list.clone(), direct.clone()], &[(x, x), (y, LIST)]);
        check(&[direct.clone(), list.clone()], &[(x, x), (y, LIST)]);
        // An alias is the author's word, too; of two such words the first one counts.
        check(&[list.clone(), accepted(alias, &[y]), accepted(y, &[y])], &[(x, LIST), (y, alias)]);
        check(&[list.clone(), list], &[(x, LIST), (y, LIST)]);
    }
}
