//! Identifiers made by us: 63 bits, rising with time, never given out twice by one process.
//!
//! The upper 42 bits are milliseconds since 1970 (enough until the year 2109), the lower 21 bits
//! start at a random value in each millisecond and count up. So ids made on different nodes collide
//! only when both draw the same value in the same millisecond; keys in the store are unique, so
//! such a collision is an error that is retried, never two things under one name.
//!
//! The text form is 13 characters of Crockford's base 32 in lower case: it sorts like the number,
//! has no look-alikes, and can be read out over the telephone.

use crate::{Random, Time};
use std::fmt;
use std::str::FromStr;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 13 characters long.
    #[error("an id has 13 characters, this has {0}")]
    Length(usize),
    /// A character that is not in the alphabet.
    #[error("{0:?} does not occur in an id (digits and a-z without i, l, o, u)")]
    Character(char),
    /// A value outside `1..=i64::MAX`.
    #[error("the id is out of range")]
    Range,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 13;

fn encode(mut value: u64) -> [u8; TEXT_LEN] {
    let mut text = [b'0'; TEXT_LEN];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET.get((value & 31) as usize).copied().unwrap_or(b'0');
        value >>= 5;
    }
    text
}

fn decode(text: &str) -> Result<i64, IdError> {
    if text.len() != TEXT_LEN {
        return Err(IdError::Length(text.chars().count()));
    }
    let mut value: u128 = 0;
    for c in text.chars() {
        let lower = c.to_ascii_lowercase();
        let digit =
            ALPHABET.iter().position(|&a| char::from(a) == lower).ok_or(IdError::Character(c))?;
        value = value << 5 | digit as u128;
    }
    i64::try_from(value).map_err(|_| IdError::Range)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id with this number, as the store keeps it. `None` unless positive.
            pub const fn new(number: i64) -> Option<Self> {
                if number > 0 { Some(Self(number)) } else { None }
            }
            /// The number, as the store keeps it: positive.
            pub const fn get(self) -> i64 {
                self.0
            }
            /// When it was made, milliseconds since 1970: ids begin with the time.
            pub const fn millis(self) -> i64 {
                self.0 >> COUNTER_BITS
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = encode(self.0.unsigned_abs());
                f.pad(std::str::from_utf8(&text).unwrap_or_default())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(decode(text)?).ok_or(IdError::Range)
            }
        }
        impl From<RawId> for $name {
            fn from(raw: RawId) -> Self {
                Self(raw.0)
            }
        }
    };
}

/// A fresh number from [`IdSource::next`], to be turned into the id of one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawId(i64);

id!(
    /// An account: somebody (or some role) that owns mailboxes.
    AccountId
);
id!(
    /// A mailbox (IMAP's word; a folder to its owner). Survives RENAME.
    MailboxId
);
id!(
    /// An immutable email of one account.
    EmailId
);
id!(
    /// The bytes of a message, shared by the recipients of one arrival.
    BodyId
);
id!(
    /// One acceptance or refusal of one message: it stands in the 250, in our Received line, in the
    /// log, in the queue rows and in the story.
    ArrivalId
);
id!(
    /// One connection, incoming or outgoing: it stands in the log and in the stories of what
    /// arrived or was refused on it.
    ConnectionId
);
id!(
    /// One recipient of one message waiting to be sent on.
    QueueId
);
id!(
    /// A password, app password, key or certificate of an account.
    CredentialId
);
id!(
    /// A conversation within one account.
    ThreadId
);

id!(
    /// A later event of a story: rises with time within it.
    EventId
);

const COUNTER_BITS: u32 = 21;

/// Makes ids. One per process; not shared between threads without a lock.
#[derive(Debug, Default)]
pub struct IdSource {
    last: i64,
}

impl IdSource {
    /// A source that has given out nothing yet.
    pub const fn new() -> Self {
        IdSource { last: 0 }
    }

    /// An id greater than every one before, even when the clock was set back.
    pub fn next<T: From<RawId>>(&mut self, now: Time, random: &mut dyn Random) -> T {
        let floor = now.millis().max(1) << COUNTER_BITS;
        self.last = if floor > self.last {
            // Half of the counter's range stays free above the random start.
            floor | (random.u64() & ((1 << (COUNTER_BITS - 1)) - 1)) as i64
        } else {
            self.last.saturating_add(1)
        };
        T::from(RawId(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Random for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn text_form_returns_and_sorts_like_the_number() {
        let numbers = [1, 31, 32, 12345, i64::MAX - 1, i64::MAX];
        let ids: Vec<EmailId> = numbers.iter().map(|n| EmailId::new(*n).unwrap()).collect();
        let texts: Vec<String> = ids.iter().map(EmailId::to_string).collect();
        assert!(texts.is_sorted());
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(text.parse::<EmailId>().as_ref(), Ok(id));
            assert_eq!(text.to_uppercase().parse::<EmailId>().as_ref(), Ok(id));
        }
    }

    #[test]
    fn refused_texts() {
        assert_eq!("abc".parse::<EmailId>(), Err(IdError::Length(3)));
        assert_eq!("0000000000000".parse::<EmailId>(), Err(IdError::Range));
        assert_eq!("zzzzzzzzzzzzz".parse::<EmailId>(), Err(IdError::Range));
        assert_eq!("000000000000u".parse::<EmailId>(), Err(IdError::Character('u')));
    }

    #[test]
    fn rising_even_when_the_clock_steps_back() {
        let mut source = IdSource::new();
        let mut last = 0;
        for millis in [5, 5, 5, 3, 6, 0] {
            let id: QueueId = source.next(Time::from_millis(millis), &mut Zeros);
            assert!(id.get() > last);
            last = id.get();
        }
    }
}
