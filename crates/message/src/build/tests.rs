use super::*;
use crate::date;
use crate::encoding::decode;
use crate::parse;
use crate::part::Kind;
use posthorn_base::{Address, Random, Time, ZonedTime};
use proptest::prelude::*;

/// Counts: boundaries differ and replay.
#[derive(Default)]
struct Counting(u8);
impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

const DATE: ZonedTime = ZonedTime { time: Time::from_seconds(1_795_425_540), offset_minutes: 60 };

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn header() -> HeaderWriter {
    let mut header = HeaderWriter::default();
    header.date("Date", DATE);
    header.mailboxes("From", [(Some("Ä. Author"), &address("a@b.example"))]).unwrap();
    header.message_id("Message-ID", "1@b.example").unwrap();
    header
}

/// Writes, reads again, and returns type and decoded content of each leaf.
#[track_caller]
fn leaves(part: Part, wire: Wire) -> Vec<(String, Vec<u8>)> {
    let message = part.write(header(), wire, &mut Counting::default()).unwrap();
    if wire == Wire::SevenBit {
        assert!(message.is_ascii(), "{}", String::from_utf8_lossy(&message));
    }
    for line in message.split(|b| *b == b'\n') {
        assert!(line.len() <= 999, "{}", String::from_utf8_lossy(line));
    }
    let parsed = parse(&message);
    assert!(parsed.map().damage().is_none(), "{:?}", parsed.map().damage());
    assert_eq!(date::parse(parsed.header().first("Date").unwrap().raw_value()), Some(DATE));
    let leaves = parsed.map().parts().iter().filter(|part| part.kind == Kind::Leaf);
    leaves
        .map(|part| {
            let body = &message[part.body_start as usize..part.body_end as usize];
            let name = format!("{}/{}", part.content_type.kind, part.content_type.subtype);
            let decoded = decode(part.encoding, body);
            assert!(!decoded.damaged);
            (name, decoded.bytes)
        })
        .collect()
}

fn text_of(header: HeaderWriter) -> String {
    String::from_utf8(header.into_bytes()).unwrap()
}

#[test]
fn fields() {
    let mut writer = HeaderWriter::default();
    writer.text("Subject", "Hello").unwrap();
    writer.text("Subject", "word ".repeat(30).trim_end()).unwrap();
    writer.text("Subject", "").unwrap();
    let (a, b) = (address("a@b.example"), address("\"c d\"@bücher.example"));
    writer.mailboxes("To", [(Some("Doe, \"J\""), &a), (None, &b), (Some("Ä"), &a)]).unwrap();
    writer.mailboxes("Cc", []).unwrap();
    writer.message_ids("References", ["1@a", "2@b"]).unwrap();
    assert_eq!(
        text_of(writer),
        "Subject: Hello\r\n\
        Subject: word word word word word word word word word word word word word word\r\n\
        \x20word word word word word word word word word word word word word word word\r\n\
        \x20word\r\n\
        Subject:\r\n\
        To: \"Doe, \\\"J\\\"\" <a@b.example>, \"c d\"@xn--bcher-kva.example, =?utf-8?B?w4Q=?=\r\n\
        \x20<a@b.example>\r\n\
        References: <1@a> <2@b>\r\n"
    );
}

#[test]
fn no_injection() {
    let mut writer = HeaderWriter::default();
    let evil = "x\r\nBcc: y@z";
    let address = address("a@b.example");
    for value in [evil, "a\nb", "a\rb", "a\0b"] {
        let refused = || Err(BuildError::LineEnd("X".into()));
        assert_eq!(writer.text("X", value), refused());
        assert_eq!(writer.words("X", value), refused());
        assert_eq!(writer.mailboxes("X", [(Some(value), &address)]), refused());
        assert_eq!(writer.parameters("X", value, &[]), refused());
        assert_eq!(writer.parameters("Y", "a/b", &[("X", value)]), refused());
        assert_eq!(writer.message_id("X", value), Err(BuildError::MessageId(value.into())));
        assert!(Part::attachment("a/b", Some(value), vec![]).is_err());
        assert!(Part::attachment(value, None, vec![]).is_err());
        assert!(Part::inline("a/b", value, None, vec![]).is_err());
        assert!(Part::text("").with_text_field("X", value).is_err());
    }
    for name in ["", "a b", "a:b", "a\r\n", "ä"] {
        assert_eq!(writer.text(name, "x"), Err(BuildError::FieldName(name.into())));
    }
    assert!(matches!(Part::attachment("text", None, vec![]), Err(BuildError::MediaType(_))));
    assert!(matches!(writer.words("X", &"x".repeat(998)), Err(BuildError::LineTooLong(_))));
    assert_eq!(text_of(writer), "");
}

#[test]
fn encodings() {
    #[track_caller]
    fn check(text: &str, wire: Wire, encoding: &str, body: &str) {
        let message =
            Part::text(text).write(HeaderWriter::default(), wire, &mut Counting(0)).unwrap();
        let message = String::from_utf8(message).unwrap();
        let (header, got) = message.split_once("\r\n\r\n").unwrap();
        let got_encoding = header.split_once("Content-Transfer-Encoding: ").map_or("7bit", |f| f.1);
        assert_eq!((got_encoding, got), (encoding, body), "{text}");
    }
    let (seven, eight) = (Wire::SevenBit, Wire::EightBit);
    check("a\nb\r\nc\n", seven, "7bit", "a\r\nb\r\nc\r\n");
    check("a\n-- \nb\n", seven, "7bit", "a\r\n-- \r\nb\r\n");
    check("Grüße aus Köln\n", seven, "quoted-printable", "Gr=C3=BC=C3=9Fe aus K=C3=B6ln\r\n");
    check("Grüße\n", eight, "8bit", "Grüße\r\n");
    check("漢字\n", seven, "base64", "5ryi5a2XDQo=\r\n");
    check("From here\n", seven, "quoted-printable", "=46rom here\r\n");
    check("a \nb\n", seven, "quoted-printable", "a=20\r\nb\r\n");
    let long = "x".repeat(1000);
    let soft = ("x".repeat(75) + "=\r\n").repeat(13) + &"x".repeat(25) + "\r\n";
    check(&format!("{long}\n"), eight, "quoted-printable", &soft);
}

