//! Writes sample messages into a directory, for `tests/interop/builder_roundtrip.py` to read with
//! another mail library.
//!
//! `cargo run -p posthorn-message --example build_samples -- DIR`

use posthorn_base::{Address, Random, Time, ZonedTime};
use posthorn_message::build::{
    Action, BuildError, DeliveryReport, HeaderWriter, Part, RecipientReport, Returned, Wire,
};
use std::error::Error;
use std::path::Path;

/// The same boundaries at every run.
struct Counter(u64);
impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

const DATE: ZonedTime = ZonedTime { time: Time::from_seconds(1_795_425_540), offset_minutes: 60 };
const SUBJECTS: [&str; 6] = [
    "Plain words",
    "Grüße aus Köln: 5 € für =?alle?=",
    "漢字かな交じり文の長い件名は何行にも分けて書かれなければならない、一つの語も途中で切れずに",
    "two  spaces, a trailing one ",
    "a very long ASCII subject that goes on and on, word after word after word, until it must be folded more than once over several lines",
    "💩 smile",
];

fn header(subject: &str) -> Result<HeaderWriter, Box<dyn Error>> {
    let author = Address::parse("author@example.com")?;
    let quoted = Address::parse("\"odd local\"@example.org")?;
    let unicode = Address::parse("info@bücher.example")?;
    let mut header = HeaderWriter::default();
    header.date("Date", DATE);
    header.mailboxes("From", [(Some("Jörg Müller"), &author)])?;
    header.mailboxes(
        "To",
        [
            (Some("Doe, John \"JD\""), &author),
            (None, &quoted),
            (Some("漢字 太郎, and a name so long that it must be folded over lines"), &unicode),
            (Some("=?looks?like?a word"), &author),
        ],
    )?;
    header.text("Subject", subject)?;
    header.message_id("Message-ID", "sample@example.com")?;
    header.message_ids("References", ["one@example.com", "two@example.com"])?;
    Ok(header)
}

fn parts() -> Result<Vec<(&'static str, Part, Wire)>, BuildError> {
    let all: Vec<u8> = (0..=255).collect();
    let long = "x".repeat(2000) + "\n";
    let image = || Part::inline("image/png", "img@example.com", Some("Bild ä.png"), all.clone());
    let long_name = "Ein sehr langer Dateiname mit Umlauten äöü, Kommas, und \"Zeichen\"; \
                     er passt nicht in eine Zeile.pdf";
    Ok(vec![
        ("text-ascii", Part::text("Hello\nWorld\n"), Wire::SevenBit),
        ("text-german", Part::text("Grüße\n=20 \n.\nFrom me\n"), Wire::SevenBit),
        ("text-8bit", Part::text("Grüße\n"), Wire::EightBit),
        ("text-chinese", Part::text("漢字かな\n"), Wire::SevenBit),
        ("text-long", Part::text(&long), Wire::SevenBit),
        (
            "mixed",
            Part::mixed(vec![
                Part::alternative(
                    "Grüße\n",
                    Part::related("<img src=cid:img@example.com>\n", vec![image()?]),
                ),
                Part::attachment("application/pdf", Some(long_name), all.clone())?,
                Part::attachment("text/plain", Some("a \"b\".txt"), b"one\ntwo".to_vec())?,
                Part::message(b"Subject: inner\r\n\r\ninner body\r\n".to_vec()),
            ]),
            Wire::SevenBit,
        ),
    ])
}

fn report() -> Result<Part, Box<dyn Error>> {
    let bob = Address::parse("bob@example.org")?;
    let joerg = Address::parse("jörg@example.org")?;
    let recipient = |recipient, action| RecipientReport {
        original: Some(("rfc822", "Bob@example.org")),
        recipient,
        action,
        status: "5.1.1",
        remote_mta: Some("mx.example.org"),
        diagnostic: Some("550 5.1.1 no such user\r\nhere"),
        last_attempt: Some(DATE),
        will_retry_until: None,
    };
    let report = DeliveryReport {
        text: "It could not be delivered.\n",
        reporting_mta: "mx.example.com",
        envelope_id: Some("QQ314159"),
        arrival: Some(DATE),
        recipients: vec![recipient(&bob, Action::Failed), recipient(&joerg, Action::Delayed)],
        returned: Returned::Message(b"Subject: sent\r\n\r\nbody\r\n"),
    };
    Ok(report.part()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: build_samples DIR")?;
    let write = |name: &str, subject: &str, part: Part, wire: Wire| -> Result<(), Box<dyn Error>> {
        let message = part.write(header(subject)?, wire, &mut Counter(1))?;
        std::fs::write(Path::new(&dir).join(format!("{name}.eml")), message)?;
        Ok(())
    };
    for (index, subject) in SUBJECTS.into_iter().enumerate() {
        write(&format!("subject-{index}"), subject, Part::text("x\n"), Wire::SevenBit)?;
        std::fs::write(Path::new(&dir).join(format!("subject-{index}.txt")), subject)?;
    }
    for (name, part, wire) in parts()? {
        write(name, "x", part, wire)?;
    }
    write("report", "x", report()?, Wire::SevenBit)
}
