//! Delimiter lines of multiparts (RFC 2046 5.1.1).

use memchr::memchr;

/// How a line stands to one boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Not a delimiter of it.
    None,
    /// It begins with the delimiter, but something else than padding follows.
    Prefix { close: bool },
    /// It is the delimiter and nothing but padding follows.
    Exact { close: bool },
}

/// Compares a line, with or without its line end, with a boundary. `is_whole` is false when only
/// the beginning of a very long line is at hand; such a line is never an exact match.
///
/// RFC 2046 5.1.1 notes that the boundary need only be at the line's beginning, whatever follows.
/// Taken alone that rule confuses nested boundaries of which one continues the other, so exact
/// matches go before mere prefixes (see the caller), and a prefix takes part only where no line is
/// exact.
pub(crate) fn compare(line: &[u8], is_whole: bool, boundary: &[u8]) -> Match {
    let Some(rest) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary)) else {
        return Match::None;
    };
    let (rest, close) = match rest.strip_prefix(b"--") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let is_padding = rest.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
    if is_whole && is_padding { Match::Exact { close } } else { Match::Prefix { close } }
}

/// Where the next line that may be a delimiter begins, or where the data end in a way that the next
/// chunk may make one. `None` when the whole of it is within other lines.
pub(crate) fn next_candidate(data: &[u8], finder: &memchr::memmem::Finder<'_>) -> Option<usize> {
    if let Some(at) = finder.find(data) {
        return Some(at + 1);
    }
    if data.ends_with(b"\n") {
        return Some(data.len());
    }
    data.ends_with(b"\n-").then_some(data.len().saturating_sub(1))
}

/// The end of the first line of `data`, its line feed included.
pub(crate) fn line_end(data: &[u8]) -> Option<usize> {
    memchr(b'\n', data).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        use Match::{Exact, None, Prefix};
        #[track_caller]
        fn check(line: &str, want: Match) {
            assert_eq!(compare(line.as_bytes(), true, b"b"), want, "{line:?}");
        }
        check("--b\r\n", Exact { close: false });
        check("--b", Exact { close: false });
        check("--b \t\n", Exact { close: false });
        check("--b--\r\n", Exact { close: true });
        check("--b-- \r\n", Exact { close: true });
        check("--b-\r\n", Prefix { close: false });
        check("--bc\r\n", Prefix { close: false });
        check("--b--c\r\n", Prefix { close: true });
        check("-b\r\n", None);
        check("--a\r\n", None);
        check("--\r\n", None);
        assert_eq!(compare(b"--b   ", false, b"b"), Prefix { close: false });
    }
}
