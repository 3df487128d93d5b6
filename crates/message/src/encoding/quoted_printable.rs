//! Quoted-printable (RFC 2045 6.7).

use memchr::memchr2;

/// White space held back until it is known whether a line ends behind it. Longer runs than any
/// line may have are content.
const WHITE_SPACE_BYTES_MAX: usize = 1000;

/// Decodes quoted-printable.
///
/// RFC 2045 6.7 (3): white space at the end of a line was added on the way and is dropped; that
/// holds behind the `=` of a soft line break too. Notes (1) to (3) there: small letters as hex
/// digits and characters that should have been encoded are taken as they are, and a `=` that starts
/// nothing valid is kept and means damage. A bare LF ends a line as CRLF does and stays bare.
#[derive(Debug, Default)]
pub struct QuotedPrintableDecoder {
    state: State,
    /// White space and CR not yet decided on.
    held: Vec<u8>,
    damaged: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Behind `=`; `held` has white space that may belong to a soft line break.
    Escape,
    /// Behind `=` and this hex digit.
    Digit(u8),
}

impl QuotedPrintableDecoder {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut rest = chunk;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                State::Text => self.text(rest, out),
                State::Escape => {
                    if self.escape(byte, out) {
                        after
                    } else {
                        rest
                    }
                }
                State::Digit(first) => {
                    self.state = State::Text;
                    match (hex_value(first), hex_value(byte)) {
                        (Some(high), Some(low)) => {
                            out.push(high << 4 | low);
                            after
                        }
                        _ => {
                            self.damaged = true;
                            out.extend_from_slice(&[b'=', first]);
                            rest
                        }
                    }
                }
            };
        }
    }

    /// Takes text up to and including the next `=` or line end.
    fn text<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = memchr2(b'=', b'\n', rest);
        let (run, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        let content = run.iter().rposition(|b| !matches!(b, b' ' | b'\t' | b'\r'));
        let (kept, white) =
            run.split_at_checked(content.map_or(0, |at| at + 1)).unwrap_or_default();
        if !kept.is_empty() {
            out.append(&mut self.held);
            out.extend_from_slice(kept);
        }
        let room = WHITE_SPACE_BYTES_MAX.saturating_sub(self.held.len());
        if let Some((fits, too_much)) = white.split_at_checked(room) {
            self.held.extend_from_slice(fits);
            // Byte by byte or at once: the hold is emptied exactly when it would overflow.
            for byte in too_much {
                if self.held.len() == WHITE_SPACE_BYTES_MAX {
                    out.append(&mut self.held);
                }
                self.held.push(*byte);
            }
        } else {
            self.held.extend_from_slice(white);
        }
        match after.split_first() {
            Some((b'\n', after)) => {
                self.end_line(out);
                after
            }
            Some((_equals, after)) => {
                out.append(&mut self.held);
                self.state = State::Escape;
                after
            }
            None => &[],
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let has_cr = self.held.last() == Some(&b'\r');
        self.drop_white_space(out);
        out.extend_from_slice(if has_cr { b"\r\n" } else { b"\n" });
    }

    /// Drops held spaces and tabs at the end of a line; a bare CR before them is content.
    fn drop_white_space(&mut self, out: &mut Vec<u8>) {
        if self.held.last() == Some(&b'\r') {
            self.held.pop();
        }
        while matches!(self.held.last(), Some(b' ' | b'\t')) {
            self.held.pop();
        }
        out.append(&mut self.held);
    }

    /// Looks at a byte behind `=`; false when it must be looked at again as text.
    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        let ends_in_cr = self.held.last() == Some(&b'\r');
        match byte {
            b'\n' => {
                self.held.clear();
                self.state = State::Text;
                true
            }
            b' ' | b'\t' | b'\r' if !ends_in_cr && self.held.len() < WHITE_SPACE_BYTES_MAX => {
                self.held.push(byte);
                true
            }
            _ if self.held.is_empty() && hex_value(byte).is_some() => {
                self.state = State::Digit(byte);
                true
            }
            _ => {
                self.damaged = true;
                self.state = State::Text;
                out.push(b'=');
                out.append(&mut self.held);
                false
            }
        }
    }

    /// The data is over: says whether it was damaged.
    pub fn finish(mut self, out: &mut Vec<u8>) -> bool {
        match self.state {
            State::Text => {
                let has_cr = self.held.last() == Some(&b'\r');
                self.drop_white_space(out);
                if has_cr {
                    out.push(b'\r');
                }
            }
            // A soft line break at the very end: the line end belonged to the boundary.
            State::Escape => {}
            State::Digit(first) => {
                self.damaged = true;
                out.extend_from_slice(&[b'=', first]);
            }
        }
        self.damaged
    }
}

/// The value of a hex digit.
pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Longest encoded line without its CRLF (RFC 2045 6.7 (5)).
const LINE: usize = 76;

