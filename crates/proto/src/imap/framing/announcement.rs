//! The announcement of a literal.

/// A literal that is announced at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::imap) struct Announcement {
    /// How many octets it has. What does not fit into 63 bits is the greatest number: refused by
    /// any limit.
    pub(in crate::imap) octets: u64,
    /// The client waits for our word before it sends them.
    pub(in crate::imap) is_synchronizing: bool,
}

/// Finds the announcement at the end of a line without its CRLF: `{N}`, `{N+}`, and RFC 3516's
/// `~{N}`, of which the tilde changes nothing here.
pub(super) fn announcement(line: &[u8]) -> Option<Announcement> {
    let line = line.strip_suffix(b"}")?;
    let (line, is_synchronizing) = match line.strip_suffix(b"+") {
        Some(line) => (line, false),
        None => (line, true),
    };
    let open = line.iter().rposition(|octet| !octet.is_ascii_digit())?;
    let digits = line.get(open + 1..)?;
    if line.get(open) != Some(&b'{') || digits.is_empty() {
        return None;
    }
    let octets = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
    });
    Some(Announcement { octets: octets.unwrap_or(u64::MAX), is_synchronizing })
}

/// True for what may be the end of an announcement, its brace and first digits missing.
pub(super) fn is_cut_announcement(tail: &[u8]) -> bool {
    let digits = tail.strip_suffix(b"+}").unwrap_or_default();
    digits.len() >= LONGEST_NUMBER && digits.iter().all(u8::is_ascii_digit)
}

/// Digits of the greatest number of 64 bits.
const LONGEST_NUMBER: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements() {
        let found = |line: &str| {
            announcement(line.as_bytes()).map(|found| (found.octets, found.is_synchronizing))
        };
        assert_eq!(found("a LOGIN {5}"), Some((5, true)));
        assert_eq!(found("a LOGIN {5+}"), Some((5, false)));
        assert_eq!(found("a APPEND x ~{0}"), Some((0, true)));
        assert_eq!(found("{007}"), Some((7, true)));
        assert_eq!(found("a {99999999999999999999+}"), Some((u64::MAX, false)));
        for none in
            ["", "}", "{}", "{+}", "{5", "5}", "{5-}", "{-5}", "{5} ", "{ 5}", "a{5}b", "{5++}"]
        {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
