//! Uuencode, which no RFC defines: a line `begin MODE NAME`, lines that start with their length,
//! and a line `end` (POSIX.1 `uuencode`).

/// Bytes of a line that are looked at: the longest valid one has a length character and 84 more.
const LINE_BYTES_MAX: usize = 128;

/// Decodes uuencoded data.
///
/// Text before `begin` is skipped and means damage, as does a missing `end`. White space that was
/// stripped from a line's end counts as the zeros it stood for.
#[derive(Debug, Default)]
pub struct UuDecoder {
    line: Vec<u8>,
    state: State,
    damaged: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    BeforeBegin,
    Data,
    AfterEnd,
}

impl UuDecoder {
    /// Takes the next chunk.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for piece in chunk.split_inclusive(|b| *b == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend(text.iter().take(room));
            if ended {
                self.end_line(out);
            }
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        match self.state {
            State::BeforeBegin if line.starts_with(b"begin ") => self.state = State::Data,
            State::BeforeBegin => self.damaged |= !line.trim_ascii().is_empty(),
            State::Data if line.trim_ascii_end() == b"end" => self.state = State::AfterEnd,
            State::Data => self.data(line, out),
            State::AfterEnd => {}
        }
    }

    fn data(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let Some((&length, groups)) = line.split_first() else { return };
        if !(b' '..=b'`').contains(&length) {
            self.damaged = true;
            return;
        }
        let mut left = usize::from(sextet(length));
        let mut characters = groups.iter().copied();
        while left > 0 {
            let [a, b, c, d] = std::array::from_fn(|_| characters.next().unwrap_or(b' '));
            self.damaged |= [a, b, c, d].iter().any(|c| !(b' '..=b'`').contains(c));
            let (a, b, c, d) = (sextet(a), sextet(b), sextet(c), sextet(d));
            let octets = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
            out.extend(octets.iter().take(left));
            left = left.saturating_sub(3);
        }
    }

    /// The data is over: says whether it was damaged.
    pub fn finish(mut self, out: &mut Vec<u8>) -> bool {
        if !self.line.is_empty() {
            self.end_line(out);
        }
        self.damaged || self.state != State::AfterEnd
    }
}

fn sextet(character: u8) -> u8 {
    character.wrapping_sub(b' ') & 63
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use crate::encoding::Encoding;

    #[test]
    fn decoding() {
        let u = Encoding::Uuencode;
        check(u, b"begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n", b"Cat", false);
        check(u, b"\nbegin 644 cat.txt\n#0V%T\n \nend", b"Cat", false);
        check(u, b"begin 644 zeros\n#\n`\nend\n", b"\0\0\0", false); // spaces stripped
        check(u, b"Hello,\nbegin 644 cat.txt\n#0V%T\n`\nend\n", b"Cat", true);
        check(u, b"begin 644 cat.txt\n#0V%T\n", b"Cat", true);
        check(u, b"begin 644 cat.txt\n#0V%T\n`\nend\nRegards\n", b"Cat", false);
        check(u, b"no data here", b"", true);
        check(u, &[b'M'; 100_000], b"", true);
    }
}
