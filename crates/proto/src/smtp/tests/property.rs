//! Whatever a client sends, and however it is cut: no panic, and the same record.

use super::play::*;
use crate::smtp::Service;
use proptest::prelude::*;

/// Pieces of dialogues, good and bad; random ones of these get further than random bytes.
const WORDS: &[&str] = &[
    "EHLO a.example\r\n",
    "HELO [192.0.2.1]\r\n",
    "MAIL FROM:<a@b.example>",
    "MAIL FROM:<diskfull@b.example>",
    "MAIL FROM:<> SIZE=100 BODY=BINARYMIME\r\n",
    "RCPT TO:<b@c.example>\r\n",
    "RCPT TO:<unknown@c.example> NOTIFY=NEVER\r\n",
    "DATA\r\n",
    "BDAT 5\r\n",
    "BDAT 3 LAST\r\n",
    "BDAT 0\r\n",
    "BDAT x\r\n",
    "AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\n",
    "AUTH LOGIN\r\n",
    "YWxpY2VAZXhhbXBsZS5jb20=\r\n",
    "*\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "QUIT\r\n",
    "GET / ",
    " SIZE=1 ",
    "\r\n",
    "\r\n.\r\n",
    "\r",
    "\n",
    ".",
    "\0",
    "\u{16}",
    "text",
    "é",
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => (12_270usize..12_300).prop_map(|n| vec![b'x'; n]),
    ]
}

/// Complete openings in front, so that most runs get to the data.
fn opening() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&[
        "",
        "EHLO a\r\n",
        OPENING,
        "EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n",
        "EHLO a\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<b@c.example>\r\nBDAT 9\r\n",
    ])
}

fn cut(wire: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = wire;
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if rest.is_empty() || cuts.iter().all(|c| *c == 0) {
            break;
        }
        let (piece, more) = rest.split_at((*cut).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = more;
    }
    pieces.push(rest.to_vec());
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_record_does_not_depend_on_the_cuts(
        opening in opening(),
        words in proptest::collection::vec(piece(), 0..40),
        cuts in proptest::collection::vec(0usize..40, 1..10),
        is_mx in any::<bool>(),
        small in any::<bool>(),
    ) {
        let service = if is_mx { Service::Mx } else { Service::Submission };
        let scene = Scene::new(service).with(|c| {
            // What follows STARTTLS is discarded as far as it has come: there the cuts do matter.
            c.starttls = false;
            c.auth_without_tls = true;
            c.binarymime = true;
            c.errors_max = 60;
            if small {
                c.message_bytes_max = 20;
            }
        });
        let wire = [opening.as_bytes(), &words.concat()].concat();
        let whole = play_in(&scene, [wire.clone()]);
        prop_assert_eq!(&whole, &play_in(&scene, cut(&wire, &cuts)));
        prop_assert_eq!(&whole, &play_in(&scene, cut(&wire, &[1])));
    }
}
