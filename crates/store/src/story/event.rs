//! Events and their compact form.

use posthorn_base::{AccountId, Time, varint};

/// Octets of one detail that are kept.
const DETAIL_BYTES_MAX: usize = 1000;
/// Details of one event that are kept.
const DETAILS_MAX: usize = 16;
/// Version of the compact form, its first octet.
const VERSION: u8 = 1;

/// Who may read an event beside the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Sender and recipients.
    Everyone,
    /// The sender, when one of ours.
    Sender,
    /// The account on whose branch it is.
    Branch,
    /// That account, and the sender.
    Outcome,
    /// Nobody.
    Operator,
}

/// Who is reading a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Sees everything.
    Operator,
    /// The account that submitted the message.
    Sender(AccountId),
    /// An account that received it.
    Recipient(AccountId),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $audience:ident;)*) => {
        /// What happened. Codes are part of the stored format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// Every kind, in the order of their codes.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The number in the compact form.
            pub const fn code(self) -> u8 {
                match self { $(Kind::$name => $code),* }
            }
            /// The word shown to people and written into JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Kind::$name => $word),* }
            }
            /// Who may read it.
            pub const fn audience(self) -> Audience {
                match self { $(Kind::$name => Audience::$audience),* }
            }
        }
    };
}

kinds! {
    /// A peer connected: its address, our service and port.
    Connected = 1, "connected", Operator;
    /// The connection was encrypted: version, cipher.
    Encrypted = 2, "encrypted", Everyone;
    /// A login succeeded: login name, mechanism, which credential.
    LoggedIn = 3, "logged-in", Sender;
    /// HELO or EHLO.
    Greeted = 4, "greeted", Everyone;
    /// MAIL FROM, with its parameters.
    Sender = 5, "sender", Everyone;
    /// A recipient resolved to an account of ours: address as given, by which rule.
    Resolved = 6, "resolved", Outcome;
    /// A recipient leads to another system: address as given, final address, next hop.
    Routed = 7, "routed", Sender;
    /// A recipient was refused: address, reply.
    RecipientRefused = 8, "recipient-refused", Sender;
    /// The data arrived whole: octets, how many parts, Message-ID, subject's length.
    Received = 9, "received", Everyone;
    /// A check decided something: its name, the outcome, the reason.
    Checked = 10, "checked", Everyone;
    /// Header fields were completed or removed on submission.
    Completed = 11, "completed", Sender;
    /// The message goes into a mailbox.
    Placed = 12, "placed", Outcome;
    /// A queue row was made.
    Queued = 13, "queued", Sender;
    /// The transaction with body, mailboxes and queue rows is durable: the 250.
    Committed = 14, "committed", Everyone;
    /// The message was refused as a whole: reply, reason.
    Refused = 15, "refused", Everyone;
    /// The message was appended or imported by its owner.
    Appended = 16, "appended", Branch;
    /// A recipient of a list, alias or catch-all was expanded to nothing: discarded by a rule.
    Discarded = 17, "discarded", Outcome;

    /// Copied to another mailbox.
    Copied = 32, "copied", Branch;
    /// Moved to another mailbox.
    Moved = 33, "moved", Branch;
    /// Expunged: can be restored for a while.
    Expunged = 34, "expunged", Branch;
    /// Restored after it was expunged.
    Restored = 35, "restored", Branch;
    /// Erased: retention ended, or at once by the operator.
    Purged = 36, "purged", Branch;

    /// A queue row was held or released by an operator.
    Held = 64, "held", Sender;
    /// A queue row was removed by an operator.
    Removed = 65, "removed", Sender;
    /// An attempt to send on: to whom, the reply, when the next one is due.
    Attempted = 66, "attempted", Sender;
    /// A queue row ended: delivered, failed or expired.
    Ended = 67, "ended", Sender;
}

impl Kind {
    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

macro_rules! labels {
    ($($name:ident = $code:literal, $word:literal;)*) => {
        /// What a detail of an event says. Codes are part of the stored format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the words say it")]
        pub enum Label { $($name),* }

        impl Label {
            /// The number in the compact form.
            pub const fn code(self) -> u8 {
                match self { $(Label::$name => $code),* }
            }
            /// The word shown to people and written into JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Label::$name => $word),* }
            }
            /// The label with this code.
            pub fn from_code(code: u8) -> Option<Label> {
                match code { $($code => Some(Label::$name),)* _ => None }
            }
        }
    };
}

labels! {
    Peer = 1, "peer";
    Service = 2, "service";
    Name = 3, "name";
    Version = 4, "version";
    Cipher = 5, "cipher";
    Login = 6, "login";
    Mechanism = 7, "mechanism";
    Credential = 8, "credential";
    Address = 9, "address";
    Via = 10, "via";
    Target = 11, "target";
    NextHop = 12, "next-hop";
    Reply = 13, "reply";
    Reason = 14, "reason";
    Octets = 15, "octets";
    Parts = 16, "parts";
    MessageId = 17, "message-id";
    Outcome = 18, "outcome";
    Mailbox = 19, "mailbox";
    From = 20, "from";
    To = 21, "to";
    Due = 22, "due";
    QueueId = 23, "queue-id";
    By = 24, "by";
    Fields = 25, "fields";
    Parameters = 26, "parameters";
    Uid = 27, "uid";
    Stage = 28, "stage";
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What.
    pub kind: Kind,
    /// On whose branch; `None` for what concerns the whole message.
    pub account: Option<AccountId>,
    /// The particulars, in the order in which they are shown.
    pub details: Vec<(Label, String)>,
}

