//! What a response calls the item that was asked for: sections as the client named them
//! (RFC 3501 7.4.2).

use posthorn_message::part::SectionText;
use posthorn_message::structure::imap_text::{write_number, write_string};
use posthorn_proto::imap::value::{BodySection, FetchItem, SectionName, SectionSpec};

/// An item, and the words in front of its value.
#[derive(Debug)]
pub(super) struct Label<'a> {
    pub(super) item: &'a FetchItem,
    /// Of sections; the other items have words of their own.
    pub(super) words: Vec<u8>,
}

impl<'a> Label<'a> {
    pub(super) fn of(item: &'a FetchItem) -> Self {
        let mut words = Vec::new();
        if let FetchItem::Section(section) = item {
            write_section(section, &mut words);
        }
        Label { item, words }
    }
}

fn write_section(section: &BodySection, out: &mut Vec<u8>) {
    match section.name {
        SectionName::Rfc822 => out.extend_from_slice(b"RFC822 "),
        SectionName::Rfc822Header => out.extend_from_slice(b"RFC822.HEADER "),
        SectionName::Rfc822Text => out.extend_from_slice(b"RFC822.TEXT "),
        SectionName::Body => {
            out.extend_from_slice(b"BODY[");
            write_spec(&section.spec, out);
            out.push(b']');
            if let Some(partial) = section.partial {
                // RFC 3501 7.4.2: the origin alone.
                out.push(b'<');
                write_number(out, partial.start);
                out.push(b'>');
            }
            out.push(b' ');
        }
    }
}

fn write_spec(spec: &SectionSpec, out: &mut Vec<u8>) {
    let (part, word): (&[u32], &[u8]) = match spec {
        SectionSpec::Part(section) => {
            let word: &[u8] = match section.text {
                SectionText::Whole => b"",
                SectionText::Header => b"HEADER",
                SectionText::Text => b"TEXT",
                SectionText::Mime => b"MIME",
            };
            (&section.part, word)
        }
        SectionSpec::Fields { part, not: false, .. } => (part, b"HEADER.FIELDS"),
        SectionSpec::Fields { part, not: true, .. } => (part, b"HEADER.FIELDS.NOT"),
    };
    for (n, number) in part.iter().enumerate() {
        if n > 0 {
            out.push(b'.');
        }
        write_number(out, u64::from(*number));
    }
    if !part.is_empty() && !word.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(word);
    if let SectionSpec::Fields { names, .. } = spec {
        let mut before: &[u8] = b" (";
        for name in names {
            out.extend_from_slice(before);
            write_astring(name, out);
            before = b" ";
        }
        out.push(b')');
    }
}

/// `astring`: a word as it is where it may stand so (RFC 3501 9, `ASTRING-CHAR`).
fn write_astring(text: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\".contains(byte);
    if !text.is_empty() && text.iter().all(is_plain) {
        out.extend_from_slice(text);
    } else {
        write_string(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_message::part::Section;
    use posthorn_proto::imap::value::Partial;

    #[test]
    fn sections_are_called_as_they_were_asked_for() {
        #[track_caller]
        fn check(name: SectionName, spec: SectionSpec, partial: Option<Partial>, want: &str) {
            let section = BodySection { name, spec, partial, peek: true };
            let item = FetchItem::Section(section);
            assert_eq!(Label::of(&item).words, want.as_bytes());
        }
        let part = |part: &[u32], text| SectionSpec::Part(Section { part: part.to_vec(), text });
        let fields = |part: &[u32], not, names: &[&[u8]]| SectionSpec::Fields {
            part: part.to_vec(),
            not,
            names: names.iter().map(|name| Box::from(*name)).collect(),
        };
        let body = SectionName::Body;
        check(body, part(&[], SectionText::Whole), None, "BODY[] ");
        let partial = Some(Partial { start: 7, count: 9 });
        check(body, part(&[], SectionText::Text), partial, "BODY[TEXT]<7> ");
        check(body, part(&[1, 22], SectionText::Whole), None, "BODY[1.22] ");
        check(body, part(&[4], SectionText::Mime), None, "BODY[4.MIME] ");
        check(body, fields(&[], false, &[b"Date", b"x]"]), None, "BODY[HEADER.FIELDS (Date x])] ");
        check(
            body,
            fields(&[3], true, &[b"a b", b"", "ä".as_bytes()]),
            partial,
            "BODY[3.HEADER.FIELDS.NOT (\"a b\" \"\" {2}\r\nä)]<7> ",
        );
        check(SectionName::Rfc822, part(&[], SectionText::Whole), None, "RFC822 ");
        let text = part(&[], SectionText::Text);
        check(SectionName::Rfc822Text, text, None, "RFC822.TEXT ");
        let header = part(&[], SectionText::Header);
        check(SectionName::Rfc822Header, header, None, "RFC822.HEADER ");
    }
}
