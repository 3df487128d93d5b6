//! From text to the wire.

use crate::encoding::{Base64Encoder, hex_digits};

/// Longest encoded word (RFC 2047 2).
const WORD_MAX: usize = 75;
/// `=?utf-8?Q?` and `?=`.
const FRAME: usize = 12;
/// Longest run of ordinary text that is left as it is: RFC 5322 2.1.1 limits a line to 998, and a
/// longer run could not be folded.
const PLAIN_MAX: usize = 900;

/// Where words will stand; it decides what a Q word may hold (RFC 2047 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Unstructured text, such as a Subject.
    Text,
    /// A phrase, such as a display name.
    Phrase,
}

/// Cuts text into pieces to be joined by a space or a folded line: ordinary words where possible,
/// encoded words for the rest. `first_room` is how many columns the first encoded word may take.
///
/// What lies between the first and the last word that need it is encoded in one go, by Q or B,
/// whichever is shorter. Line ends and NUL in the text come out encoded, never bare.
pub fn encode(text: &str, place: Place, first_room: usize) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let needs = |word: &&str| !is_plain(word, place);
    let Some(mut first) = words.iter().position(needs) else {
        return words.into_iter().map(String::from).collect();
    };
    let mut last = words.iter().rposition(needs).unwrap_or(first);
    // An empty word is only seen between neighbours that are encoded with it.
    while first > 0 && words.get(first).is_some_and(|w| w.is_empty()) {
        first -= 1;
    }
    while last + 1 < words.len() && words.get(last).is_some_and(|w| w.is_empty()) {
        last += 1;
    }
    let mut out: Vec<String> = words.iter().take(first).map(|w| w.to_string()).collect();
    let middle: Vec<&str> = words.iter().skip(first).take(last + 1 - first).copied().collect();
    let room = if first == 0 { first_room } else { WORD_MAX };
    encode_run(&middle.join(" "), place, room, &mut out);
    out.extend(words.iter().skip(last + 1).map(|w| w.to_string()));
    out
}

/// Whether a word may stand as it is. An empty word is a second space in a row, which folding could
/// not keep.
fn is_plain(word: &str, place: Place) -> bool {
    let fits = match place {
        Place::Text => word.bytes().all(|b| b.is_ascii_graphic()),
        Place::Phrase => word.chars().all(|c| c.is_ascii() && posthorn_base::address::is_atext(c)),
    };
    fits && !word.is_empty() && word.len() <= PLAIN_MAX && !word.contains("=?")
}

fn encode_run(text: &str, place: Place, first_room: usize, out: &mut Vec<String>) {
    let q_len: usize = text.bytes().map(|b| q_width(b, place)).sum();
    // ASCII stays legible, if it must be encoded at all.
    let is_q = text.is_ascii() || q_len <= text.len().div_ceil(3) * 4;
    let mut room = first_room.min(WORD_MAX);
    let mut chunk = String::new();
    let mut width = 0;
    for c in text.chars() {
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        let more = if is_q {
            width + bytes.iter().map(|b| q_width(*b, place)).sum::<usize>()
        } else {
            (chunk.len() + bytes.len()).div_ceil(3) * 4
        };
        if more + FRAME > room && !chunk.is_empty() {
            out.push(word(&chunk, is_q, place));
            chunk.clear();
            width = 0;
            room = WORD_MAX;
        }
        width += bytes.iter().map(|b| q_width(*b, place)).sum::<usize>();
        chunk.push(c);
    }
    if !chunk.is_empty() {
        out.push(word(&chunk, is_q, place));
    }
}

fn word(text: &str, is_q: bool, place: Place) -> String {
    if !is_q {
        let encoded = Base64Encoder::inline(text.as_bytes());
        return format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&encoded));
    }
    let mut out = String::from("=?utf-8?Q?");
    for byte in text.bytes() {
        match (byte, q_width(byte, place)) {
            (b' ', _) => out.push('_'),
            (_, 1) => out.push(char::from(byte)),
            _ => {
                out.push('=');
                out.extend(hex_digits(byte).map(char::from));
            }
        }
    }
    out.push_str("?=");
    out
}

/// Characters that a byte takes in a Q word. RFC 2047 5 (3): in a phrase only letters, digits and
/// `!*+-/` stand for themselves.
fn q_width(byte: u8, place: Place) -> usize {
    let stands = match place {
        Place::Phrase => byte.is_ascii_alphanumeric() || b"!*+-/ ".contains(&byte),
        Place::Text => (byte.is_ascii_graphic() && !b"=?_".contains(&byte)) || byte == b' ',
    };
    if stands { 1 } else { 3 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoded_word::decode;
    use proptest::prelude::*;

    #[test]
    fn encoding() {
        #[track_caller]
        fn check(text: &str, place: Place, want: &[&str]) {
            assert_eq!(encode(text, place, 66), want, "{text}");
        }
        check("Hello, world", Place::Text, &["Hello,", "world"]);
        check(
            "Re: Grüße aus Köln heute",
            Place::Text,
            &["Re:", "=?utf-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=", "heute"],
        );
        check("Brücke da", Place::Text, &["=?utf-8?Q?Br=C3=BCcke?=", "da"]);
        check("漢字", Place::Text, &["=?utf-8?B?5ryi5a2X?="]);
        check("a b  c d", Place::Text, &["a", "=?utf-8?Q?b__c?=", "d"]);
        check("Smith, J.", Place::Phrase, &["=?utf-8?Q?Smith=2C_J=2E?="]);
        check("", Place::Text, &[]);
    }

    proptest! {
        #[test]
        fn round_trip(text in "[ -~äß漢💩\t]{0,300}", room in 20usize..76) {
            for place in [Place::Text, Place::Phrase] {
                let words = encode(&text, place, room);
                for (index, word) in words.iter().enumerate() {
                    prop_assert!(word.is_ascii());
                    if word.starts_with("=?") {
                        let most = if index == 0 { room.max(25) } else { WORD_MAX };
                        prop_assert!(word.len() <= most);
                    }
                }
                prop_assert_eq!(decode(words.join("\r\n ").as_bytes()), text.clone());
            }
        }
    }
}
