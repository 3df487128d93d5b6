//! Base64 (RFC 2045 6.8), fast where the input is clean and patient where it is not.

/// No character of the alphabet.
const STRAY: u8 = 0xff;

const ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const VALUES: [u8; 256] = {
    let mut table = [STRAY; 256];
    let mut value = 0;
    while value < 64 {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[ALPHABET[value] as usize] = value as u8;
        }
        value += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "a table of 256 has a value for every byte")]
#[inline(always)]
fn value_of(byte: u8) -> u8 {
    VALUES[usize::from(byte)]
}

#[expect(clippy::indexing_slicing, reason = "six bits are below 64")]
#[inline(always)]
fn digit(bits: u32) -> u8 {
    ALPHABET[(bits & 63) as usize]
}

/// Decodes base64 as the world writes it.
///
/// RFC 2045 6.8: characters outside the alphabet are skipped. Padding ends a block, not the data:
/// contents that were encoded in pieces and concatenated decode to their concatenation. A stray
/// character that is not white space, wrong padding, or a missing rest mean damage.
#[derive(Debug, Default)]
pub struct Base64Decoder {
    /// Bits of an unfinished group of four.
    bits: u32,
    /// Characters of it, 0 to 3.
    count: u8,
    /// Padding characters that the last block still owes.
    padding: u8,
    damaged: bool,
}

impl Base64Decoder {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        out.reserve(chunk.len() / 4 * 3 + 3);
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.count == 0 && self.padding == 0 {
                rest = decode_clean(rest, out);
            }
            // What stopped the clean run, or what completes a group begun before it.
            let mut bytes = rest.iter();
            for &byte in bytes.by_ref() {
                self.character(byte, out);
                if self.count == 0 && self.padding == 0 {
                    break;
                }
            }
            rest = bytes.as_slice();
        }
    }

    fn character(&mut self, byte: u8, out: &mut Vec<u8>) {
        let value = value_of(byte);
        if value != STRAY {
            self.damaged |= self.padding != 0;
            self.padding = 0;
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 1;
            if self.count == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                out.extend_from_slice(&[a, b, c]);
                (self.bits, self.count) = (0, 0);
            }
        } else if byte == b'=' {
            match (self.count, self.padding) {
                (0, 0) | (1, _) => self.damaged = true,
                (0, owed) => self.padding = owed - 1,
                (count, _) => {
                    self.padding = 3 - count;
                    self.flush(out);
                }
            }
        } else {
            self.damaged |= !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        }
    }

    /// Ends a group short of four characters.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let [_, a, b, _] = (self.bits << (6 * (4 - u32::from(self.count)))).to_be_bytes();
        match self.count {
            2 => out.push(a),
            3 => out.extend_from_slice(&[a, b]),
            // A single character holds no whole octet.
            _ => {}
        }
        (self.bits, self.count) = (0, 0);
    }

    /// The data is over: says whether it was damaged.
    pub fn finish(mut self, out: &mut Vec<u8>) -> bool {
        let incomplete = self.count != 0 || self.padding != 0;
        self.flush(out);
        self.damaged || incomplete
    }
}

/// Decodes whole groups, line ends between them included, up to the first that is not clean.
fn decode_clean<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    loop {
        let (groups, _) = rest.as_chunks::<4>();
        let mut done = 0;
        for &[a, b, c, d] in groups {
            let (a, b, c, d) = (value_of(a), value_of(b), value_of(c), value_of(d));
            // Values are below 64, so the top bits show a stray character.
            if (a | b | c | d) & 0xc0 != 0 {
                break;
            }
            let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
            let [_, x, y, z] = bits.to_be_bytes();
            out.extend_from_slice(&[x, y, z]);
            done += 4;
        }
        rest = rest.get(done..).unwrap_or_default();
        // Most lines are a whole number of groups long and end in CRLF.
        match rest {
            [b'\r', b'\n', after @ ..] => rest = after,
            [b'\n', after @ ..] => rest = after,
            _ => return rest,
        }
    }
}

/// Characters of one encoded line: RFC 2045 6.8 allows 76.
const LINE: usize = 76;

/// Encodes in lines of 76 characters, each ended by CRLF.
#[derive(Debug, Default)]
pub struct Base64Encoder {
    held: Vec<u8>,
    column: usize,
}

