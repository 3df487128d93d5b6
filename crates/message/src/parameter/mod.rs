//! Fields of the form `value; name=value; ...`: Content-Type and Content-Disposition (RFC 2045 5.1,
//! RFC 2183 2), with the continuations and charsets of RFC 2231.
//!
//! Two views of the same list: as received, name by name, which is what IMAP's BODYSTRUCTURE hands
//! on, and decoded, which is what people read.
//!
//! Invariants
//! * Parsing never fails: broken lists give what can be made out.
//! * At most [`limits::MIME_PARAMETERS_MAX`] parameters are read.

mod decode;
mod join;
mod write;

pub use write::write;

use crate::lexer::{Cursor, is_tspecial, is_white_space};
use posthorn_base::limits;

/// A parameter as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name as written: `name*0*` stays so.
    pub name: Box<[u8]>,
    /// Its value, without quotes and with quoted pairs resolved, otherwise as written.
    pub value: Box<[u8]>,
}

/// The value of a field and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterList {
    /// The first part, such as `text/plain` or `attachment`, without white space and comments.
    pub value: Box<[u8]>,
    /// The parameters in the order received.
    pub parameters: Vec<Parameter>,
    /// True when there were more than are read.
    pub truncated: bool,
}

impl ParameterList {
    /// Reads a field's value, folded or not.
    ///
    /// Beyond the RFCs: a missing semicolon, spaces and specials in unquoted values (Outlook's
    /// `filename=My file (1).pdf`), white space around `=`, a quoted string that never ends.
    pub fn parse(value: &[u8]) -> ParameterList {
        let mut cursor = Cursor::new(value);
        let mut list = ParameterList { value: main_value(&mut cursor), ..Default::default() };
        loop {
            cursor.skip_cfws();
            if cursor.accept(b';') || cursor.accept(b',') {
                continue;
            }
            if cursor.is_at_end() {
                return list;
            }
            let Some(parameter) = parameter(&mut cursor) else { continue };
            if list.parameters.len() == limits::MIME_PARAMETERS_MAX {
                list.truncated = true;
                return list;
            }
            list.parameters.push(parameter);
        }
    }

    /// The first parameter of this name as received, whatever its case.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.parameters
            .iter()
            .find(|p| p.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|p| p.value.as_ref())
    }

    /// The two halves of a media type, or `None` when it has no slash or an empty half.
    pub fn media_type(&self) -> Option<(&[u8], &[u8])> {
        let slash = memchr::memchr(b'/', &self.value)?;
        let (kind, subtype) = self.value.split_at_checked(slash)?;
        let (_, subtype) = subtype.split_first()?;
        (!kind.is_empty() && !subtype.is_empty()).then_some((kind, subtype))
    }
}

/// Takes the part before the parameters.
fn main_value(cursor: &mut Cursor<'_>) -> Box<[u8]> {
    let mut value = Vec::new();
    loop {
        cursor.skip_cfws();
        match cursor.peek() {
            None | Some(b';' | b',') => break,
            Some(b'"') => match cursor.quoted_string() {
                Some(text) => value.extend(text),
                None => {
                    cursor.next();
                }
            },
            Some(b'/') => {
                cursor.next();
                value.push(b'/');
            }
            Some(b'=') => {
                // `Content-Type: charset=utf-8`: there is no value at all.
                break;
            }
            Some(_) => {
                let mut ahead = cursor.clone();
                let token = ahead.take_while(|b| !is_white_space(b) && !b";,/(\"=".contains(&b));
                // `text/plain charset=utf-8`: the next token is already a parameter.
                if starts_parameter(cursor) || ahead.peek() == Some(b'=') {
                    break;
                }
                value.extend_from_slice(token);
                *cursor = ahead;
            }
        }
    }
    value.into_boxed_slice()
}

/// Whether `name =` comes next.
fn starts_parameter(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    let name = ahead.take_while(is_name_byte);
    // RFC 2231 lets no name be longer than a line; the bound keeps the look ahead cheap.
    if name.is_empty() || name.len() > 80 {
        return false;
    }
    ahead.skip_white_space();
    ahead.peek() == Some(b'=')
}

fn is_name_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f && !is_tspecial(byte)
}

/// Takes `name=value`; `None` when what stands here is none, which is then skipped.
fn parameter(cursor: &mut Cursor<'_>) -> Option<Parameter> {
    let name = cursor.take_while(is_name_byte);
    if name.is_empty() {
        cursor.next();
        return None;
    }
    cursor.skip_cfws();
    if !cursor.accept(b'=') {
        return None;
    }
    cursor.skip_white_space();
    let value = match cursor.peek() {
        Some(b'"') => quoted(cursor),
        _ => unquoted(cursor, is_file_name(name)),
    };
    Some(Parameter { name: name.into(), value: value.into_boxed_slice() })
}

