//! SEARCH (RFC 3501 7.2.5, RFC 7162 3.1.6) and ESEARCH (RFC 4731 3.1, RFC 4466 2.6.2). Both may be
//! long: they are written piece by piece, with whatever the caller does in between.

use super::super::command::Tag;
use super::sequence;
use posthorn_base::ModSeq;
use posthorn_message::structure::imap_text::write_number;

fn word(out: &mut Vec<u8>, word: &str, number: u64) {
    out.push(b' ');
    out.extend_from_slice(word.as_bytes());
    out.push(b' ');
    write_number(out, number);
}

/// `* SEARCH 2 3 5 (MODSEQ 9)`.
#[derive(Debug)]
pub struct SearchResponse;

impl SearchResponse {
    /// Begins the response.
    pub fn begin(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(b"* SEARCH");
        SearchResponse
    }

    /// A message that was found, by its sequence number or UID.
    pub fn number(&self, out: &mut Vec<u8>, number: u32) {
        out.push(b' ');
        write_number(out, number.into());
    }

    /// Ends it; with the greatest modseq of the messages when a MODSEQ key was asked for and
    /// anything was found.
    pub fn end(self, out: &mut Vec<u8>, modseq: Option<ModSeq>) {
        if let Some(modseq) = modseq {
            out.extend_from_slice(b" (MODSEQ ");
            write_number(out, modseq.get().unsigned_abs());
            out.push(b')');
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// `* ESEARCH (TAG "a") UID MIN 2 MAX 9 COUNT 3 ALL 2,7:9 MODSEQ 11`.
#[derive(Debug)]
pub struct EsearchResponse {
    has_ranges: bool,
}

/// What ESEARCH says in front of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EsearchHead {
    /// UID: the numbers are UIDs.
    pub by_uid: bool,
    /// MIN; left out where nothing was found (RFC 4731 3.1).
    pub min: Option<u32>,
    /// MAX.
    pub max: Option<u32>,
    /// COUNT, 0 where nothing was found.
    pub count: Option<usize>,
}

impl EsearchResponse {
    /// Begins the answer to the command with this tag.
    pub fn begin(out: &mut Vec<u8>, tag: &Tag, head: EsearchHead) -> Self {
        // No character of a tag needs quoting.
        out.extend_from_slice(b"* ESEARCH (TAG \"");
        out.extend_from_slice(tag.as_str().as_bytes());
        out.extend_from_slice(b"\")");
        if head.by_uid {
            out.extend_from_slice(b" UID");
        }
        for (name, number) in [("MIN", head.min), ("MAX", head.max)] {
            if let Some(number) = number {
                word(out, name, number.into());
            }
        }
        if let Some(count) = head.count {
            word(out, "COUNT", count as u64);
        }
        EsearchResponse { has_ranges: false }
    }

    /// Of ALL: messages with all numbers from `first` to `last`, rising from call to call.
    pub fn range(&mut self, out: &mut Vec<u8>, first: u32, last: u32) {
        out.extend_from_slice(if self.has_ranges { b"," } else { b" ALL " });
        self.has_ranges = true;
        sequence::write_ranges(out, [(first, last)]);
    }

    /// Ends it; with the greatest modseq as RFC 4731 3.2 wants it.
    pub fn end(self, out: &mut Vec<u8>, modseq: Option<ModSeq>) {
        if let Some(modseq) = modseq {
            word(out, "MODSEQ", modseq.get().unsigned_abs());
        }
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses() {
        let mut out = Vec::new();
        SearchResponse::begin(&mut out).end(&mut out, None);
        let response = SearchResponse::begin(&mut out);
        response.number(&mut out, 2);
        response.number(&mut out, 84);
        response.end(&mut out, ModSeq::new(917));
        let tag = Tag("A282".into());
        EsearchResponse::begin(&mut out, &tag, EsearchHead::default()).end(&mut out, None);
        let head = EsearchHead { by_uid: true, min: Some(2), max: Some(u32::MAX), count: Some(3) };
        let mut response = EsearchResponse::begin(&mut out, &tag, head);
        response.range(&mut out, 2, 2);
        response.range(&mut out, u32::MAX - 1, u32::MAX);
        response.end(&mut out, ModSeq::new(1));
        let want = "* SEARCH\r\n\
            * SEARCH 2 84 (MODSEQ 917)\r\n\
            * ESEARCH (TAG \"A282\")\r\n\
            * ESEARCH (TAG \"A282\") UID MIN 2 MAX 4294967295 COUNT 3 ALL 2,4294967294:4294967295 \
            MODSEQ 1\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
