//! A message on its way out: CRLF line ends and dots (RFC 1939 3, 11).

use memchr::memchr_iter;

/// Writes a message as the lines of a multi-line reply: a bare LF becomes CRLF, a dot at a line's
/// start is doubled, and the last line gets its CRLF. A bare CR stays as it is.
///
/// One pass of `memchr`, and bulk copies between the few places that change.
#[derive(Debug)]
pub(super) struct DotStuffer {
    /// The last byte written; LF at the beginning, which is the start of a line as well.
    last: u8,
}

impl DotStuffer {
    pub(super) const fn new() -> Self {
        DotStuffer { last: b'\n' }
    }

    pub(super) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(&last) = chunk.last() else { return };
        out.reserve(chunk.len() + 64);
        if self.last == b'\n' && chunk.first() == Some(&b'.') {
            out.push(b'.');
        }
        let mut copied = 0;
        let mut copy_to = |end: usize, out: &mut Vec<u8>| {
            out.extend_from_slice(chunk.get(copied..end).unwrap_or_default());
            copied = end;
        };
        for at in memchr_iter(b'\n', chunk) {
            let before = at.checked_sub(1).map_or(Some(&self.last), |before| chunk.get(before));
            if before != Some(&b'\r') {
                copy_to(at, out);
                out.push(b'\r');
            }
            if chunk.get(at + 1) == Some(&b'.') {
                copy_to(at + 1, out);
                out.push(b'.');
            }
        }
        copy_to(chunk.len(), out);
        self.last = last;
    }

    /// Ends the message and the reply.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if self.last != b'\n' {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

/// Counts a message's octets as POP3 does (RFC 1939 11): with CRLF line ends, also after the last
/// line, and without doubled dots.
#[derive(Debug)]
pub struct OctetCounter {
    octets: u64,
    last: u8,
}

impl OctetCounter {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        OctetCounter { octets: 0, last: b'\n' }
    }
    /// Counts a piece of the message.
    pub fn add(&mut self, chunk: &[u8]) {
        let Some(&last) = chunk.last() else { return };
        let is_bare = |at: usize| {
            let before = at.checked_sub(1).map_or(Some(&self.last), |before| chunk.get(before));
            before != Some(&b'\r')
        };
        let bare = memchr_iter(b'\n', chunk).filter(|at| is_bare(*at)).count();
        self.octets += chunk.len() as u64 + bare as u64;
        self.last = last;
    }
    /// The octets of the whole message.
    pub fn total(&self) -> u64 {
        self.octets + if self.last == b'\n' { 0 } else { 2 }
    }
}

impl Default for OctetCounter {
    fn default() -> Self {
        OctetCounter::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuff<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, u64) {
        let (mut stuffer, mut counter, mut out) =
            (DotStuffer::new(), OctetCounter::new(), Vec::new());
        for chunk in chunks {
            stuffer.write(chunk, &mut out);
            counter.add(chunk);
        }
        stuffer.finish(&mut out);
        (out, counter.total())
    }

    #[test]
    fn lines_and_dots() {
        #[track_caller]
        fn check(message: &str, want: &str, octets: u64) {
            let want = (want.as_bytes().to_vec(), octets);
            assert_eq!(stuff([message.as_bytes()]), want, "{message:?} in one piece");
            assert_eq!(stuff(message.as_bytes().chunks(1)), want, "{message:?} byte by byte");
        }
        check("", ".\r\n", 0);
        check("a\r\n", "a\r\n.\r\n", 3);
        check("a", "a\r\n.\r\n", 3);
        check("a\n\nb\n", "a\r\n\r\nb\r\n.\r\n", 8);
        check(".\r\n", "..\r\n.\r\n", 3);
        check(".a\r\n..\r\n", "..a\r\n...\r\n.\r\n", 8);
        check("a\n.\n", "a\r\n..\r\n.\r\n", 6);
        check("a.b\r\n", "a.b\r\n.\r\n", 5);
        check("a\r", "a\r\r\n.\r\n", 4);
        check("a\rb\r\n", "a\rb\r\n.\r\n", 5);
        check("\n", "\r\n.\r\n", 2);
    }

    /// What a client makes of the reply: undoes the dots, stops at the end.
    fn unstuff(reply: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        for line in reply.split_inclusive(|&b| b == b'\n') {
            match line {
                b".\r\n" => return message,
                [b'.', rest @ ..] => message.extend(rest),
                line => message.extend(line),
            }
        }
        panic!("no end");
    }

    proptest! {
        /// The client gets the message with CRLF line ends, of the announced size, however it is
        /// cut.
        #[test]
        fn clients_get_the_message_back(
            message in proptest::collection::vec(
                prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..200),
            size in 1usize..50,
        ) {
            let (reply, octets) = stuff(message.chunks(size));
            prop_assert_eq!(&reply, &stuff([message.as_slice()]).0);
            let got = unstuff(&reply);
            prop_assert_eq!(got.len() as u64, octets);
            let mut want = Vec::new();
            for &byte in &message {
                if byte == b'\n' && want.last() != Some(&b'\r') {
                    want.push(b'\r');
                }
                want.push(byte);
            }
            if want.last().is_some_and(|b| *b != b'\n') {
                want.extend(b"\r\n");
            }
            prop_assert_eq!(got, want);
        }
    }
}
