//! What FETCH asks for (RFC 3501 6.4.5).

use posthorn_message::part::Section;

/// One data item. Macros (ALL, FAST, FULL) are written out by the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// FLAGS.
    Flags,
    /// INTERNALDATE.
    InternalDate,
    /// RFC822.SIZE.
    Rfc822Size,
    /// ENVELOPE.
    Envelope,
    /// BODY, without extension data.
    Body,
    /// BODYSTRUCTURE.
    BodyStructure,
    /// UID.
    Uid,
    /// MODSEQ (RFC 7162 3.1.4).
    ModSeq,
    /// EMAILID (RFC 8474 5.1).
    EmailId,
    /// THREADID (RFC 8474 5.2).
    ThreadId,
    /// SAVEDATE (RFC 8514 4.2).
    SaveDate,
    /// Octets of the message: `BODY[...]`, `BODY.PEEK[...]`, RFC822 and its kin.
    Section(BodySection),
}

/// Some octets of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodySection {
    /// How the response names it.
    pub name: SectionName,
    /// Which.
    pub spec: SectionSpec,
    /// Of these, only some.
    pub partial: Option<Partial>,
    /// Whether \Seen stays as it is.
    pub peek: bool,
}

/// The name under which a section was asked for; the response has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionName {
    /// `BODY[...]` and `BODY.PEEK[...]`.
    Body,
    /// RFC822: as `BODY[]`.
    Rfc822,
    /// RFC822.HEADER: as `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// RFC822.TEXT: as `BODY[TEXT]`.
    Rfc822Text,
}

/// Which octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionSpec {
    /// `[]`, `[HEADER]`, `[1.2.MIME]` ...
    Part(Section),
    /// `[HEADER.FIELDS (...)]` and `[HEADER.FIELDS.NOT (...)]`.
    Fields {
        /// The part, empty for the message itself.
        part: Vec<u32>,
        /// All but these.
        not: bool,
        /// Names as the client wrote them; the response repeats them.
        names: Vec<Box<[u8]>>,
    },
}

/// `<start.count>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The first octet, from 0.
    pub start: u64,
    /// How many at most; never 0.
    pub count: u64,
}
