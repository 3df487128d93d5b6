//! The envelope: a message's header as IMAP's ENVELOPE shows it (RFC 3501 7.4.2, RFC 9051 7.5.2).
//!
//! Texts are unfolded but not decoded: encoded words are the client's to read.

use crate::address::{AddressItem, AddressList, Mailbox};
use crate::header::{Field, Header};
use crate::wire::{Reader, WireError, Writer};

/// The version that [`Envelope::to_bytes`] writes.
pub const ENVELOPE_VERSION: u8 = 1;

/// Texts that come first in the stored form ...
const TEXTS: usize = 4;
/// ... and lists of addresses behind them.
const LISTS: usize = 6;

/// One address, or the start or the end of a group.
///
/// RFC 3501 7.4.2: without a host, the mailbox is the name of a group that begins here; without a
/// mailbox as well, the group ends here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeAddress {
    /// The display name, quotes resolved, encoded words not.
    pub name: Option<Box<[u8]>>,
    /// The obsolete source route, `@a,@b`.
    pub route: Option<Box<[u8]>>,
    /// The local part, or a group's name.
    pub mailbox: Option<Box<[u8]>>,
    /// The domain.
    pub host: Option<Box<[u8]>>,
}

/// The header fields that clients show in a list of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Date, as it was written.
    pub date: Option<Box<[u8]>>,
    /// Subject.
    pub subject: Option<Box<[u8]>>,
    /// From.
    pub from: Vec<EnvelopeAddress>,
    /// Sender; empty when absent: ENVELOPE shows From in its place (RFC 3501 7.4.2).
    pub sender: Vec<EnvelopeAddress>,
    /// Reply-To; empty when absent: ENVELOPE shows From in its place.
    pub reply_to: Vec<EnvelopeAddress>,
    /// To.
    pub to: Vec<EnvelopeAddress>,
    /// Cc.
    pub cc: Vec<EnvelopeAddress>,
    /// Bcc.
    pub bcc: Vec<EnvelopeAddress>,
    /// In-Reply-To, as it was written.
    pub in_reply_to: Option<Box<[u8]>>,
    /// Message-ID, as it was written.
    pub message_id: Option<Box<[u8]>>,
}