/// Encodes text: CRLF, and a bare LF or CR, are line ends and become CRLF. The last line gets no
/// end that was not there.
pub fn encode_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let mut column = 0;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' || byte == b'\n' {
            if byte == b'\r' {
                bytes.next_if_eq(&b'\n');
            }
            out.extend_from_slice(b"\r\n");
            column = 0;
            continue;
        }
        let ends_line = matches!(bytes.peek(), None | Some(b'\r' | b'\n'));
        let plain = is_plain(byte, column, ends_line);
        // The soft line break takes a column of its own, unless the line ends here.
        let width = if plain { 1 } else { 3 };
        if column + width > if ends_line { LINE } else { LINE - 1 } {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain(byte, column, ends_line) {
            out.push(byte);
            column += 1;
        } else {
            out.push(b'=');
            out.extend_from_slice(&hex_digits(byte));
            column += 3;
        }
    }
    out
}

/// Whether a byte stands for itself. A space or tab at a line's end would get lost; a line that
/// starts with `.` or `From ` is changed by careless SMTP and mbox software (RFC 2049 3).
fn is_plain(byte: u8, column: usize, ends_line: bool) -> bool {
    match byte {
        b' ' | b'\t' => !ends_line,
        b'=' => false,
        b'.' | b'F' => column != 0,
        _ => byte.is_ascii_graphic(),
    }
}

/// Two capital hex digits, as RFC 2045 6.7 (1) demands.
pub(crate) fn hex_digits(byte: u8) -> [u8; 2] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'A' + value - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;
    use crate::encoding::{Encoding, decode};
    use proptest::prelude::*;

    #[test]
    fn decoding() {
        let q = Encoding::QuotedPrintable;
        check(q, b"", b"", false);
        check(q, b"a=3Db=e4\r\n", b"a=b\xe4\r\n", false);
        // RFC 2045 6.7 (5)
        check(
            q,
            b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
            b"Now's the time for all folk to come to the aid of their country.",
            false,
        );
        check(q, b"a \t \r\nb=20 \r\n", b"a\r\nb \r\n", false);
        check(q, b"a= \t\r\nb", b"ab", false);
        check(q, b"a=\nb\nc \n", b"ab\nc\n", false);
        check(q, b"a ", b"a", false);
        check(q, b"a=", b"a", false);
        check(q, b"a=\r", b"a", false);
        check(q, b"a=4", b"a=4", true);
        check(q, b"a=4G=", b"a=4G", true);
        check(q, b"a=XY =41", b"a=XY A", true);
        check(q, b"==41", b"=A", true);
        check(q, b"= a", b"= a", true);
        check(q, b"=\rab", b"=\rab", true);
        check(q, b"a\rb\r \r\n\r", b"a\rb\r\r\n\r", false);
        check(q, b"\xc3\xa4", b"\xc3\xa4", false);
        let long = [b' '; 2500];
        check(q, &[&long[..], b"x"].concat(), &[&long[..], b"x"].concat(), false);
        check(
            q,
            &[&b"="[..], &long, b"\r\n"].concat(),
            &[&b"="[..], &long[..2000], b"\r\n"].concat(),
            true,
        );
    }

    #[test]
    fn encoding() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let got = encode_quoted_printable(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&got), want);
        }
        check("a=ä \r\n.b\nFrom c\td", "a=3D=C3=A4=20\r\n=2Eb\r\n=46rom c\td");
        check(&"x".repeat(76), &"x".repeat(76));
        check(&"x".repeat(77), &format!("{}=\r\n{}", "x".repeat(75), "xx"));
        check(&format!("{}ä", "x".repeat(70)), &format!("{}=C3=A4", "x".repeat(70)));
        check(&format!("{}ä", "x".repeat(71)), &format!("{}=C3=\r\n=A4", "x".repeat(71)));
    }

    proptest! {
        #[test]
        fn round_trip(text in "[a-zF.=\\t äß€\u{1}]{0,200}") {
            let wire = encode_quoted_printable(text.as_bytes());
            prop_assert!(wire.split(|b| *b == b'\n').all(|line| line.len() <= LINE + 1));
            let decoded = decode(Encoding::QuotedPrintable, &wire);
            let whole = crate::encoding::Decoded { bytes: text.into_bytes(), damaged: false };
            prop_assert_eq!(decoded, whole);
        }

        #[test]
        fn chunks_do_not_matter(wire in "[a-f0-9= \\t\r\nG]{0,100}", cut in 0usize..100) {
            let whole = decode(Encoding::QuotedPrintable, wire.as_bytes());
            let (head, tail) = wire.as_bytes().split_at(cut.min(wire.len()));
            let mut out = Vec::new();
            let mut decoder = QuotedPrintableDecoder::default();
            decoder.push(head, &mut out);
            decoder.push(tail, &mut out);
            let damaged = decoder.finish(&mut out);
            prop_assert_eq!((out, damaged), (whole.bytes, whole.damaged));
        }
    }
}
