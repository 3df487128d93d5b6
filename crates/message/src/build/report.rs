//! Delivery reports (RFC 3464 in the multipart/report of RFC 6522, with RFC 6533's addresses).

use super::{BuildError, HeaderWriter, MultipartKind, Part};
use crate::header::Header;
use posthorn_base::{Address, ZonedTime};

/// What became of a recipient (RFC 3464 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It could not be delivered, and will not be.
    Failed,
    /// It could not be delivered yet.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It went on to where no report can be expected from.
    Relayed,
    /// It was handed to several further recipients.
    Expanded,
}

impl Action {
    /// The word of the Action field.
    pub fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

/// One recipient's part of a report.
#[derive(Clone, Debug)]
pub struct RecipientReport<'a> {
    /// ORCPT as the sender gave it: the address type, and the address decoded from xtext (RFC 3461
    /// 4.2).
    pub original: Option<(&'a str, &'a str)>,
    /// The address it was to be delivered to.
    pub recipient: &'a Address,
    /// What became of it.
    pub action: Action,
    /// The enhanced status code, `5.1.1` (RFC 3463).
    pub status: &'a str,
    /// The host that answered, if another one did.
    pub remote_mta: Option<&'a str>,
    /// Its reply, as it came: hostile text, so only printable ASCII of it is written.
    pub diagnostic: Option<&'a str>,
    /// When it was tried last.
    pub last_attempt: Option<ZonedTime>,
    /// Of a delayed one: until when it will be tried.
    pub will_retry_until: Option<ZonedTime>,
}

/// What comes back with a report (RFC 3461 4.3, RET).
#[derive(Clone, Copy, Debug)]
pub enum Returned<'a> {
    /// Nothing.
    Nothing,
    /// The header section.
    Header(&'a [u8]),
    /// The whole message.
    Message(&'a [u8]),
}

/// A delivery report.
#[derive(Clone, Debug)]
pub struct DeliveryReport<'a> {
    /// What a person reads.
    pub text: &'a str,
    /// Our host name.
    pub reporting_mta: &'a str,
    /// ENVID, decoded from xtext (RFC 3461 4.4).
    pub envelope_id: Option<&'a str>,
    /// When the message came to us.
    pub arrival: Option<ZonedTime>,
    /// RFC 3464 2.1: at least one.
    pub recipients: Vec<RecipientReport<'a>>,
    /// What comes back.
    pub returned: Returned<'a>,
}

/// Longest line of a diagnostic: RFC 3464 2.3.6 has no limit, remote servers neither.
const DIAGNOSTIC_BYTES_MAX: usize = 2000;

impl DeliveryReport<'_> {
    /// The multipart/report. The caller's header says whom it is from and to, and RFC 3834 5's
    /// `Auto-Submitted: auto-replied`.
    ///
    /// The machine's part is always message/delivery-status with 7-bit addresses (RFC 6533 3,
    /// `utf-8-addr-xtext`), so that the report reaches every sender.
    pub fn part(&self) -> Result<Part, BuildError> {
        let mut parts = vec![
            Part::text(self.text).with_text_field("Content-Description", "Notification")?,
            Part::verbatim("message/delivery-status", self.status()?)
                .with_text_field("Content-Description", "Delivery report")?,
        ];
        match self.returned {
            Returned::Nothing => {}
            // RFC 6522 4; a UTF-8 section is message/global-headers (RFC 6533 6).
            Returned::Header(section) => {
                let kind = if section.is_ascii() {
                    "text/rfc822-headers"
                } else {
                    "message/global-headers"
                };
                let fields = Header::new(section).fields().map(|field| field.raw());
                let section = fields.collect::<Vec<_>>().concat();
                parts.push(
                    Part::verbatim(kind, section)
                        .with_text_field("Content-Description", "Undelivered message's header")?,
                );
            }
            Returned::Message(message) => parts.push(
                Part::message(message.to_vec())
                    .with_text_field("Content-Description", "Undelivered message")?,
            ),
        }
        Ok(Part::multipart(MultipartKind::Report("delivery-status"), parts))
    }

    /// The fields of message/delivery-status (RFC 3464 2.2 and 2.3): a group for the message, and
    /// one for each recipient.
    fn status(&self) -> Result<Vec<u8>, BuildError> {
        let mut fields = HeaderWriter::default();
        if let Some(id) = self.envelope_id {
            fields.words("Original-Envelope-Id", &printable(id))?;
        }
        fields.words("Reporting-MTA", &format!("dns; {}", self.reporting_mta))?;
        if let Some(arrival) = self.arrival {
            fields.date("Arrival-Date", arrival);
        }
        let mut out = fields.into_bytes();
        for recipient in &self.recipients {
            out.extend_from_slice(b"\r\n");
            out.append(&mut recipient.fields()?);
        }
        Ok(out)
    }
}

impl RecipientReport<'_> {
    fn fields(&self) -> Result<Vec<u8>, BuildError> {
        let mut fields = HeaderWriter::default();
        if let Some((kind, address)) = self.original {
            let address = if kind.eq_ignore_ascii_case("utf-8") {
                unitext(address)
            } else {
                printable(address)
            };
            fields.words("Original-Recipient", &format!("{}; {address}", printable(kind)))?;
        }
        let final_recipient = if self.recipient.needs_smtputf8() {
            format!("utf-8; {}", unitext(&self.recipient.to_string()))
        } else {
            format!("rfc822; {}", crate::address::write_address(self.recipient))
        };
        fields.words("Final-Recipient", &final_recipient)?;
        fields.words("Action", self.action.name())?;
        fields.words("Status", self.status)?;
        if let Some(host) = self.remote_mta {
            fields.words("Remote-MTA", &format!("dns; {}", printable(host)))?;
        }
        if let Some(diagnostic) = self.diagnostic {
            fields.words("Diagnostic-Code", &format!("smtp; {}", diagnostic_words(diagnostic)))?;
        }
        if let Some(date) = self.last_attempt {
            fields.date("Last-Attempt-Date", date);
        }
        if let Some(date) = self.will_retry_until {
            fields.date("Will-Retry-Until", date);
        }
        Ok(fields.into_bytes())
    }
}

/// Remote text as printable ASCII: everything else becomes a question mark, line ends a space.
fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| match c {
        '\r' | '\n' | '\t' => ' ',
        c if c == ' ' || c.is_ascii_graphic() => c,
        _ => '?',
    });
    shown.take(DIAGNOSTIC_BYTES_MAX).collect()
}

/// The same, with words cut to a length that can be folded.
fn diagnostic_words(text: &str) -> String {
    let mut out = String::new();
    let mut run = 0;
    for c in printable(text).chars() {
        run = if c == ' ' { 0 } else { run + 1 };
        if run == 900 {
            out.push(' ');
            run = 1;
        }
        out.push(c);
    }
    out
}

/// RFC 6533 3 `utf-8-addr-xtext`: whatever is not plain ASCII, and CTLs, SP, `\`, `+`, `=`, as
/// `\x{HEX}`.
fn unitext(address: &str) -> String {
    address
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !r"\+=".contains(c) {
                c.to_string()
            } else {
                format!("\\x{{{:02X}}}", u32::from(c))
            }
        })
        .collect()
}
