//! UTF-7 (RFC 2152): runs of base64 between `+` and `-` hold UTF-16BE.

/// Decodes; the flag says whether anything had to be replaced.
///
/// Tolerant: 8-bit bytes outside the runs are read by the charset fallback's first half (UTF-8),
/// and a run that ends in the middle of a character loses only that character.
pub(super) fn decode(bytes: &[u8]) -> (String, bool) {
    let mut out = String::with_capacity(bytes.len());
    let mut replaced = false;
    let mut rest = bytes;
    loop {
        let plus = memchr::memchr(b'+', rest).unwrap_or(rest.len());
        let (direct, after) = rest.split_at_checked(plus).unwrap_or((rest, &[]));
        let direct = String::from_utf8_lossy(direct);
        replaced |= matches!(direct, std::borrow::Cow::Owned(_));
        out.push_str(&direct);
        let Some((_plus, run)) = after.split_first() else { return (out, replaced) };
        let end = run.iter().position(|b| sextet(*b).is_none()).unwrap_or(run.len());
        let (run, after) = run.split_at_checked(end).unwrap_or((run, &[]));
        // RFC 2152, rule 2: a `-` that ends the run is absorbed, and `+-` stands for `+`.
        let absorbed = after.strip_prefix(b"-");
        rest = absorbed.unwrap_or(after);
        if run.is_empty() {
            out.push('+');
            replaced |= absorbed.is_none();
        } else {
            replaced |= decode_run(run, &mut out);
        }
    }
}

fn decode_run(run: &[u8], out: &mut String) -> bool {
    let mut bits = 0u32;
    let mut count = 0u32;
    let mut units = Vec::with_capacity(run.len() * 3 / 8);
    for sextet in run.iter().filter_map(|b| sextet(*b)) {
        bits = bits << 6 | sextet;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count & 0xffff) as u16);
        }
    }
    // Fewer than six zero bits pad the run; more are a character cut off.
    let mut replaced = count >= 6 || bits & ((1 << count) - 1) != 0;
    for unit in char::decode_utf16(units) {
        replaced |= unit.is_err();
        out.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    replaced
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        #[track_caller]
        fn check(wire: &[u8], want: &str, replaced: bool) {
            assert_eq!(decode(wire), (want.to_string(), replaced));
        }
        check(b"A+ImIDkQ.", "A≢Α.", false);
        check(b"+ZeVnLIqe-", "日本語", false);
        check(b"1 +- 1 = 2", "1 + 1 = 2", false);
        check(b"+2D3cqQ-", "💩", false);
        check(b"+2D0-x", "\u{fffd}x", true); // half a surrogate pair
        check(b"+AOQ", "ä", false); // the end closes the run
        check(b"a+!b", "a+!b", true);
        check(b"+A-", "", true);
        check(b"\xff", "\u{fffd}", true);
    }
}
