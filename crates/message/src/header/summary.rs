//! What the rest of the system asks of a message's header, gathered in one pass.

use super::{BaseSubject, Header, base_subject};
use crate::header::message_ids;

/// What a server must know of the header at the end of DATA: whether the mail goes in circles
/// (RFC 5321 6.3), and what is missing that a submission must have (RFC 6409 8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many Received fields there are.
    pub received: usize,
    /// The values of the Delivered-To fields, trimmed.
    pub delivered_to: Vec<Box<[u8]>>,
    /// How many From fields there are. RFC 5322 3.6 wants exactly one.
    pub from: usize,
    /// How many Sender fields there are.
    pub sender: usize,
    /// How many Date fields there are.
    pub date: usize,
    /// How many Message-ID fields there are.
    pub message_id: usize,
    /// How many To, Cc and Bcc fields there are.
    pub recipients: usize,
    /// How many Bcc fields there are.
    pub bcc: usize,
    /// How many lines are no field.
    pub malformed: usize,
}

impl Summary {
    /// Counts over a section.
    pub fn of(header: Header<'_>) -> Summary {
        let mut summary = Summary::default();
        for field in header.fields() {
            let name = field.name();
            match name.first().map(u8::to_ascii_lowercase) {
                None => summary.malformed += 1,
                Some(b'r') if field.is("Received") => summary.received += 1,
                Some(b'd') if field.is("Delivered-To") => {
                    summary.delivered_to.push(field.unfolded().as_ref().into());
                }
                Some(b'd') if field.is("Date") => summary.date += 1,
                Some(b'f') if field.is("From") => summary.from += 1,
                Some(b's') if field.is("Sender") => summary.sender += 1,
                Some(b'm') if field.is("Message-ID") => summary.message_id += 1,
                Some(b't') if field.is("To") => summary.recipients += 1,
                Some(b'c') if field.is("Cc") => summary.recipients += 1,
                Some(b'b') if field.is("Bcc") => {
                    summary.recipients += 1;
                    summary.bcc += 1;
                }
                Some(_) => {}
            }
        }
        summary
    }
}

/// What threading goes by (RFC 5256 3, JMAP's `Thread`, RFC 8621 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadKeys {
    /// Message-ID, without angle brackets.
    pub message_id: Option<Box<[u8]>>,
    /// In-Reply-To: all its ids. RFC 5256 uses the first, and only where References has none.
    pub in_reply_to: Vec<Box<[u8]>>,
    /// References, oldest first.
    pub references: Vec<Box<[u8]>>,
    /// The base subject.
    pub subject: BaseSubject,
}

impl ThreadKeys {
    /// Reads them from a section.
    pub fn of(header: Header<'_>) -> ThreadKeys {
        let ids = |name| header.ids(name);
        ThreadKeys {
            message_id: header
                .last("Message-ID")
                .and_then(|field| message_ids(&field.unfolded()).next()),
            in_reply_to: ids("In-Reply-To"),
            references: ids("References"),
            subject: base_subject(&header.subject().unwrap_or_default()),
        }
    }

    /// The ids of the messages this one answers, oldest first: References, else the first of
    /// In-Reply-To (RFC 5256 3, REFERENCES step 1).
    pub fn parents(&self) -> &[Box<[u8]>] {
        if self.references.is_empty() {
            self.in_reply_to.get(..1).unwrap_or_default()
        } else {
            &self.references
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let section = b"received: a\r\nRECEIVED: b\r\nDelivered-To:\r\n  a@b \r\nFrom: x\r\n\
            Bcc: y\r\nTo: z\r\njunk\r\n";
        let summary = Summary::of(Header::new(section));
        assert_eq!((summary.received, summary.from, summary.date), (2, 1, 0));
        assert_eq!((summary.recipients, summary.bcc, summary.malformed), (2, 1, 1));
        assert_eq!(summary.delivered_to, [Box::from(&b"a@b"[..])]);
    }

    #[test]
    fn parents_come_from_references_first() {
        let keys = |text: &str| ThreadKeys::of(Header::new(text.as_bytes()));
        let both = keys("In-Reply-To: <c@d>\r\nReferences: <a@b> <c@d>\r\nSubject: Re: x\r\n");
        assert_eq!(both.parents().len(), 2);
        assert_eq!(both.subject, BaseSubject { text: "x".into(), is_reply: true });
        assert_eq!(keys("In-Reply-To: <a@b> <c@d>\r\n").parents().len(), 1);
        assert!(keys("Message-ID: <a@b>\r\n").parents().is_empty());
    }
}
