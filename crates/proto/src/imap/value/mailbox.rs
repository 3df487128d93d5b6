//! Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3).

use crate::imap::grammar::{Cursor, Parse};
use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::NO_PAD};
use posthorn_base::{MailboxName, MailboxNameError};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The mailbox that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxArgument {
    /// A name that a mailbox can have.
    Name(MailboxName),
    /// A name that none can have: the mailbox does not exist and cannot be made.
    Impossible(ImpossibleName),
}

/// Why no mailbox can have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImpossibleName {
    /// It is not written as names are.
    #[error("the mailbox name is no modified UTF-7 (RFC 3501 5.1.3), where & is written &-")]
    Encoding,
    /// It says what no name may say.
    #[error(transparent)]
    Name(MailboxNameError),
}

impl MailboxArgument {
    /// `mailbox`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parse<MailboxArgument> {
        Ok(Self::of_wire(&cursor.astring()?))
    }

    /// `mailbox` of CREATE. RFC 3501 6.3.3: a separator at the end says that the client means to
    /// make mailboxes below, and is no part of the name.
    pub(crate) fn parse_new(cursor: &mut Cursor<'_>) -> Parse<MailboxArgument> {
        let wire = cursor.astring()?;
        Ok(Self::of_wire(wire.strip_suffix(b"/").unwrap_or(&wire)))
    }

    fn of_wire(wire: &[u8]) -> MailboxArgument {
        match decode(wire) {
            Some(name) => Self::of(&name),
            None => MailboxArgument::Impossible(ImpossibleName::Encoding),
        }
    }

    /// A name that is decoded already.
    pub(crate) fn of(text: &str) -> MailboxArgument {
        match MailboxName::parse(text) {
            Ok(name) => MailboxArgument::Name(name),
            Err(error) => MailboxArgument::Impossible(ImpossibleName::Name(error)),
        }
    }
}

/// RFC 3501 5.1.3: base64 with `,` instead of `/`, without padding.
static BASE64: LazyLock<Option<GeneralPurpose>> = LazyLock::new(|| {
    let alphabet =
        Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").ok()?;
    let config: GeneralPurposeConfig = NO_PAD;
    Some(GeneralPurpose::new(&alphabet, config))
});

/// Decodes a name, or a pattern of LIST. `None` when it is not written as RFC 3501 5.1.3 says: then
/// no mailbox has it, and none can get it.
///
/// Each name is written in one way only: a shift must not say what could stand for itself, nor end
/// where another begins. But octets beyond US-ASCII are taken for UTF-8, from clients that never
/// heard of the encoding: what they mean is plain, and nothing else could be meant.
pub fn decode(wire: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(wire).ok()?;
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        match encoded {
            "" => name.push('&'),
            encoded => name.push_str(&decode_shift(encoded)?),
        }
        rest = after;
    }
    name.push_str(rest);
    (!text.is_ascii() || encode(&name) == text).then_some(name)
}

/// What stands between `&` and `-`: UTF-16, and nothing that could stand for itself.
fn decode_shift(encoded: &str) -> Option<String> {
    let octets = BASE64.as_ref()?.decode(encoded).ok()?;
    if octets.is_empty() || !octets.len().is_multiple_of(2) {
        return None;
    }
    let units =
        octets.chunks_exact(2).filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.ok().filter(|text| !text.chars().any(stands_for_itself))
}

/// RFC 3501 5.1.3: printable US-ASCII but `&`.
fn stands_for_itself(c: char) -> bool {
    matches!(c, ' '..='~') && c != '&'
}

/// Encodes a name.
pub fn encode(name: &str) -> Cow<'_, str> {
    if name.chars().all(stands_for_itself) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if stands_for_itself(c) || c == '&' {
            end_shift(&mut text, &mut shifted);
            text.push(c);
            if c == '&' {
                text.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_shift(&mut text, &mut shifted);
    Cow::Owned(text)
}

fn end_shift(text: &mut String, shifted: &mut Vec<u8>) {
    if let (false, Some(base64)) = (shifted.is_empty(), BASE64.as_ref()) {
        text.push('&');
        base64.encode_string(&*shifted, text);
        text.push('-');
        shifted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_both_ways() {
        #[track_caller]
        fn check(name: &str, text: &str) {
            assert_eq!(encode(name), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(name));
        }
        // RFC 3501 5.1.3's example.
        check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        check("Entwürfe & mehr", "Entw&APw-rfe &- mehr");
        check("&", "&-");
        check("😀", "&2D3eAA-");
        check("a&b-c", "a&-b-c");
        check("", "");
    }

    #[test]
    fn what_is_no_encoding_is_no_name() {
        let wrong: [&[u8]; 10] = [
            b"&",
            b"a&b",
            b"R&D-x",
            // RFC 3501 5.1.3: an open shift, and two where one would do.
            b"&Jjo!",
            b"&U,BTFw-&ZeVnLIqe",
            b"&U,BTFw-&ZeVnLIqe-",
            // An `a`, which stands for itself; half a surrogate pair; bits left over.
            b"&AGE-",
            b"&2D0-",
            b"&APx-",
            b"Entw\xfcrfe",
        ];
        for name in wrong {
            assert_eq!(decode(name), None, "{}", name.escape_ascii());
        }
        assert_eq!(decode("Entwürfe".as_bytes()).as_deref(), Some("Entwürfe"), "raw UTF-8");
        assert_eq!(decode(b"&AOQA9g-").as_deref(), Some("äö"));
    }

    proptest! {
        #[test]
        fn every_name_returns(name in "\\PC{0,40}") {
            prop_assert_eq!(decode(encode(&name).as_bytes()), Some(name.clone()));
            prop_assert!(encode(&name).is_ascii());
        }
    }
}