impl Event {
    /// An event without details.
    pub fn new(at: Time, kind: Kind) -> Self {
        Event { at, kind, account: None, details: Vec::new() }
    }
    /// The same event on the branch of this account.
    #[must_use]
    pub fn of(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }
    /// The same event with one more detail. A long one is cut, and says so with an ellipsis.
    #[must_use]
    pub fn with(mut self, label: Label, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if detail.len() > DETAIL_BYTES_MAX {
            let cut = detail.floor_char_boundary(DETAIL_BYTES_MAX);
            detail.truncate(cut);
            detail.push('…');
        }
        if self.details.len() < DETAILS_MAX {
            self.details.push((label, detail));
        }
        self
    }
    /// The detail with this label.
    pub fn detail(&self, label: Label) -> Option<&str> {
        self.details.iter().find(|(l, _)| *l == label).map(|(_, text)| text.as_str())
    }

    /// True when `reader` may see it.
    pub fn visible_to(&self, reader: Reader) -> bool {
        let (is_sender, account) = match reader {
            Reader::Operator => return true,
            Reader::Sender(account) => (true, account),
            Reader::Recipient(account) => (false, account),
        };
        let own_branch = self.account == Some(account);
        match self.kind.audience() {
            Audience::Everyone => true,
            Audience::Sender => is_sender,
            Audience::Branch => own_branch,
            Audience::Outcome => own_branch || is_sender,
            Audience::Operator => false,
        }
    }
}

/// Writes events compactly; times are relative to `start`.
pub(super) fn encode(start: Time, events: &[Event]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + events.len() * 48);
    out.push(VERSION);
    varint::put(&mut out, events.len() as u64);
    for event in events {
        out.push(event.kind.code());
        let after = event.at.millis().saturating_sub(start.millis());
        varint::put(&mut out, zigzag(after));
        varint::put(&mut out, event.account.map_or(0, |id| id.get().unsigned_abs()));
        varint::put(&mut out, event.details.len() as u64);
        for (label, detail) in &event.details {
            out.push(label.code());
            varint::put_bytes(&mut out, detail.as_bytes());
        }
    }
    out
}

/// Reads what [`encode`] wrote. Kinds and labels that a newer release added are left out. `None`
/// when the octets are damaged.
pub(super) fn decode(start: Time, mut input: &[u8]) -> Option<Vec<Event>> {
    let input = &mut input;
    if octet(input)? != VERSION {
        return None;
    }
    let count = varint::take(input)?;
    let mut events = Vec::new();
    for _ in 0..count {
        let kind = Kind::from_code(octet(input)?);
        let after = unzigzag(varint::take(input)?);
        let account = AccountId::new(i64::try_from(varint::take(input)?).ok()?);
        let mut details = Vec::new();
        for _ in 0..varint::take(input)? {
            let label = Label::from_code(octet(input)?);
            let text = std::str::from_utf8(varint::take_bytes(input)?).ok()?;
            details.extend(label.map(|label| (label, text.to_owned())));
        }
        let at = Time::from_millis(start.millis().saturating_add(after));
        events.extend(kind.map(|kind| Event { at, kind, account, details }));
    }
    input.is_empty().then_some(events)
}

fn octet(input: &mut &[u8]) -> Option<u8> {
    let (&octet, rest) = input.split_first()?;
    *input = rest;
    Some(octet)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(1_700_000_000_000 + millis)
    }

    fn story() -> Vec<Event> {
        let alice = AccountId::new(7).unwrap();
        vec![
            Event::new(at(-3), Kind::Connected).with(Label::Peer, "192.0.2.1"),
            Event::new(at(0), Kind::Sender).with(Label::Address, "ü@example.com"),
            Event::new(at(5), Kind::Placed).of(alice).with(Label::Mailbox, "INBOX"),
            Event::new(at(6), Kind::Committed),
        ]
    }

    #[test]
    fn events_return_from_their_compact_form() {
        let bytes = encode(at(0), &story());
        assert_eq!(decode(at(0), &bytes), Some(story()));
        for cut in 0..bytes.len() {
            assert_eq!(decode(at(0), &bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn unknown_kinds_and_labels_of_a_newer_release_are_left_out() {
        let mut bytes = encode(at(0), &[Event::new(at(0), Kind::Committed)]);
        bytes[2] = 255;
        assert_eq!(decode(at(0), &bytes), Some(vec![]));
    }

    #[test]
    fn codes_and_words_are_unique() {
        for (i, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(Kind::from_code(kind.code()), Some(*kind));
            assert!(Kind::ALL[..i].iter().all(|other| other.word() != kind.word()));
        }
    }

    #[test]
    fn long_details_are_cut_at_a_character() {
        let event = Event::new(at(0), Kind::Refused).with(Label::Reason, "ü".repeat(2000));
        let detail = event.detail(Label::Reason).unwrap();
        assert!(detail.len() <= DETAIL_BYTES_MAX + '…'.len_utf8() && detail.ends_with("ü…"));
    }

    #[test]
    fn a_recipient_sees_their_own_branch_only() {
        let (alice, bob) = (AccountId::new(7).unwrap(), AccountId::new(8).unwrap());
        let placed = Event::new(at(0), Kind::Placed).of(alice);
        let moved = Event::new(at(0), Kind::Moved).of(alice);
        let login = Event::new(at(0), Kind::LoggedIn).of(bob);
        let peer = Event::new(at(0), Kind::Connected);
        let seen_by = |reader| [&placed, &moved, &login, &peer].map(|e| e.visible_to(reader));
        assert_eq!(seen_by(Reader::Operator), [true, true, true, true]);
        assert_eq!(seen_by(Reader::Sender(bob)), [true, false, true, false]);
        assert_eq!(seen_by(Reader::Recipient(alice)), [true, true, false, false]);
        assert_eq!(seen_by(Reader::Recipient(bob)), [false, false, false, false]);
    }
}
