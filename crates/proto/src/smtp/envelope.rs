//! The envelope: what MAIL and RCPT say about a message, as values.

use super::path::{ForwardPath, ReversePath};
use super::trace::safe_token;
use posthorn_base::{Domain, limits};

/// The name by which a client introduced itself (RFC 5321 4.1.1.1). It proves nothing.
///
/// A name that is no domain and no address literal is taken all the same: refusing it would break
/// real clients (printers, phones, computers named `My PC`), and RFC 5321 4.1.4 forbids refusing
/// mail because the name does not fit the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    text: Box<str>,
    domain: Option<Domain>,
    extended: bool,
}

impl Hello {
    /// Reads the argument of EHLO (`extended`) or HELO. `None` when it is empty, too long, or has
    /// characters that have no business in a name.
    pub fn parse(text: &str, extended: bool) -> Option<Hello> {
        let fits = !text.is_empty()
            && text.len() <= limits::DOMAIN_BYTES_MAX
            && !text.chars().any(char::is_control);
        fits.then(|| Hello { text: text.into(), domain: Domain::parse(text).ok(), extended })
    }

    /// As it was given: the peer's bytes, printable but otherwise unchecked.
    pub fn as_given(&self) -> &str {
        &self.text
    }
    /// The name, when it is a domain or an address literal as RFC 5321 4.1.1.1 demands.
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }
    /// True after EHLO, false after HELO.
    pub fn is_extended(&self) -> bool {
        self.extended
    }
    /// Letters, digits and a few harmless signs; everything else is `?`.
    pub fn safe(&self) -> String {
        safe_token(&self.text)
    }
}

/// What a message's body may hold, as MAIL's BODY parameter says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// RFC 6152: ASCII; also when the parameter is absent.
    #[default]
    SevenBit,
    /// RFC 6152: any octets in lines.
    EightBitMime,
    /// RFC 3030 3: any octets, not in lines. Needs BDAT.
    BinaryMime,
}

/// How much of a message its delivery reports return (RFC 3461 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// All of it.
    Full,
    /// Its headers.
    Headers,
}

/// What a sender wants to be told about one recipient (RFC 3461 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nothing, ever.
    Never,
    /// What is true here.
    When {
        /// When it was delivered.
        success: bool,
        /// When it failed for good.
        failure: bool,
        /// When it takes long.
        delay: bool,
    },
}

/// What MAIL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where reports go.
    pub from: ReversePath,
    /// The size that the client announced, in bytes (RFC 1870). `None` when absent or 0.
    pub size: Option<u64>,
    /// BODY.
    pub body: Body,
    /// The message may have UTF-8 in its envelope and headers (RFC 6531).
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Return>,
    /// ENVID, as given (xtext): it is passed on unchanged (RFC 3461 4.4).
    pub envid: Option<Box<str>>,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
}

/// What one RCPT says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whom it goes to.
    pub to: ForwardPath,
    /// NOTIFY.
    pub notify: Option<Notify>,
    /// ORCPT as given (`type;xtext`): it is passed on unchanged (RFC 3461 5.2.1).
    pub orcpt: Option<Box<str>>,
}

impl Recipient {
    /// Bytes that the client made us keep for this recipient.
    pub(crate) fn weight(&self) -> usize {
        let path = self.to.address().map_or(0, |a| {
            // A domain is kept twice.
            a.local().as_str().len() + a.domain().as_given().len() + a.domain().ascii().len()
        });
        size_of::<Recipient>() + path + self.orcpt.as_ref().map_or(0, |o| o.len())
    }
}

/// A message's envelope: one sender, the recipients that were accepted, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What MAIL said.
    pub mail: Mail,
    /// The accepted recipients; never empty when data begins.
    pub recipients: Vec<Recipient>,
}
