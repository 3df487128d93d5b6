//! Sets of sequence numbers and UIDs (RFC 3501 9, `sequence-set`; RFC 5182).

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

impl SequenceSet {
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
