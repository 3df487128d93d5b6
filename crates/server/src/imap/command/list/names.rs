//! The names of an account as LIST and LSUB see them: mailboxes, subscribed names without one, and
//! names that only stand above others.

use posthorn_base::MailboxName;
use posthorn_store::mail::Mailbox;
use std::collections::BTreeMap;

/// A name.
#[derive(Debug, Default)]
pub(in super::super) struct Name {
    /// The mailbox, if there is one.
    pub(in super::super) mailbox: Option<Mailbox>,
    /// It is subscribed.
    pub(in super::super) is_subscribed: bool,
    /// There are mailboxes below it.
    pub(in super::super) has_children: bool,
}

/// INBOX first, then the others in the order of their octets.
pub(in super::super) type Names = BTreeMap<Key, Name>;

/// Orders INBOX before all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Key {
    is_not_inbox: bool,
    pub(in super::super) name: String,
}

impl Key {
    pub(in super::super) fn new(name: &str) -> Self {
        Key { is_not_inbox: name != "INBOX", name: name.to_owned() }
    }
}

/// The names above this one, the nearest first.
pub(in super::super) fn above(name: &str) -> impl Iterator<Item = &str> {
    fn parent(name: &str) -> Option<&str> {
        name.rsplit_once(MailboxName::SEPARATOR).map(|(above, _)| above)
    }
    std::iter::successors(parent(name), |name| parent(name))
}

/// All names: of the mailboxes, of the subscriptions, and what stands above them.
pub(in super::super) fn names(mailboxes: Vec<Mailbox>, subscriptions: &[MailboxName]) -> Names {
    let mut names = Names::new();
    for mailbox in mailboxes {
        for above in above(mailbox.name.as_str()) {
            let above = names.entry(Key::new(above)).or_default();
            // Those above it were noted with it.
            if std::mem::replace(&mut above.has_children, true) {
                break;
            }
        }
        let name = names.entry(Key::new(mailbox.name.as_str())).or_default();
        name.is_subscribed = mailbox.is_subscribed;
        name.mailbox = Some(mailbox);
    }
    for subscribed in subscriptions {
        for above in above(subscribed.as_str()) {
            names.entry(Key::new(above)).or_default();
        }
        names.entry(Key::new(subscribed.as_str())).or_default().is_subscribed = true;
    }
    names
}
