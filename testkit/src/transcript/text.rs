//! Escapes and helpers within a transcript's lines.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Expands `{base64:...}` and `{repeat:N:...}`, which nest; other braces stand for themselves.
/// Within helpers the escapes of [`unescape`] hold.
pub(super) fn expand(text: &str) -> Result<Vec<u8>, String> {
    expand_with(text, false)
}

/// As [`expand`], with the escapes `\r \n \t \0 \\ \xNN` outside of helpers as well.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    expand_with(text, true)
}

fn expand_with(text: &str, escapes: bool) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with("{base64:") || rest.starts_with("{repeat:") {
            let (inside, tail) = helper(rest)?;
            rest = tail;
            match inside.split_once(':') {
                Some(("base64", text)) => out.extend(STANDARD.encode(unescape(text)?).bytes()),
                Some((_, counted)) => {
                    let (count, text) =
                        counted.split_once(':').ok_or("{repeat:N:text} needs a count")?;
                    let count = count.parse().map_err(|_| format!("{count:?} is no count"))?;
                    out.extend(unescape(text)?.repeat(count));
                }
                None => return Err("a helper needs a colon".into()),
            }
            continue;
        }
        let mut chars = rest.chars();
        match chars.next() {
            Some('\\') if escapes => {
                let (byte, tail) = escape(chars.as_str())?;
                out.push(byte);
                rest = tail;
            }
            Some(c) => {
                out.extend(c.encode_utf8(&mut [0; 4]).bytes());
                rest = chars.as_str();
            }
            None => break,
        }
    }
    Ok(out)
}

/// Splits `{inside}tail`, with nested braces.
fn helper(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let inside = text.get(1..at).unwrap_or_default();
            return Ok((inside, text.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(format!("{text:?} has no closing brace"))
}

fn escape(after_backslash: &str) -> Result<(u8, &str), String> {
    let mut chars = after_backslash.chars();
    let byte = match chars.next() {
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => {
            let hex = after_backslash.get(1..3).ok_or("\\x needs two digits")?;
            let byte = u8::from_str_radix(hex, 16).map_err(|_| format!("\\x{hex} is no byte"))?;
            return Ok((byte, after_backslash.get(3..).unwrap_or_default()));
        }
        other => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
    };
    Ok((byte, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_and_escapes() {
        assert_eq!(expand("a {base64:\\0tim\\0x} b").unwrap(), b"a AHRpbQB4 b");
        assert_eq!(expand("{repeat:3:ab\\r}").unwrap(), b"ab\rab\rab\r");
        assert_eq!(expand("{base64:{repeat:2:x}}").unwrap(), b"eHg=");
        assert_eq!(expand("a {12} \\r").unwrap(), b"a {12} \\r");
        assert_eq!(unescape("\\r\\n\\t\\0\\\\\\xff é").unwrap(), b"\r\n\t\0\\\xff \xc3\xa9");
        for wrong in ["{base64:x", "{repeat:x:y}", "{repeat:3}", "{base64:\\q}", "{base64:\\x1}"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }
}
