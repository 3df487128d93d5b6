//! Parameters for the wire.

use crate::encoding::hex_digits;
use crate::lexer::is_tspecial;

/// Columns of one written parameter, so that it fits a line with its indent and semicolon.
const PIECE_MAX: usize = 72;

/// Writes a parameter: as a token, a quoted string, or as RFC 2231 demands when it holds more than
/// printable ASCII or is too long for a line. The pieces are to be joined by `;` and a fold.
///
/// `name` is a token of ours, never a stranger's.
pub fn write(name: &str, value: &str) -> Vec<String> {
    let is_printable = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if is_printable {
        let is_token =
            !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && !is_tspecial(b));
        let written = if is_token { format!("{name}={value}") } else { quoted(name, value) };
        // A quoted string that looks like an encoded word would be read as one by most programs.
        if written.len() <= PIECE_MAX && !value.contains("=?") {
            return vec![written];
        }
    }
    extended(name, value)
}

fn quoted(name: &str, value: &str) -> String {
    let mut out = format!("{name}=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// RFC 2231 3 and 4: `name*=utf-8''...`, or `name*0*=utf-8''...` and so on.
fn extended(name: &str, value: &str) -> Vec<String> {
    let single =
        format!("{name}*=utf-8''{}", value.chars().map(percent_encode).collect::<String>());
    if single.len() <= PIECE_MAX {
        return vec![single];
    }
    let mut out = Vec::new();
    let mut piece = format!("{name}*0*=utf-8''");
    for c in value.chars() {
        let encoded = percent_encode(c);
        if piece.len() + encoded.len() > PIECE_MAX {
            out.push(piece);
            piece = format!("{name}*{}*=", out.len());
        }
        piece.push_str(&encoded);
    }
    out.push(piece);
    out
}

/// RFC 2231 7 `attribute-char` stands for itself.
fn percent_encode(c: char) -> String {
    let mut buffer = [0; 4];
    let mut out = String::new();
    for &byte in c.encode_utf8(&mut buffer).as_bytes() {
        if byte.is_ascii_graphic() && !is_tspecial(byte) && !b"*'%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(hex_digits(byte).map(char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::ParameterList;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        assert_eq!(write("charset", "utf-8"), ["charset=utf-8"]);
        assert_eq!(write("filename", "a \"b\".txt"), ["filename=\"a \\\"b\\\".txt\""]);
        assert_eq!(write("filename", ""), ["filename=\"\""]);
        assert_eq!(write("filename", "ä b.txt"), ["filename*=utf-8''%C3%A4%20b.txt"]);
        assert_eq!(write("filename", "a\r\nb"), ["filename*=utf-8''a%0D%0Ab"]);
        let long = write("filename", &"ä".repeat(30));
        assert_eq!(long.len(), 4, "{long:?}");
        assert!(long[1].starts_with("filename*1*=%C3"));
    }

    proptest! {
        #[test]
        fn round_trip(value in "[ -~äß漢💩\t]{0,200}") {
            let pieces = write("filename", &value);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= PIECE_MAX && piece.is_ascii()));
            let wire = format!("attachment; {}", pieces.join(";\r\n "));
            let got = ParameterList::parse(wire.as_bytes()).get("filename");
            prop_assert_eq!(got, Some(value));
        }
    }
}
