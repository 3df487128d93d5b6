//! IMAP's section numbers (RFC 3501 6.4.5, RFC 9051 6.4.5): from `1.2.HEADER` to a range of octets.

use super::{Kind, PartMap};

/// Octets from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first octet.
    pub start: u64,
    /// The octet behind the last.
    pub end: u64,
}

impl Range {
    /// How many octets it has.
    pub fn octets(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Its octets, of a message that is in memory; `None` when the message is shorter.
    pub fn of(self, message: &[u8]) -> Option<&[u8]> {
        message.get(usize::try_from(self.start).ok()?..usize::try_from(self.end).ok()?)
    }
}

/// What of a part is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SectionText {
    /// `[]` and `[1.2]`: the whole message, or the body of a part.
    Whole,
    /// `[HEADER]` and `[1.2.HEADER]`: the header of the message, or of the message within the part.
    Header,
    /// `[TEXT]` and `[1.2.TEXT]`: the same message's body.
    Text,
    /// `[1.2.MIME]`: the part's own header.
    Mime,
}

/// A section: the part's number, empty for the message itself, and what of it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// `[1, 2]` of `1.2`.
    pub part: Vec<u32>,
    /// `HEADER` of `1.2.HEADER`.
    pub text: SectionText,
}

impl PartMap {
    /// The index of the part with this number. The empty number is the message itself.
    ///
    /// RFC 3501 6.4.5: a message that is no multipart has one part, number 1, which is its body;
    /// the parts of a message within a part are numbered below that part.
    pub fn find(&self, number: &[u32]) -> Option<usize> {
        let mut at = 0;
        let mut numbers = number.iter();
        let Some(mut wanted) = numbers.next() else { return Some(0) };
        // `holder` is the part whose inside is being numbered: the message, then what it leads to.
        loop {
            at = match self.get(at)?.kind {
                Kind::Multipart => {
                    self.children(at).nth(usize::try_from(*wanted).ok()?.checked_sub(1)?)?
                }
                // The one body of a message that is no multipart.
                Kind::Leaf | Kind::Message if *wanted == 1 => at,
                Kind::Leaf | Kind::Message => return None,
            };
            let Some(next) = numbers.next() else { return Some(at) };
            wanted = next;
            at = match self.get(at)?.kind {
                Kind::Message => self.children(at).next()?,
                // A part's own parts; a leaf's would be its part 1 again, and RFC 3501 has no such.
                Kind::Multipart => at,
                Kind::Leaf => return None,
            };
        }
    }

    /// Where a section lies; `None` when the message has no such section.
    pub fn section(&self, section: &Section) -> Option<Range> {
        let index = self.find(&section.part)?;
        let part = self.get(index)?;
        let is_message_itself = section.part.is_empty();
        // HEADER and TEXT below a number speak of the message within that part.
        let inner = || match (is_message_itself, part.kind) {
            (true, _) => Some(part),
            (false, Kind::Message) => self.get(self.children(index).next()?),
            (false, _) => None,
        };
        match section.text {
            SectionText::Whole if is_message_itself => {
                Some(Range { start: part.header_start, end: part.body_end })
            }
            SectionText::Whole => Some(part.body_range()),
            SectionText::Header => Some(inner()?.header_range()),
            SectionText::Text => Some(inner()?.body_range()),
            SectionText::Mime if is_message_itself => None,
            SectionText::Mime => Some(part.header_range()),
        }
    }

    /// The number of a part, as IMAP writes it: the inverse of [`PartMap::find`]. `None` for the
    /// message itself and for a multipart that is the whole body of a message, which have none.
    pub fn number_of(&self, index: usize) -> Option<Vec<u32>> {
        let mut number = Vec::new();
        let mut at = index;
        let mut part = self.get(at)?;
        // A leaf that is the whole body of its message is that message's part 1.
        let is_root = |part: &super::Part| {
            part.parent.and_then(|parent| self.get(parent)).is_none_or(|p| p.kind == Kind::Message)
        };
        if is_root(part) {
            if part.kind == Kind::Multipart {
                return None;
            }
            number.push(1);
        }
        while let Some(parent) = part.parent {
            if self.get(parent)?.kind == Kind::Multipart {
                number.push(u32::try_from(part.number).ok()?);
            }
            at = parent;
            part = self.get(at)?;
            if part.kind == Kind::Message && is_root(part) {
                number.push(1);
            }
        }
        number.reverse();
        Some(number)
    }
}