/// File names hold parentheses more often than comments.
fn is_file_name(name: &[u8]) -> bool {
    let base = name.split(|b| *b == b'*').next().unwrap_or(name);
    base.eq_ignore_ascii_case(b"name") || base.eq_ignore_ascii_case(b"filename")
}

fn quoted(cursor: &mut Cursor<'_>) -> Vec<u8> {
    match cursor.quoted_string() {
        Some(text) => text,
        // Never closed: what there is up to the next semicolon.
        None => {
            cursor.next();
            trimmed(cursor.take_while(|b| b != b';'))
        }
    }
}

/// Takes a value without quotes: to the next semicolon, or to white space before another `name=`.
fn unquoted(cursor: &mut Cursor<'_>, is_file_name: bool) -> Vec<u8> {
    let mut value = Vec::new();
    loop {
        let run = cursor.take_while(|b| {
            !is_white_space(b) && b != b';' && (is_file_name || (b != b'(' && b != b','))
        });
        value.extend_from_slice(run);
        let mut ahead = cursor.clone();
        let white: Vec<u8> = ahead
            .take_while(is_white_space)
            .iter()
            .copied()
            .filter(|b| matches!(b, b' ' | b'\t'))
            .collect();
        let stops = match ahead.peek() {
            None | Some(b';') => true,
            Some(b'(' | b',') if !is_file_name => true,
            Some(_) => run.is_empty() && white.is_empty() || starts_parameter(&ahead),
        };
        if stops {
            *cursor = ahead;
            return value;
        }
        value.extend(white);
        *cursor = ahead;
    }
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    bytes.trim_ascii().iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wire: &[u8], value: &str, want: &[(&str, &str)]) {
        let list = ParameterList::parse(wire);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got: Vec<_> = list.parameters.iter().map(|p| (text(&p.name), text(&p.value))).collect();
        let want: Vec<_> = want.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!((text(&list.value), got), (value.to_string(), want), "{}", text(wire));
    }

    #[test]
    fn as_received() {
        check(b"text/plain", "text/plain", &[]);
        check(
            b" text / plain ;charset=us-ascii (Plain text)",
            "text/plain",
            &[("charset", "us-ascii")],
        );
        check(
            b"text/plain; Charset=\"us-\\\"ascii\"; x = y",
            "text/plain",
            &[("Charset", "us-\"ascii"), ("x", "y")],
        );
        check(
            b"multipart/mixed;\r\n\tboundary=\"a;\r\n b\"",
            "multipart/mixed",
            &[("boundary", "a; b")],
        );
        check(b"message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu\"",
            "message/external-body",
            &[("access-type", "URL"), ("URL*0", "ftp://"), ("URL*1", "cs.utk.edu")],
        );
    }

    #[test]
    fn broken() {
        check(b"", "", &[]);
        check(b";;;", "", &[]);
        check(b"charset=utf-8", "", &[("charset", "utf-8")]);
        check(
            b"text/plain charset=utf-8 format=flowed",
            "text/plain",
            &[("charset", "utf-8"), ("format", "flowed")],
        );
        check(
            b"attachment; filename=My file (1).pdf; size=3",
            "attachment",
            &[("filename", "My file (1).pdf"), ("size", "3")],
        );
        check(b"attachment; filename=a=b.txt", "attachment", &[("filename", "a=b.txt")]);
        check(
            b"attachment; foo; =x; filename=\"a\" junk; y=z",
            "attachment",
            &[("filename", "a"), ("y", "z")],
        );
        check(
            b"attachment; filename=\"never closed; x=y",
            "attachment",
            &[("filename", "never closed"), ("x", "y")],
        );
        check(b"text/plain; name=", "text/plain", &[("name", "")]);
        check(
            b"text/html; charset=iso-8859-1, x=y",
            "text/html",
            &[("charset", "iso-8859-1"), ("x", "y")],
        );
        check(b"text/plain; (comment) a=(c)b", "text/plain", &[("a", "")]);
        check(b"\"text/plain\"; a=b", "text/plain", &[("a", "b")]);
    }

    #[test]
    fn bounded() {
        let many = b"; a=b".repeat(limits::MIME_PARAMETERS_MAX + 1);
        let list = ParameterList::parse(&[b"a/b".to_vec(), many].concat());
        assert_eq!(list.parameters.len(), limits::MIME_PARAMETERS_MAX);
        assert!(list.truncated);
        for hostile in [b"x ".repeat(100_000), b"\"".repeat(200_000), b"(".repeat(200_000)] {
            ParameterList::parse(&hostile);
            ParameterList::parse(&[b"a; b=".to_vec(), hostile].concat());
        }
    }
}
