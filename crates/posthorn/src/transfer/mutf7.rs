//! Mailbox names in modified UTF-7 (RFC 3501 5.1.3), as Maildir++ writes them into directory names.

/// RFC 3501 5.1.3: base64 with `,` for `/`, no padding.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Writes a name; characters in `also` are encoded although they need not be.
pub(super) fn encode(name: &str, also: &[char]) -> String {
    let mut out = String::new();
    let mut shifted = String::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') && !also.contains(&c) {
            flush(&mut shifted, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.push(c);
        }
    }
    flush(&mut shifted, &mut out);
    out
}

fn flush(shifted: &mut String, out: &mut String) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    let bytes: Vec<u8> = shifted.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            out.push(digit(bits >> count));
        }
    }
    if count > 0 {
        out.push(digit(bits << (6 - count)));
    }
    out.push('-');
    shifted.clear();
}

fn digit(bits: u32) -> char {
    char::from(ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'A'))
}

/// Reads a name. `None` when it is no modified UTF-7: some programs write UTF-8 as it is.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (shifted, behind) = after.split_once('-')?;
        if shifted.is_empty() {
            out.push('&');
        } else {
            out.push_str(&unshift(shifted)?);
        }
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

fn unshift(text: &str) -> Option<String> {
    let (mut bits, mut count) = (0_u32, 0);
    let mut units = Vec::new();
    for c in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == c)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from((bits >> count) & 0xffff).ok()?);
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(name: &str, text: &str) {
            assert_eq!(encode(name, &[]), text);
            assert_eq!(decode(text).as_deref(), Some(name));
        }
        check("Sent", "Sent");
        check("Entw\u{fc}rfe", "Entw&APw-rfe");
        check("A & B", "A &- B");
        check("\u{53f0}\u{5317}", "&U,BTFw-");
        check("\u{1f4e7}", "&2D3c5w-");
        assert_eq!(encode("v1.2", &['.']), "v1&AC4-2");
        assert_eq!(decode("v1&AC4-2").as_deref(), Some("v1.2"));
        assert_eq!(decode("&broken"), None);
        assert_eq!(decode("&!!-"), None);
    }
}