impl Envelope {
    /// The envelope of the message with this header. RFC 5322 3.6 has each of its fields at most
    /// once. Where one is repeated, the last text counts ([`Header::last`]), and addresses add up:
    /// nobody who was written to may be hidden.
    pub fn of(header: Header<'_>) -> Envelope {
        let mut envelope = Envelope::default();
        for field in header.fields() {
            let Some(first) = field.name().first() else { continue };
            match first.to_ascii_lowercase() {
                b'd' if field.is("Date") => set_text(&mut envelope.date, &field),
                b's' if field.is("Subject") => set_text(&mut envelope.subject, &field),
                b'i' if field.is("In-Reply-To") => set_text(&mut envelope.in_reply_to, &field),
                b'm' if field.is("Message-ID") => set_text(&mut envelope.message_id, &field),
                b'f' if field.is("From") => add_addresses(&mut envelope.from, &field),
                b's' if field.is("Sender") => add_addresses(&mut envelope.sender, &field),
                b'r' if field.is("Reply-To") => add_addresses(&mut envelope.reply_to, &field),
                b't' if field.is("To") => add_addresses(&mut envelope.to, &field),
                b'c' if field.is("Cc") => add_addresses(&mut envelope.cc, &field),
                b'b' if field.is("Bcc") => add_addresses(&mut envelope.bcc, &field),
                _ => {}
            }
        }
        envelope
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(ENVELOPE_VERSION);
        self.write(&mut out);
        out.into_bytes()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Envelope, WireError> {
        let mut input = Reader::new(bytes, ENVELOPE_VERSION)?;
        let envelope = Envelope::read(&mut input)?;
        input.end()?;
        Ok(envelope)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        for text in [&self.date, &self.subject, &self.in_reply_to, &self.message_id] {
            out.option(text.as_deref());
        }
        for list in self.lists() {
            out.count(list.len());
            list.iter().for_each(|address| address.write(out));
        }
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Envelope, WireError> {
        let own = |text: Option<&[u8]>| text.map(Box::from);
        let mut envelope = Envelope {
            date: own(input.option()?),
            subject: own(input.option()?),
            in_reply_to: own(input.option()?),
            message_id: own(input.option()?),
            ..Envelope::default()
        };
        for list in [
            &mut envelope.from,
            &mut envelope.sender,
            &mut envelope.reply_to,
            &mut envelope.to,
            &mut envelope.cc,
            &mut envelope.bcc,
        ] {
            let count = input.count(usize::MAX)?;
            for _ in 0..count {
                let [name, route, mailbox, host] = read_address(input)?.map(own);
                list.push(EnvelopeAddress { name, route, mailbox, host });
            }
        }
        Ok(envelope)
    }

    /// About how much memory its texts take.
    pub(crate) fn text_bytes(&self) -> usize {
        let texts = [&self.date, &self.subject, &self.in_reply_to, &self.message_id];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let addresses: usize =
            self.lists().into_iter().flatten().map(EnvelopeAddress::text_bytes).sum();
        texts + addresses
    }

    fn lists(&self) -> [&Vec<EnvelopeAddress>; LISTS] {
        [&self.from, &self.sender, &self.reply_to, &self.to, &self.cc, &self.bcc]
    }
}

impl EnvelopeAddress {
    /// A mailbox. One without a domain gets an empty host: NIL would make it a group.
    fn of(mailbox: Mailbox) -> EnvelopeAddress {
        EnvelopeAddress {
            name: mailbox.name_raw,
            route: mailbox.route,
            mailbox: Some(mailbox.local),
            host: Some(mailbox.domain),
        }
    }

    fn fields(&self) -> [Option<&[u8]>; 4] {
        [&self.name, &self.route, &self.mailbox, &self.host].map(|text| text.as_deref())
    }

    /// A byte that says which texts there are, then the texts.
    fn write(&self, out: &mut Writer) {
        let bits = self.fields().into_iter().enumerate();
        out.byte(bits.fold(0, |bits, (n, text)| bits | u8::from(text.is_some()) << n));
        self.fields().into_iter().flatten().for_each(|text| out.string(text));
    }

    fn text_bytes(&self) -> usize {
        size_of::<EnvelopeAddress>()
            + self.fields().into_iter().flatten().map(<[u8]>::len).sum::<usize>()
    }
}

/// Reads what [`EnvelopeAddress::write`] writes: name, route, mailbox, host.
pub(super) fn read_address<'a>(input: &mut Reader<'a>) -> Result<[Option<&'a [u8]>; 4], WireError> {
    let bits = input.byte()?;
    if bits > 0b1111 {
        return Err(WireError::Damaged);
    }
    let mut texts = [None; 4];
    for (n, text) in texts.iter_mut().enumerate() {
        if bits & (1 << n) != 0 {
            *text = Some(input.string()?);
        }
    }
    Ok(texts)
}

/// Reads the fields of an envelope, which must be whole, and forgets them.
pub(crate) fn skip(input: &mut Reader<'_>) -> Result<(), WireError> {
    for _ in 0..TEXTS {
        input.option()?;
    }
    for _ in 0..LISTS {
        let count = input.count(usize::MAX)?;
        (0..count).try_for_each(|_| read_address(input).map(drop))?;
    }
    Ok(())
}

fn set_text(slot: &mut Option<Box<[u8]>>, field: &Field<'_>) {
    *slot = Some(field.unfolded().as_ref().into());
}

fn add_addresses(list: &mut Vec<EnvelopeAddress>, field: &Field<'_>) {
    for item in AddressList::parse(field.raw_value()).items {
        match item {
            AddressItem::Mailbox(mailbox) => list.push(EnvelopeAddress::of(mailbox)),
            AddressItem::Group { name_raw, members } => {
                let start = EnvelopeAddress { mailbox: Some(name_raw), ..Default::default() };
                list.push(start);
                list.extend(members.into_iter().map(EnvelopeAddress::of));
                list.push(EnvelopeAddress::default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::imap_text::write_envelope;

    #[test]
    fn envelopes() {
        #[track_caller]
        fn check(header: &str, want: &str) {
            let envelope = Envelope::of(Header::new(header.as_bytes()));
            let stored = envelope.to_bytes();
            let mut out = Vec::new();
            write_envelope(&mut out, &stored).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want, "{header}");
            assert_eq!(Envelope::from_bytes(&stored), Ok(envelope), "{header}");
        }
        check("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        let a = "((\"A B\" NIL \"a\" \"b.c\"))";
        check(
            "From: \"A B\" <a@b.c>\r\nSubject:\r\nDate: x\r\n\t y\r\nIn-Reply-To: <1@2> <3@4>\r\n",
            &format!("(\"x\t y\" \"\" {a} {a} {a} NIL NIL NIL \"<1@2> <3@4>\" NIL)"),
        );
        check(
            "From: \"A B\" <a@b.c>\r\nSender: x@y\r\nReply-To: z@y (Z)\r\n",
            &format!(
                "(NIL NIL {a} ((NIL NIL \"x\" \"y\")) ((\"Z\" NIL \"z\" \"y\")) NIL NIL NIL NIL NIL)"
            ),
        );
        // A group begins and ends with an entry of its own.
        check(
            "To: g: a@b, <@r:c@d>;\r\nCc: undisclosed:;\r\nBcc: \"\\\"\" <\"x y\"@z>\r\n",
            "(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL \"@r\" \"c\" \"d\")\
             (NIL NIL NIL NIL)) ((NIL NIL \"undisclosed\" NIL)(NIL NIL NIL NIL)) \
             ((\"\\\"\" NIL \"x y\" \"z\")) NIL NIL)",
        );
        // Encoded words are the client's to read; repeated texts: the last; addresses add up.
        check(
            "Subject: one\r\nTo: a@b\r\nSubject: =?utf-8?q?=C3=A4?=\r\nTo: c@d\r\n",
            "(NIL \"=?utf-8?q?=C3=A4?=\" NIL NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) \
             NIL NIL NIL NIL)",
        );
        check("Subject: \u{e4}\r\n", "(NIL {2}\r\n\u{e4} NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test]
    fn an_ordinary_envelope_is_small_and_damage_is_refused() {
        let header = "From: Alice Example <alice@example.com>\r\nTo: bob@example.org\r\n\
            Subject: Lunch on Friday\r\nDate: Mon, 23 Nov 2026 09:35:00 +0000\r\n\
            Message-ID: <0123456789@example.com>\r\n";
        let bytes = Envelope::of(Header::new(header.as_bytes())).to_bytes();
        assert!(bytes.len() < 140, "{}", bytes.len());
        for cut in 0..bytes.len() {
            assert!(Envelope::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
            let mut out = b"before".to_vec();
            assert!(write_envelope(&mut out, &bytes[..cut]).is_err(), "cut at {cut}");
            assert_eq!(out, b"before", "nothing is written of what is damaged");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(Envelope::from_bytes(&longer), Err(WireError::Damaged));
        let newer = [&[ENVELOPE_VERSION + 1], &bytes[1..]].concat();
        assert_eq!(Envelope::from_bytes(&newer), Err(WireError::Version(ENVELOPE_VERSION + 1)));
    }
}
