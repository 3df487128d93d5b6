//! How much longer a body is with CRLF line ends.

use memchr::memchr_iter;

/// Counts, while a body goes by, the octets that CRLF line ends would add to it: one for each LF
/// without a CR, and two when the last line has no end. 0 for nearly every message that came by
/// SMTP.
///
/// POP3 sends messages with CRLF line ends and has to count them so before they are read (RFC 1939
/// 11).
#[derive(Debug)]
pub(super) struct LineEnds {
    bare: u64,
    /// The last octet; LF at the beginning, since our prefix ends in one.
    last: u8,
}

impl LineEnds {
    pub(super) const fn new() -> Self {
        LineEnds { bare: 0, last: b'\n' }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        let Some(&last) = octets.last() else { return };
        let before = |at: usize| at.checked_sub(1).map_or(Some(&self.last), |at| octets.get(at));
        let bare = memchr_iter(b'\n', octets).filter(|&at| before(at) != Some(&b'\r')).count();
        self.bare += bare as u64;
        self.last = last;
    }

    pub(super) const fn added(&self) -> u64 {
        self.bare + if self.last == b'\n' { 0 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        #[track_caller]
        fn check(body: &str, want: u64) {
            for size in [body.len().max(1), 1, 2] {
                let mut ends = LineEnds::new();
                body.as_bytes().chunks(size).for_each(|piece| ends.push(piece));
                assert_eq!(ends.added(), want, "{body:?} in pieces of {size}");
            }
        }
        check("", 0);
        check("a\r\nb\r\n", 0);
        check("a\nb\r\n", 1);
        check("\n\n", 2);
        check("a\r\nb", 2);
        check("a\nb", 3);
        check("a\rb\r\n", 0);
        check("a\r", 2);
    }
}
