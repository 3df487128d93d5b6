//! What a submission server may do to a header (RFC 6409 8): complete it.
//!
//! Invariants
//! * Fields that stay keep every octet and their order; new ones stand before them.
//! * No blind recipient leaves with the message, however many fields stand before the Bcc.

use crate::address::write_mailbox;
use crate::build::HeaderWriter;
use crate::header::{Field, Header};
use posthorn_base::{Address, ZonedTime};

/// What is put in where the client left it out.
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// For Date.
    pub date: ZonedTime,
    /// For Message-ID, `left@right` without its angle brackets.
    pub message_id: &'a str,
    /// For From: the address of who logged in, and their name.
    pub from: &'a Address,
    /// Their name.
    pub from_name: Option<&'a str>,
}

/// A completed header section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The section, with its blank line if it had one.
    pub section: Vec<u8>,
    /// Names of the fields that were missing and were put in.
    pub added: Vec<&'static str>,
    /// Names of the fields that were taken out, once for each.
    pub removed: Vec<&'static str>,
}

/// RFC 5322 3.6.3: Bcc is not for the other recipients to see; we take it out for all. RFC 5321
/// 4.4: Return-Path belongs to the server that delivers.
const REMOVED: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];
const NEEDED: [&str; 3] = ["Date", "From", "Message-ID"];

/// Completes a header section: Date, From and Message-ID are added where they are missing or empty
/// (RFC 6409 8.2 and 8.3, RFC 5322 3.6), Bcc, Resent-Bcc and Return-Path are taken out.
pub fn complete_headers(section: &[u8], facts: &Submission<'_>) -> Completed {
    let mut kept = Vec::with_capacity(section.len());
    let mut removed = Vec::new();
    let mut has = [false; NEEDED.len()];
    let mut rest = section;
    loop {
        let mut length = 0;
        // A walk over fields stops at a bound; we go on behind it.
        for field in Header::new(rest).fields() {
            length += field.raw().len();
            if let Some(name) = REMOVED.into_iter().find(|name| field.is(name)) {
                removed.push(name);
                continue;
            }
            match NEEDED.iter().zip(&mut has).find(|(name, _)| field.is(name)) {
                Some((_, has)) if !is_empty(&field) => *has = true,
                Some(_) => continue,
                None => {}
            }
            kept.extend_from_slice(field.raw());
        }
        rest = rest.get(length..).unwrap_or_default();
        if length == 0 {
            break;
        }
    }
    let mut writer = HeaderWriter::default();
    let mut added = Vec::new();
    for (name, has) in NEEDED.into_iter().zip(has) {
        if !has {
            added.push(name);
            match name {
                "Date" => writer.pieces(name, [facts.date.to_string()]),
                "From" => writer.pieces(name, write_mailbox(facts.from_name, facts.from)),
                _ => writer.pieces(name, [format!("<{}>", facts.message_id)]),
            }
        }
    }
    let mut section = writer.into_bytes();
    section.append(&mut kept);
    section.extend_from_slice(rest);
    Completed { section, added, removed }
}

fn is_empty(field: &Field<'_>) -> bool {
    field.raw_value().trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_base::{Time, limits};

    fn complete(section: &str) -> (String, Completed) {
        let from = Address::parse("alice@example.com").unwrap();
        let facts = Submission {
            date: ZonedTime { time: Time::from_seconds(1_795_425_540), offset_minutes: 60 },
            message_id: "1@example.com",
            from: &from,
            from_name: Some("Alice Ä."),
        };
        let completed = complete_headers(section.as_bytes(), &facts);
        (String::from_utf8(completed.section.clone()).unwrap(), completed)
    }

    #[test]
    fn completing() {
        #[track_caller]
        fn check(section: &str, want: &str) {
            assert_eq!(complete(section).0, want, "{section}");
        }
        let (date, from, id) = (
            "Date: Mon, 23 Nov 2026 10:19:00 +0100\r\n",
            "From: Alice =?utf-8?B?w4Qu?= <alice@example.com>\r\n",
            "Message-ID: <1@example.com>\r\n",
        );
        check("", &format!("{date}{from}{id}"));
        check("\r\n", &format!("{date}{from}{id}\r\n"));
        let whole = "date: x\r\nMessage-Id : <a@b>\r\nFROM:\r\n a@b\r\nX:  y\r\n\tz\r\n\r\n";
        check(whole, whole);
        check(
            "From: a@b\r\nDate:\r\nX: y\r\n\r\n",
            &format!("{date}{id}From: a@b\r\nX: y\r\n\r\n"),
        );
        check(
            "From: a@b\r\nbcc: c@d,\r\n e@f\r\nTo: g@h\r\nBCC : i@j\r\nResent-Bcc: k\r\nReturn-Path: <a>\r\nBccx: y\r\n\r\n",
            &format!("{date}{id}From: a@b\r\nTo: g@h\r\nBccx: y\r\n\r\n"),
        );
        let (_, completed) = complete("Bcc: a@b\r\nFrom: a@b\r\nBcc: c\r\n\r\n");
        assert_eq!(completed.added, ["Date", "Message-ID"]);
        assert_eq!(completed.removed, ["Bcc", "Bcc"]);
    }

    #[test]
    fn no_bcc_hides_behind_many_fields() {
        let many = "X: y\r\n".repeat(limits::HEADER_FIELDS_MAX + 7);
        let (section, completed) = complete(&format!("{many}Bcc: a@b\r\nFrom: a@b\r\n\r\n"));
        assert_eq!(completed.removed, ["Bcc"]);
        assert!(!section.contains("Bcc") && section.ends_with("X: y\r\nFrom: a@b\r\n\r\n"));
    }
}
