//! Lines out of the client's bytes.

use memchr::memchr;
use posthorn_base::limits;

/// Finds lines, and passes over those that are too long without keeping them.
///
/// A bare LF ends a line as CRLF does. RFC 1939 3 wants CRLF, but textbook dialogues are typed into
/// programs that send LF, and nothing can be smuggled by it: a POP3 client sends commands only, no
/// message that a second reader might cut elsewhere.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    /// Bytes of the unfinished line that have no LF, so that they are searched once.
    searched: usize,
    /// Within a line that is too long.
    skipping: bool,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its line end.
    Whole(&'a [u8]),
    /// More than [`limits::POP3_LINE_BYTES_MAX`].
    TooLong,
}

impl LineReader {
    /// True at the beginning of a line.
    pub(super) fn is_at_start(&self) -> bool {
        !self.skipping
    }

    /// Takes a line off the input; `None` when it is not complete.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Line<'a>> {
        let bytes = *input;
        let Some(found) = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default()) else {
            if self.skipping || bytes.len() >= limits::POP3_LINE_BYTES_MAX {
                self.skipping = true;
                (*input, self.searched) = (&[], 0);
            } else {
                self.searched = bytes.len();
            }
            return None;
        };
        let (line, rest) = bytes.split_at_checked(self.searched + found + 1)?;
        *input = rest;
        self.searched = 0;
        if std::mem::take(&mut self.skipping) || line.len() > limits::POP3_LINE_BYTES_MAX {
            return Some(Line::TooLong);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(Line::Whole(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let (mut reader, mut kept, mut found) = (LineReader::default(), Vec::new(), Vec::new());
        for piece in pieces {
            kept.extend_from_slice(piece);
            let mut input = kept.as_slice();
            while let Some(line) = reader.next(&mut input) {
                found.push(match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong => None,
                });
            }
            assert!(input.len() < limits::POP3_LINE_BYTES_MAX);
            kept = input.to_vec();
        }
        found
    }

    #[test]
    fn line_ends_and_lengths() {
        #[track_caller]
        fn check(bytes: &[u8], want: &[Option<&[u8]>]) {
            let want: Vec<_> = want.iter().map(|line| line.map(<[u8]>::to_vec)).collect();
            assert_eq!(lines(&[bytes]), want, "in one piece");
            assert_eq!(lines(&bytes.chunks(1).collect::<Vec<_>>()), want, "byte by byte");
        }
        check(b"STAT\r\nQUIT\nx", &[Some(b"STAT"), Some(b"QUIT")]);
        check(b"\r\n\n", &[Some(b""), Some(b"")]);
        check(b"a\rb\r\r\n", &[Some(b"a\rb\r")]);
        let at_limit = vec![b'x'; limits::POP3_LINE_BYTES_MAX - 2];
        let with_end = |line: &[u8]| [line, b"\r\nNOOP\r\n"].concat();
        check(&with_end(&at_limit), &[Some(&at_limit), Some(b"NOOP")]);
        let beyond = [at_limit.as_slice(), b"x"].concat();
        check(&with_end(&beyond), &[None, Some(b"NOOP")]);
        check(&with_end(&beyond.repeat(3)), &[None, Some(b"NOOP")]);
    }
}
