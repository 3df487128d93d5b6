//! Whatever clients send, and however it is cut.

use crate::common::transcripts::Driver as _;
use crate::driver::{Driver, Shared, config};
use posthorn_proto::pop3::{CloseReason, Config};
use posthorn_testkit::fixtures::SampleMessage;
use proptest::prelude::*;

/// Commands, some of them wrong, and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let number = 0u32..4;
    prop_oneof![
        5 => prop_oneof![
            Just("STAT"), Just("LIST"), Just("UIDL"), Just("RSET"), Just("NOOP"), Just("CAPA"),
            Just("STLS"), Just("UTF8"), Just("LANG"), Just("QUIT"), Just("AUTH"),
            Just("AUTH PLAIN"), Just("AUTH LOGIN"), Just("AHNlY3JldA=="), Just("*"), Just(""),
            Just("AUTH PLAIN AGFsaWNlAHNlY3JldA=="), Just("USER alice"), Just("PASS secret"),
            Just("PASS wrong"), Just("GET / HTTP/1.1"),
        ].prop_map(|s| s.as_bytes().to_vec()),
        3 => ("(RETR|DELE|LIST|UIDL|TOP|retr)", number.clone(), number)
            .prop_map(|(word, a, b)| match word.as_str() {
                "TOP" => format!("TOP {a} {b}").into_bytes(),
                word => format!("{word} {a}").into_bytes(),
            }),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

/// Everything the server says to these bytes, and how it ends.
fn converse<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    piece: usize,
) -> (Vec<u8>, Option<CloseReason>, usize) {
    let shared = Shared::new();
    {
        let mut shared = shared.borrow_mut();
        shared.add(SampleMessage::new().lines(12).build());
        shared.add(b".\n..\r\n\r\n.a\r\nb".to_vec());
        shared.add(Vec::new());
        shared.piece = piece;
    }
    let config = Config { auth_without_tls: true, ..config() };
    let mut driver = Driver::connect(&shared, &config, None);
    for bytes in pieces {
        driver.send(bytes);
    }
    let messages = shared.borrow().messages.len();
    (std::mem::take(&mut driver.output), driver.closed, messages)
}

proptest! {
    #[test]
    fn the_dialogue_does_not_depend_on_how_it_is_cut(
        lines in proptest::collection::vec(line(), 0..25),
        is_logged_in in any::<bool>(),
        size in 1usize..40,
        piece in 1usize..200,
    ) {
        let mut bytes = Vec::new();
        if is_logged_in {
            bytes.extend(b"USER alice\r\nPASS secret\r\n");
        }
        for line in &lines {
            bytes.extend(line);
            bytes.extend(b"\r\n");
        }
        let whole = converse(std::iter::once(bytes.as_slice()), 4096);
        let cut = converse(bytes.chunks(size), piece);
        prop_assert_eq!(&whole, &cut);
        // Every line ends in CRLF, and what is deleted was deleted by QUIT.
        prop_assert!(whole.0.ends_with(b"\r\n"));
        prop_assert!(whole.2 == 3 || whole.1 == Some(CloseReason::Quit));
    }

    #[test]
    fn noise(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (_, _, messages) = converse(bytes.chunks(50), 10);
        prop_assert_eq!(messages, 3);
    }
}
