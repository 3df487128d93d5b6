//! Addresses for the wire.

use super::Address;
use crate::encoded_word::{Place, encode};
use posthorn_base::address::is_atext;

/// Writes `local@domain` for a header field. A Unicode domain is written in ASCII, which every
/// reader understands, unless the local part needs RFC 6532 anyway.
pub fn write_address(address: &Address) -> String {
    if address.needs_smtputf8() {
        address.to_string()
    } else {
        format!("{}@{}", address.local(), literal_as_given(address))
    }
}

fn literal_as_given(address: &Address) -> &str {
    let domain = address.domain();
    if domain.as_given().is_ascii() { domain.as_given() } else { domain.ascii() }
}

/// Writes a mailbox as pieces to be joined by a space or a fold: the name as atoms, a quoted string
/// or encoded words, and the address in angle brackets; without a name the address alone.
pub fn write_mailbox(name: Option<&str>, address: &Address) -> Vec<String> {
    let address = write_address(address);
    match name.filter(|name| !name.trim().is_empty()) {
        None => vec![address],
        Some(name) => {
            let mut pieces = write_phrase(name);
            pieces.push(format!("<{address}>"));
            pieces
        }
    }
}

/// Longest name that is written as one quoted string; a longer one is encoded, which can be folded.
const QUOTED_MAX: usize = 70;

/// RFC 5322 3.2.5 `phrase`.
pub(crate) fn write_phrase(name: &str) -> Vec<String> {
    let is_printable = name.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    let are_atoms = name.split(' ').all(|word| !word.is_empty() && word.chars().all(is_atext));
    if is_printable && !are_atoms && !name.contains("=?") && name.len() <= QUOTED_MAX {
        let mut quoted = String::from("\"");
        for c in name.chars() {
            if matches!(c, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        quoted.push('"');
        return vec![quoted];
    }
    encode(name, Place::Phrase, QUOTED_MAX)
}
