//! Sets of sequence numbers and UIDs (RFC 3501 9, `sequence-set`; RFC 5182).

use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};
use posthorn_base::limits;
use std::num::NonZeroU32;

/// A number, or `*`: the greatest one in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceNumber {
    /// A sequence number or a UID.
    Number(NonZeroU32),
    /// `*`.
    Star,
}

/// `from:to`, in either order; a single number has both ends the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// One end.
    pub from: SequenceNumber,
    /// The other.
    pub to: SequenceNumber,
}

/// A set as written: never empty, at most `limits::IMAP_SEQUENCE_RANGES_MAX` ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceSet {
    /// Its ranges, in the client's order.
    pub ranges: Vec<SequenceRange>,
}

/// Which messages a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSet {
    /// Numbers.
    Numbers(SequenceSet),
    /// `$`: the result of the last SEARCH that was saved (RFC 5182).
    Saved,
}

impl MessageSet {
    /// `sequence-set`, or `$` (RFC 5182 2).
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parse<MessageSet> {
        if cursor.eat(b'$') {
            return Ok(MessageSet::Saved);
        }
        SequenceSet::parse(cursor).map(MessageSet::Numbers)
    }
}

impl SequenceNumber {
    fn parse(cursor: &mut Cursor<'_>) -> Parse<SequenceNumber> {
        if cursor.eat(b'*') {
            return Ok(SequenceNumber::Star);
        }
        cursor.nz_number().map(SequenceNumber::Number).map_err(|fault| match cursor.peek() {
            None | Some(b' ' | b',' | b':') if fault.code.is_none() => fault,
            _ => Fault::new("a set of messages is not like 1,3:5,7:*"),
        })
    }
}

impl SequenceSet {
    /// `sequence-set`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parse<SequenceSet> {
        let mut ranges = Vec::new();
        loop {
            if ranges.len() >= limits::IMAP_SEQUENCE_RANGES_MAX {
                return Err(Fault::new("a set of messages has too many ranges").with(Code::Limit));
            }
            let from = SequenceNumber::parse(cursor)?;
            let to = if cursor.eat(b':') { SequenceNumber::parse(cursor)? } else { from };
            ranges.push(SequenceRange { from, to });
            if !cursor.eat(b',') {
                return Ok(SequenceSet { ranges });
            }
        }
    }

    /// True when a `*` is in it.
    pub(crate) fn has_star(&self) -> bool {
        self.ranges.iter().any(|range| [range.from, range.to].contains(&SequenceNumber::Star))
    }

    /// The ranges as rising pairs, sorted, without overlaps, where `*` is `greatest`. RFC 3501 9:
    /// `*` in an empty mailbox, and a range beyond `greatest`, are what they say; who asks compares
    /// with what there is.
    pub fn resolve(&self, greatest: NonZeroU32) -> Vec<(u32, u32)> {
        let number = |number: SequenceNumber| match number {
            SequenceNumber::Number(number) => number.get(),
            SequenceNumber::Star => greatest.get(),
        };
        let mut ranges: Vec<(u32, u32)> = self
            .ranges
            .iter()
            .map(|range| (number(range.from), number(range.to)))
            .map(|(a, b)| (a.min(b), a.max(b)))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let joins = next.0 <= kept.1.saturating_add(1);
            if joins {
                kept.1 = kept.1.max(next.1);
            }
            joins
        });
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            let set = MessageSet::parse(&mut cursor).ok()?;
            cursor.end().ok().map(|()| set)
        };
        let resolved = |text: &str| match parse(text)? {
            MessageSet::Numbers(set) => Some(set.resolve(NonZeroU32::new(9).unwrap())),
            MessageSet::Saved => None,
        };
        assert_eq!(parse("$"), Some(MessageSet::Saved));
        assert_eq!(resolved("1"), Some(vec![(1, 1)]));
        assert_eq!(resolved("2:4,3,7:*"), Some(vec![(2, 4), (7, 9)]));
        assert_eq!(resolved("*:4294967295"), Some(vec![(9, u32::MAX)]));
        for wrong in
            ["", "0", "1,", ",1", "1:", ":1", "1:2:3", "a", "1,,2", "4294967296", "-1", "1 2"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let many = |count: usize| vec!["1"; count].join(",");
        assert!(parse(&many(limits::IMAP_SEQUENCE_RANGES_MAX)).is_some());
        assert!(parse(&many(limits::IMAP_SEQUENCE_RANGES_MAX + 1)).is_none());
    }

    #[test]
    fn ranges_are_sorted_and_joined() {
        let n = |n| SequenceNumber::Number(NonZeroU32::new(n).unwrap());
        let range = |from, to| SequenceRange { from, to };
        let star = SequenceNumber::Star;
        let set = SequenceSet {
            ranges: vec![
                range(n(9), n(7)),
                range(n(3), n(3)),
                range(n(4), n(5)),
                range(star, n(8)),
            ],
        };
        assert_eq!(set.resolve(NonZeroU32::new(10).unwrap()), [(3, 5), (7, 10)]);
        assert_eq!(set.resolve(NonZeroU32::MAX), [(3, 5), (7, u32::MAX)]);
    }
}