impl Base64Encoder {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        out.reserve(chunk.len() / 57 * 78 + 82);
        let mut chunk = chunk;
        if !self.held.is_empty() {
            let take = (3 - self.held.len()).min(chunk.len());
            let (head, tail) = chunk.split_at_checked(take).unwrap_or((chunk, &[]));
            self.held.extend_from_slice(head);
            chunk = tail;
            if self.held.len() < 3 {
                return;
            }
            let held = std::mem::take(&mut self.held);
            self.groups(&held, out);
        }
        let (_, rest) = chunk.as_chunks::<3>();
        let whole = chunk.get(..chunk.len() - rest.len()).unwrap_or_default();
        self.groups(whole, out);
        self.held.extend_from_slice(rest);
    }

    fn groups(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &[a, b, c] in bytes.as_chunks::<3>().0 {
            let bits = u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
            out.extend_from_slice(&[
                digit(bits >> 18),
                digit(bits >> 12),
                digit(bits >> 6),
                digit(bits),
            ]);
            self.end_group(out);
        }
    }

    fn end_group(&mut self, out: &mut Vec<u8>) {
        self.column += 4;
        if self.column == LINE {
            out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
    }

    /// The data is over: pads, and ends the last line.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        match *self.held.as_slice() {
            [a] => {
                let bits = u32::from(a) << 16;
                out.extend_from_slice(&[digit(bits >> 18), digit(bits >> 12), b'=', b'=']);
                self.end_group(out);
            }
            [a, b] => {
                let bits = u32::from(a) << 16 | u32::from(b) << 8;
                out.extend_from_slice(&[
                    digit(bits >> 18),
                    digit(bits >> 12),
                    digit(bits >> 6),
                    b'=',
                ]);
                self.end_group(out);
            }
            _ => {}
        }
        if self.column != 0 {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Encodes on one line without an end, as encoded words have it.
    pub fn inline(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Base64Encoder::default();
        encoder.push(bytes, &mut out);
        encoder.finish(&mut out);
        out.retain(|b| !matches!(b, b'\r' | b'\n'));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;
    use crate::encoding::{Encoding, decode};
    use proptest::prelude::*;

    #[test]
    fn decoding() {
        let b = Encoding::Base64;
        check(b, b"", b"", false);
        check(b, b"Zg==", b"f", false);
        check(b, b"Zm8=\r\n", b"fo", false);
        check(b, b"Zm9v", b"foo", false);
        check(b, b"Zm9v\r\nYmFy\r\n", b"foobar", false);
        check(b, b"Zm9\nvYm\nFy", b"foobar", false);
        check(b, b"Zm9vYg==Zm9vYg==", b"foobfoob", false); // blocks encoded apart
        check(b, b"Zm9vYg==\r\nYmFy", b"foobbar", false);
        check(b, b"Zm9vYg", b"foob", true); // no padding
        check(b, b"Zm9vYg=", b"foob", true); // half of it
        check(b, b"Zm9vYmE", b"fooba", true);
        check(b, b"Zm9vY", b"foo", true); // a lone character
        check(b, b"Zm9v=", b"foo", true);
        check(b, b"Z=m9v", b"foo", true);
        check(b, b"Zm9v====", b"foo", true);
        check(b, b"Zm*9v!", b"foo", true); // stray characters
        check(b, b"Zm9vYg=\r\n=", b"foob", false);
    }

    #[test]
    fn lines() {
        let mut out = Vec::new();
        let mut encoder = Base64Encoder::default();
        encoder.push(&[0; 57], &mut out);
        encoder.push(&[0; 58], &mut out);
        encoder.finish(&mut out);
        let lines: Vec<_> = out.split(|b| *b == b'\n').map(<[u8]>::len).collect();
        assert_eq!(lines, [77, 77, 5, 0]);
        assert_eq!(Base64Encoder::inline(b"foob"), b"Zm9vYg==");
    }

    proptest! {
        #[test]
        fn round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut wire = Vec::new();
            let mut encoder = Base64Encoder::default();
            encoder.push(head, &mut wire);
            encoder.push(tail, &mut wire);
            encoder.finish(&mut wire);
            let decoded = decode(Encoding::Base64, &wire);
            prop_assert!(!decoded.damaged);
            prop_assert_eq!(decoded.bytes, bytes);
        }

        #[test]
        fn chunks_do_not_matter(wire in "[A-Za-z0-9+/=\r\n *]{0,200}", cut in 0usize..200) {
            let whole = decode(Encoding::Base64, wire.as_bytes());
            let (head, tail) = wire.as_bytes().split_at(cut.min(wire.len()));
            let mut out = Vec::new();
            let mut decoder = Base64Decoder::default();
            decoder.push(head, &mut out);
            decoder.push(tail, &mut out);
            let damaged = decoder.finish(&mut out);
            prop_assert_eq!((out, damaged), (whole.bytes, whole.damaged));
        }
    }
}
