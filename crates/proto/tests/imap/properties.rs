//! Whatever clients send, and however it is cut.

use crate::checks;
use crate::driver::AppendFault;
use proptest::prelude::*;

/// Pieces of dialogues, good and bad.
const WORDS: &[&str] = &[
    "a LOGIN alice secret\r\n",
    "a LOGIN {5+}\r\nalice {6+}\r\nsecret\r\n",
    "a LOGIN {5}\r\n",
    "alice",
    " secret\r\n",
    "b AUTHENTICATE PLAIN\r\n",
    "AGFsaWNlAHNlY3JldA==\r\n",
    "*\r\n",
    "c SELECT INBOX\r\n",
    "d APPEND INBOX {8}\r\n",
    "d APPEND INBOX {8+}\r\n",
    "d APPEND other {8+}\r\n",
    "d APPEND INBOX {2001+}\r\n",
    "b NOOP\r\n",
    "e IDLE\r\n",
    "DONE\r\n",
    "f LOGOUT\r\n",
    "g CAPABILITY",
    "h COMPRESS DEFLATE\r\n",
    "{3}\r\n",
    "{3+}\r\n",
    "{4097+}\r\n",
    "{70000+}\r\n",
    " (",
    "\"",
    "\r\n",
    "\r",
    "\n",
    "\0",
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => (4085usize..4100).prop_map(|n| vec![b'x'; n]),
        1 => (12_270usize..12_300).prop_map(|n| vec![b'x'; n]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_dialogue_does_not_depend_on_how_it_is_cut(
        words in proptest::collection::vec(piece(), 0..30),
        is_logged_in in any::<bool>(),
        size in 1usize..40,
        fault in proptest::sample::select(&[
            None, Some(AppendFault::Refused), Some(AppendFault::Broken), Some(AppendFault::Late),
        ]),
    ) {
        let opening = if is_logged_in { WORDS[0].as_bytes() } else { b"" };
        let wire = [opening, &words.concat()].concat();
        let whole = checks::play([wire.as_slice()], fault);
        prop_assert_eq!(&whole, &checks::play(wire.chunks(size), fault));
        prop_assert!(whole.said.ends_with(b"\r\n"));
    }

    /// The same dialogue, cut once, at each position.
    #[test]
    fn every_position(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..9)) {
        let wire = [WORDS[0], &words.concat()].concat();
        let whole = checks::play([wire.as_bytes()], None);
        for at in 0..wire.len() {
            let (left, right) = wire.as_bytes().split_at(at);
            prop_assert_eq!(&whole, &checks::play([left, right], None), "cut at {}", at);
        }
    }

    #[test]
    fn noise(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        checks::session(&bytes);
    }

    #[test]
    fn commands_full_of_literals(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        checks::framing(&bytes);
    }
}