#[test]
fn structures() {
    let image = || Part::inline("image/png", "i@b", Some("ä.png"), vec![0, 255, 10]).unwrap();
    let part = Part::mixed(vec![
        Part::alternative("Grüße", Part::related("<img src='cid:i@b'>", vec![image()])),
        Part::attachment("application/pdf", Some("Bericht 1.pdf"), vec![7; 100]).unwrap(),
        Part::message(b"Subject: x\r\n\r\nbody\r\n".to_vec()),
    ]);
    let got = leaves(part, Wire::SevenBit);
    let want: Vec<(String, Vec<u8>)> = [
        ("text/plain", "Grüße".as_bytes().to_vec()),
        ("text/html", b"<img src='cid:i@b'>".to_vec()),
        ("image/png", vec![0, 255, 10]),
        ("application/pdf", vec![7; 100]),
        ("text/plain", b"body\r\n".to_vec()),
    ]
    .map(|(name, bytes)| (name.to_string(), bytes))
    .into();
    assert_eq!(got, want);
    let nested =
        (0..=limits::MIME_DEPTH_MAX).fold(Part::text("x"), |part, _| Part::mixed(vec![part]));
    let written = nested.write(header(), Wire::SevenBit, &mut Counting(0));
    assert_eq!(written, Err(BuildError::TooDeep));
}

#[test]
fn delivery_reports() {
    let (bob, utf8) = (address("bob@example.org"), address("jörg@bücher.example"));
    let recipient = |recipient, diagnostic| RecipientReport {
        original: Some(("rfc822", "Bob@example.org")),
        recipient,
        action: Action::Failed,
        status: "5.1.1",
        remote_mta: Some("mx.example.org"),
        diagnostic: Some(diagnostic),
        last_attempt: Some(DATE),
        will_retry_until: None,
    };
    let long = "x".repeat(5000);
    let report = DeliveryReport {
        text: "Your message could not be delivered.\n",
        reporting_mta: "mx.example.com",
        envelope_id: Some("QQ314159"),
        arrival: Some(DATE),
        recipients: vec![
            recipient(&bob, "550 5.1.1 no such user\r\nX: \x1b[2J ü"),
            recipient(&utf8, &long),
        ],
        returned: Returned::Message(b"Subject: x\r\n\r\nbody\r\n"),
    };
    let got = leaves(report.part().unwrap(), Wire::SevenBit);
    let names: Vec<_> = got.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["text/plain", "message/delivery-status", "text/plain"]);
    let status = String::from_utf8(got[1].1.clone()).unwrap();
    let (first, rest) = status.split_once("\r\n\r\nOriginal-Recipient").unwrap();
    assert_eq!(
        first,
        "Original-Envelope-Id: QQ314159\r\nReporting-MTA: dns; mx.example.com\r\n\
        Arrival-Date: Mon, 23 Nov 2026 10:19:00 +0100"
    );
    assert!(
        rest.starts_with(
            ": rfc822; Bob@example.org\r\nFinal-Recipient: rfc822; bob@example.org\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.org\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 no such user X: ?[2J ?\r\n\
        Last-Attempt-Date: Mon, 23 Nov 2026 10:19:00 +0100\r\n\r\n"
        ),
        "{rest}"
    );
    assert!(rest.contains("Final-Recipient: utf-8; j\\x{F6}rg@b\\x{FC}cher.example\r\n"));

    let section = b"Subject: x\r\nTo: y\r\n\r\n";
    let report = DeliveryReport { returned: Returned::Header(section), ..report };
    let got = leaves(report.part().unwrap(), Wire::SevenBit);
    assert_eq!(got[2], ("text/rfc822-headers".into(), b"Subject: x\r\nTo: y\r\n".to_vec()));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        subject in "[ -~äß漢💩\t]{0,200}",
        text in "[ -~äß漢\n\t]{0,300}",
        name in "[ -~äß漢/]{1,100}",
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut header = header();
        header.text("Subject", &subject).unwrap();
        let part = Part::mixed(vec![
            Part::text(&text),
            Part::attachment("application/octet-stream", Some(&name), bytes.clone()).unwrap(),
        ]);
        for wire in [Wire::SevenBit, Wire::EightBit] {
            let message = part.clone().write(header.clone(), wire, &mut Counting(0)).unwrap();
            let parsed = parse(&message);
            prop_assert_eq!(parsed.header().subject().unwrap(), subject.clone());
            let parts = parsed.map().parts();
            prop_assert_eq!(parts.len(), 3);
            let body = |at: usize| {
                let body = &message[parts[at].body_start as usize..parts[at].body_end as usize];
                decode(parts[at].encoding, body)
            };
            prop_assert_eq!(String::from_utf8(body(1).bytes).unwrap(), text.replace('\n', "\r\n"));
            let whole = crate::encoding::Decoded { bytes: bytes.clone(), damaged: false };
            prop_assert_eq!(body(2), whole);
            let disposition = parts[2].disposition.as_ref().unwrap();
            let got = disposition.parameters.get("filename");
            prop_assert_eq!(got.as_deref(), Some(name.as_str()));
        }
    }
}
