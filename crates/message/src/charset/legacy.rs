//! Seven-bit charsets with escape sequences. HZ (RFC 1843) and ISO-2022-KR (RFC 1557), which
//! browsers dropped and mail still holds, wrap a double-byte set that `encoding_rs` knows in its
//! eight-bit form.

use encoding_rs::{EUC_KR, Encoding, GBK, ISO_2022_JP};
use memchr::memmem;

/// RFC 1843: `~{` and `~}` switch GB 2312 on and off, `~~` is a tilde, `~` before a line end joins
/// lines.
pub(super) fn hz(bytes: &[u8]) -> (String, bool) {
    let mut wide = false;
    let mut damaged = false;
    let mut eight_bit = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'~' {
            // A line end always returns to ASCII.
            wide &= byte != b'\n';
            eight_bit.push(if wide && byte > b' ' { byte | 0x80 } else { byte });
            continue;
        }
        match rest.next_if(|b| matches!(b, b'{' | b'}' | b'~' | b'\n')) {
            Some(b'{') => wide = true,
            Some(b'}') => wide = false,
            Some(b'~') => eight_bit.push(b'~'),
            Some(_) => {}
            None => {
                damaged = true;
                eight_bit.push(b'~');
            }
        }
    }
    finish(GBK, &eight_bit, damaged)
}

/// RFC 1557: SO and SI switch KS C 5601 on and off; the designator ESC $ ) C at the start says so.
pub(super) fn iso_2022_kr(bytes: &[u8]) -> (String, bool) {
    let mut wide = false;
    let mut eight_bit = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x1b if after.starts_with(b"$)C") => rest = after.get(3..).unwrap_or_default(),
            0x0e => wide = true,
            0x0f => wide = false,
            _ => {
                wide &= byte != b'\n';
                eight_bit.push(if wide && byte > b' ' { byte | 0x80 } else { byte });
            }
        }
    }
    finish(EUC_KR, &eight_bit, false)
}

/// RFC 1468. Browsers take an escape sequence right behind another for an attack; in mail it is
/// what is between two encoded words, so the first of them is dropped.
pub(super) fn iso_2022_jp(bytes: &[u8]) -> (String, bool) {
    let mut needed = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memmem::find(rest, b"\x1b") {
        let (before, sequence) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        needed.extend_from_slice(before);
        let is_idle = matches!(sequence, [_, b'(' | b'$', _, 0x1b, ..]);
        let (escape, after) = sequence.split_at_checked(3).unwrap_or((sequence, &[]));
        if !is_idle {
            needed.extend_from_slice(escape);
        }
        rest = after;
    }
    needed.extend_from_slice(rest);
    finish(ISO_2022_JP, &needed, false)
}

fn finish(encoding: &'static Encoding, eight_bit: &[u8], damaged: bool) -> (String, bool) {
    let (text, replaced) = encoding.decode_without_bom_handling(eight_bit);
    (text.into_owned(), replaced || damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        // RFC 1843 3, example 2.
        let text = b"This sentence has no ~~.\nThe next ~{<:Ky2;S{#,NpJ)l6HK!#~}Bye.~\n!";
        assert_eq!(
            hz(text),
            ("This sentence has no ~.\nThe next 己所不欲，勿施於人。Bye.!".to_string(), false)
        );
        assert_eq!(iso_2022_kr(b"\x1b$)C\x0eGQ1[\x0f!"), ("한글!".to_string(), false));
    }
}
