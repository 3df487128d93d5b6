//! SASLprep (RFC 4013): names and passwords in the one form in which they are compared and hashed.
//!
//! Always as a *query* string (RFC 3454 7), in which code points that Unicode 3.2 did not know are
//! allowed. RFC 4013 3 forbids them in stored strings; we prepare passwords for storing by the same
//! rule all the same, else nobody could set a password with an emoji in it, and since they
//! normalise to themselves nothing is lost.

use posthorn_base::limits;
use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

/// Why a name or password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Not UTF-8 (RFC 4616 2, RFC 6856 2.2).
    #[error("not UTF-8")]
    Encoding,
    /// Empty, or nothing is left of it (RFC 4616 2: verification fails).
    #[error("empty")]
    Empty,
    /// Longer than [`limits::CREDENTIAL_BYTES_MAX`].
    #[error("longer than {} octets", limits::CREDENTIAL_BYTES_MAX)]
    TooLong,
    /// A character that RFC 4013 2.3 prohibits, such as a control character.
    #[error("contains a prohibited character")]
    Prohibited,
    /// Text that mixes directions (RFC 3454 6).
    #[error("mixes left-to-right and right-to-left text")]
    Direction,
}

/// Prepares bytes from the wire.
pub fn prepare_bytes(bytes: &[u8]) -> Result<String, PrepareError> {
    // Length first, so that nothing long is decoded or normalised.
    if bytes.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(PrepareError::TooLong);
    }
    prepare(std::str::from_utf8(bytes).map_err(|_| PrepareError::Encoding)?)
}

/// Prepares a name or a password by SASLprep.
///
/// A password's intermediate forms are not overwritten where it holds characters outside ASCII.
pub fn prepare(text: &str) -> Result<String, PrepareError> {
    if text.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(PrepareError::TooLong);
    }
    let prepared: String = if text.is_ascii() {
        text.to_owned()
    } else {
        text.chars()
            // RFC 4013 2.1: other spaces become SPACE, soft hyphens and the like vanish.
            .filter(|&c| !tables::commonly_mapped_to_nothing(c))
            .map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c })
            .nfkc()
            .collect()
    };
    if prepared.is_empty() {
        return Err(PrepareError::Empty);
    }
    if prepared.chars().any(is_prohibited) {
        return Err(PrepareError::Prohibited);
    }
    // NFKC can make text up to 18 times longer.
    if prepared.len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(PrepareError::TooLong);
    }
    check_direction(&prepared)?;
    Ok(prepared)
}

/// RFC 4013 2.3.
fn is_prohibited(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    tables::non_ascii_space_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

/// RFC 3454 6: right-to-left text holds no left-to-right character, and starts and ends with a
/// right-to-left one.
fn check_direction(text: &str) -> Result<(), PrepareError> {
    if text.is_ascii() || !text.contains(tables::bidi_r_or_al) {
        return Ok(());
    }
    let framed = text.starts_with(tables::bidi_r_or_al) && text.ends_with(tables::bidi_r_or_al);
    if framed && !text.contains(tables::bidi_l) { Ok(()) } else { Err(PrepareError::Direction) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saslprep() {
        #[track_caller]
        fn check(text: &str, want: Result<&str, PrepareError>) {
            assert_eq!(prepare(text), want.map(String::from), "{text:?}");
        }
        // RFC 4013 3, the examples.
        check("I\u{ad}X", Ok("IX"));
        check("user", Ok("user"));
        check("USER", Ok("USER"));
        check("\u{aa}", Ok("a"));
        check("\u{2168}", Ok("IX"));
        check("\u{7}", Err(PrepareError::Prohibited));
        check("\u{627}\u{31}", Err(PrepareError::Direction));
        // Ours.
        check("a\u{a0}b", Ok("a b"));
        check("", Err(PrepareError::Empty));
        check("\u{ad}", Err(PrepareError::Empty));
        check("pass\u{1f511}", Ok("pass\u{1f511}"));
        check("\u{e000}", Err(PrepareError::Prohibited));
        check("a\u{202e}b", Err(PrepareError::Prohibited));
        check("\u{627}a\u{627}", Err(PrepareError::Direction));
        check("\u{627}1\u{628}", Ok("\u{627}1\u{628}"));
        let at_limit = "x".repeat(limits::CREDENTIAL_BYTES_MAX);
        check(&at_limit, Ok(&at_limit));
        check(&format!("{at_limit}x"), Err(PrepareError::TooLong));
        // U+FDFA grows from 3 octets to 33.
        check(&"\u{fdfa}".repeat(40), Err(PrepareError::TooLong));
        assert_eq!(prepare_bytes(b"\xff"), Err(PrepareError::Encoding));
    }
}
