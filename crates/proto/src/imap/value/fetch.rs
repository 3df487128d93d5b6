//! What FETCH asks for (RFC 3501 6.4.5).

use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};
use posthorn_base::limits;
use posthorn_message::part::{Section, SectionText};

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

const MACROS: [(&str, &[FetchItem]); 3] = [
    (
        "ALL",
        &[FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size, FetchItem::Envelope],
    ),
    ("FAST", &[FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size]),
    (
        "FULL",
        &[
            FetchItem::Flags,
            FetchItem::InternalDate,
            FetchItem::Rfc822Size,
            FetchItem::Envelope,
            FetchItem::Body,
        ],
    ),
];

impl FetchItem {
    /// The items of a FETCH, each once: a macro, one item, or several in parentheses.
    pub(crate) fn parse_all(cursor: &mut Cursor<'_>) -> Parse<Vec<FetchItem>> {
        if let Some((_, items)) = MACROS.into_iter().find(|(name, _)| cursor.eat_word(name)) {
            return Ok(items.to_vec());
        }
        if cursor.peek() != Some(b'(') {
            return Ok(vec![FetchItem::parse(cursor)?]);
        }
        let mut items: Vec<FetchItem> = Vec::new();
        cursor.list(limits::IMAP_FETCH_ITEMS_MAX, |cursor| {
            let item = FetchItem::parse(cursor)?;
            if !items.contains(&item) {
                items.push(item);
            }
            Ok(())
        })?;
        if items.is_empty() { Err(Fault::new("FETCH wants at least one item")) } else { Ok(items) }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Parse<FetchItem> {
        let name = cursor.take_while(|octet| octet.is_ascii_alphanumeric() || octet == b'.');
        let section = |name, text, peek| {
            let spec = SectionSpec::Part(Section { part: Vec::new(), text });
            FetchItem::Section(BodySection { name, spec, partial: None, peek })
        };
        let is_section = cursor.peek() == Some(b'[');
        Ok(match name.to_ascii_uppercase().as_slice() {
            b"BODY" if is_section => FetchItem::Section(BodySection::parse(cursor, false)?),
            b"BODY.PEEK" if is_section => FetchItem::Section(BodySection::parse(cursor, true)?),
            b"FLAGS" => FetchItem::Flags,
            b"INTERNALDATE" => FetchItem::InternalDate,
            b"RFC822.SIZE" => FetchItem::Rfc822Size,
            b"ENVELOPE" => FetchItem::Envelope,
            b"BODY" => FetchItem::Body,
            b"BODYSTRUCTURE" => FetchItem::BodyStructure,
            b"UID" => FetchItem::Uid,
            b"MODSEQ" => FetchItem::ModSeq,
            b"EMAILID" => FetchItem::EmailId,
            b"THREADID" => FetchItem::ThreadId,
            b"SAVEDATE" => FetchItem::SaveDate,
            b"RFC822" => section(SectionName::Rfc822, SectionText::Whole, false),
            b"RFC822.HEADER" => section(SectionName::Rfc822Header, SectionText::Header, true),
            b"RFC822.TEXT" => section(SectionName::Rfc822Text, SectionText::Text, false),
            _ => return Err(Fault::new("an item of FETCH is not known")),
        })
    }
}

impl BodySection {
    /// `section ["<" number "." nz-number ">"]`.
    fn parse(cursor: &mut Cursor<'_>, peek: bool) -> Parse<BodySection> {
        const WRONG: &str = "a section is badly written";
        cursor.expect(b'[', WRONG)?;
        let spec = SectionSpec::parse(cursor)?;
        cursor.expect(b']', WRONG)?;
        let partial = if cursor.eat(b'<') {
            const WRONG: &str = "a partial is not like <0.1024>";
            let start = cursor.number64()?;
            cursor.expect(b'.', WRONG)?;
            let count = cursor.number64()?;
            cursor.expect(b'>', WRONG)?;
            if count == 0 {
                return Err(Fault::new(WRONG));
            }
            Some(Partial { start, count })
        } else {
            None
        };
        Ok(BodySection { name: SectionName::Body, spec, partial, peek })
    }
}

impl SectionSpec {
    /// `section-spec`, perhaps empty.
    fn parse(cursor: &mut Cursor<'_>) -> Parse<SectionSpec> {
        const WRONG: &str = "a section is not known";
        let mut part = Vec::new();
        while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            if part.len() >= limits::MIME_DEPTH_MAX * 2 {
                return Err(Fault::new("a part's number has too many levels").with(Code::Limit));
            }
            part.push(cursor.nz_number()?.get());
            if !cursor.eat(b'.') {
                return Ok(SectionSpec::Part(Section { part, text: SectionText::Whole }));
            }
            if cursor.peek() == Some(b']') {
                return Err(Fault::new(WRONG));
            }
        }
        let name = cursor.take_while(|octet| octet.is_ascii_alphabetic() || octet == b'.');
        let text = match name.to_ascii_uppercase().as_slice() {
            b"" if part.is_empty() => SectionText::Whole,
            b"HEADER" => SectionText::Header,
            b"TEXT" => SectionText::Text,
            // RFC 3501 6.4.5: MIME must have a number in front.
            b"MIME" if !part.is_empty() => SectionText::Mime,
            name @ (b"HEADER.FIELDS" | b"HEADER.FIELDS.NOT") => {
                cursor.space()?;
                let names = cursor.list(limits::HEADER_FIELDS_MAX, |cursor| {
                    cursor.astring().map(|name| name.as_ref().into())
                })?;
                if names.is_empty() {
                    return Err(Fault::new("HEADER.FIELDS wants at least one name"));
                }
                let not = name.ends_with(b".NOT");
                return Ok(SectionSpec::Fields { part, not, names });
            }
            _ => return Err(Fault::new(WRONG)),
        };
        Ok(SectionSpec::Part(Section { part, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Vec<FetchItem>> {
        let mut cursor = Cursor::new(text.as_bytes());
        let items = FetchItem::parse_all(&mut cursor).ok()?;
        cursor.end().ok().map(|()| items)
    }

    fn section(
        part: &[u32],
        text: SectionText,
        peek: bool,
        partial: Option<(u64, u64)>,
    ) -> FetchItem {
        FetchItem::Section(BodySection {
            name: SectionName::Body,
            spec: SectionSpec::Part(Section { part: part.to_vec(), text }),
            partial: partial.map(|(start, count)| Partial { start, count }),
            peek,
        })
    }

    #[test]
    fn items() {
        assert_eq!(parse("FLAGS"), Some(vec![FetchItem::Flags]));
        assert_eq!(parse("(uid Flags UID)"), Some(vec![FetchItem::Uid, FetchItem::Flags]));
        assert_eq!(parse("fast").map(|items| items.len()), Some(3));
        assert_eq!(parse("(ALL)"), None, "macros stand alone");
        assert_eq!(parse("BODY"), Some(vec![FetchItem::Body]));
        for wrong in ["", "()", "(FLAGS", "FLAGS UID", "FOO", "BODY.PEEK", "RFC822.PEEK"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sections() {
        use SectionText::{Header, Mime, Text, Whole};
        let one = |text| parse(text).map(|mut items| items.remove(0));
        assert_eq!(one("BODY[]"), Some(section(&[], Whole, false, None)));
        assert_eq!(one("body.peek[text]<7.20>"), Some(section(&[], Text, true, Some((7, 20)))));
        assert_eq!(one("BODY[1.2]"), Some(section(&[1, 2], Whole, false, None)));
        assert_eq!(one("BODY[1.2.MIME]"), Some(section(&[1, 2], Mime, false, None)));
        assert_eq!(one("BODY[3.HEADER]"), Some(section(&[3], Header, false, None)));
        let Some(FetchItem::Section(fields)) =
            one("BODY[1.Header.Fields.Not (Subject \"x y\" {2}\r\nab)]<0.1>")
        else {
            panic!("no section")
        };
        let SectionSpec::Fields { part, not, names } = fields.spec else { panic!("no fields") };
        assert_eq!((part, not, names.len()), (vec![1], true, 3));
        for wrong in [
            "BODY[MIME]",
            "BODY[0]",
            "BODY[1.]",
            "BODY[.1]",
            "BODY[1..2]",
            "BODY[HEADER.FIELDS]",
            "BODY[HEADER.FIELDS ()]",
            "BODY[HEADER.FIELDS (a]",
            "BODY[FOO]",
            "BODY[]<0.0>",
            "BODY[]<1>",
            "BODY[]<-1.2>",
            "BODY[",
            "BODY[]<0.99999999999999999999>",
            "BODY[1TEXT]",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let deep = vec!["1"; limits::MIME_DEPTH_MAX * 2].join(".");
        assert!(parse(&format!("BODY[{deep}]")).is_some());
        assert!(parse(&format!("BODY[{deep}.1]")).is_none());
    }
}
