//! Sets of numbers, as short as they can be said.

use crate::imap::value::{SequenceNumber, SequenceSet};
use posthorn_message::structure::imap_text::write_number;

/// Writes numbers as `sequence-set`: neighbours in rising order as a range. Nothing for none: RFC
/// 3501 9 has no empty set.
///
/// The order stays as it is, so that two sets of the same length can say what became of what
/// (RFC 4315 3, `COPYUID`).
pub fn write(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    let mut numbers = numbers.into_iter();
    let Some(first) = numbers.next() else { return };
    let (mut from, mut to) = (first, first);
    for number in numbers {
        if to.checked_add(1) != Some(number) {
            write_range(out, from, to);
            out.push(b',');
            from = number;
        }
        to = number;
    }
    write_range(out, from, to);
}

/// Writes rising ranges that are at hand already, with both ends.
pub fn write_ranges(out: &mut Vec<u8>, ranges: impl IntoIterator<Item = (u32, u32)>) {
    for (index, (from, to)) in ranges.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_range(out, from, to);
    }
}

fn write_range(out: &mut Vec<u8>, from: u32, to: u32) {
    write_number(out, from.into());
    if from != to {
        out.push(b':');
        write_number(out, to.into());
    }
}

/// Writes a set as it was read.
pub(super) fn write_set(out: &mut Vec<u8>, set: &SequenceSet) {
    let number = |out: &mut Vec<u8>, number: SequenceNumber| match number {
        SequenceNumber::Number(number) => write_number(out, number.get().into()),
        SequenceNumber::Star => out.push(b'*'),
    };
    for (index, range) in set.ranges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        number(out, range.from);
        if range.from != range.to {
            out.push(b':');
            number(out, range.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn written(numbers: &[u32]) -> String {
        let mut out = Vec::new();
        write(&mut out, numbers.iter().copied());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn neighbours_are_ranges() {
        assert_eq!(written(&[]), "");
        assert_eq!(written(&[7]), "7");
        assert_eq!(written(&[1, 2, 3, 5, 8, 9]), "1:3,5,8:9");
        assert_eq!(written(&[3, 2, 1, 2]), "3,2,1:2", "the order stays");
        assert_eq!(written(&[u32::MAX - 1, u32::MAX]), "4294967294:4294967295");
        let mut out = Vec::new();
        write_ranges(&mut out, [(1, 3), (5, 5)]);
        assert_eq!(out, b"1:3,5");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in proptest::collection::btree_set(1u32..300, 1..200)) {
            let text = written(&numbers.iter().copied().collect::<Vec<_>>());
            let mut cursor = crate::imap::grammar::Cursor::new(text.as_bytes());
            let set = SequenceSet::parse(&mut cursor).unwrap();
            let mut again = Vec::new();
            write_set(&mut again, &set);
            prop_assert_eq!(again, text.as_bytes());
            let ranges = set.resolve(NonZeroU32::MAX);
            let read: std::collections::BTreeSet<u32> =
                ranges.into_iter().flat_map(|(from, to)| from..=to).collect();
            prop_assert_eq!(read, numbers);
        }
    }
}
