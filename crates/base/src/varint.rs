//! Unsigned numbers in as few octets as they need (LEB128): seven bits an octet, low ones first,
//! the high bit says that more follow. What the store's compact columns are written in.

/// Appends a number.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a length and the octets.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes a number off the front of `input`. `None` when it is cut short, does not fit 64 bits, or
/// is longer than it needs to be (one number has one form, so encoded values compare as octets).
pub fn take(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(octet & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if octet & 0x80 == 0 {
            return (bits != 0 || shift == 0).then_some(number);
        }
    }
    None
}

/// Takes a length and that many octets off the front of `input`.
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(input)?).ok()?;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_return() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, number);
            let mut input = out.as_slice();
            assert_eq!(take(&mut input), Some(number));
            assert!(input.is_empty());
            let mut cut = &out[..out.len() - 1];
            assert_eq!(take(&mut cut), None, "{number} cut short");
        }
    }

    #[test]
    fn damaged_numbers_are_refused() {
        assert_eq!(take(&mut [0x80, 0x00].as_slice()), None, "longer than needed");
        assert_eq!(take(&mut [0xff; 10].as_slice()), None, "more than 64 bits");
        assert_eq!(take_bytes(&mut [5, 1, 2].as_slice()), None, "cut short");
    }
}
