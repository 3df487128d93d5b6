//! The small binary form in which the store keeps part maps and envelopes.
//!
//! Numbers are [`varint`]s. A string is its length plus a table code: texts that occur in nearly
//! every mail take one byte. The table is part of the format: it is only ever added to, at its end.
//!
//! Invariants
//! * Reading never trusts a length: every count is checked against the bytes that are left, so a
//!   damaged record costs no more memory than it is long (times a small constant).
//! * Reading accepts exactly what writing produces, up to the spelling of table strings.

use posthorn_base::varint;

/// Why a stored record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Written by a version of Posthorn that this one does not know.
    #[error("the record has format version {0}, which this program cannot read")]
    Version(u8),
    /// It ends too early.
    #[error("the record is cut short")]
    Short,
    /// A value that writing never produces.
    #[error("the record is damaged")]
    Damaged,
}

/// Texts with a code of their own. Append only: codes are stored.
const TABLE: [&[u8]; 46] = [
    b"",
    b"text",
    b"plain",
    b"html",
    b"multipart",
    b"alternative",
    b"mixed",
    b"related",
    b"signed",
    b"report",
    b"digest",
    b"message",
    b"rfc822",
    b"delivery-status",
    b"application",
    b"octet-stream",
    b"pdf",
    b"pgp-signature",
    b"pkcs7-signature",
    b"image",
    b"jpeg",
    b"png",
    b"gif",
    b"calendar",
    b"charset",
    b"boundary",
    b"name",
    b"filename",
    b"format",
    b"flowed",
    b"delsp",
    b"type",
    b"us-ascii",
    b"utf-8",
    b"UTF-8",
    b"iso-8859-1",
    b"ISO-8859-1",
    b"windows-1252",
    b"US-ASCII",
    b"attachment",
    b"inline",
    b"micalg",
    b"protocol",
    b"text/html",
    b"multipart/alternative",
    b"filename*",
];

/// Writes a record.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, number: u64) {
        varint::put(&mut self.0, number);
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(crate) fn string(&mut self, text: &[u8]) {
        match TABLE.iter().position(|known| *known == text) {
            Some(code) => self.number((code as u64) << 1 | 1),
            None => {
                self.number((text.len() as u64) << 1);
                self.0.extend_from_slice(text);
            }
        }
    }

    /// `None` takes one byte; a present string may be empty.
    pub(crate) fn option(&mut self, text: Option<&[u8]>) {
        match text {
            None => self.byte(0),
            Some(text) => {
                self.byte(1);
                self.string(text);
            }
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a record. Strings are borrowed from it, or from the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins a record, whose first byte must be this version.
    pub(crate) fn new(bytes: &'a [u8], version: u8) -> Result<Self, WireError> {
        match bytes.split_first() {
            Some((&first, rest)) if first == version => Ok(Reader(rest)),
            Some((&first, _)) => Err(WireError::Version(first)),
            None => Err(WireError::Short),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.0.split_first().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, WireError> {
        varint::take(&mut self.0).ok_or(WireError::Damaged)
    }

    /// A number of things that take at least one byte each, and that may be at most `max`.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, WireError> {
        let count = usize::try_from(self.number()?).map_err(|_| WireError::Damaged)?;
        if count > self.0.len() {
            return Err(WireError::Short);
        }
        if count > max { Err(WireError::Damaged) } else { Ok(count) }
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], WireError> {
        let head = self.number()?;
        let value = usize::try_from(head >> 1).map_err(|_| WireError::Damaged)?;
        if head & 1 == 1 {
            return TABLE.get(value).copied().ok_or(WireError::Damaged);
        }
        let (text, rest) = self.0.split_at_checked(value).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(text)
    }

    pub(crate) fn utf8(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.string()?).map_err(|_| WireError::Damaged)
    }

    pub(crate) fn option(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.string().map(Some),
            _ => Err(WireError::Damaged),
        }
    }

    /// What `read` reads, as it stands, to be read again later.
    pub(crate) fn taken(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), WireError>,
    ) -> Result<Reader<'a>, WireError> {
        let before = self.0;
        read(self)?;
        let octets = before.len() - self.0.len();
        Ok(Reader(before.get(..octets).unwrap_or_default()))
    }

    /// Ends a record: nothing may be left.
    pub(crate) fn end(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_come_back() {
        let mut writer = Writer::default();
        writer.byte(7);
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            writer.number(number);
        }
        writer.string(b"utf-8");
        writer.string(b"something else");
        writer.option(None);
        writer.option(Some(b""));
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes, 7).unwrap();
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(reader.number(), Ok(number));
        }
        assert_eq!(reader.utf8(), Ok("utf-8"));
        assert_eq!(reader.string(), Ok(&b"something else"[..]));
        assert_eq!(reader.option(), Ok(None));
        assert_eq!(reader.option(), Ok(Some(&b""[..])));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(Reader::new(&[], 1).err(), Some(WireError::Short));
        assert_eq!(Reader::new(&[2], 1).err(), Some(WireError::Version(2)));
        let read = |bytes: &'static [u8]| Reader(bytes);
        assert_eq!(read(&[0x80]).number(), Err(WireError::Damaged));
        assert_eq!(read(&[0x0a, b'a']).string(), Err(WireError::Short));
        assert_eq!(read(&[0xff, 0x01]).string(), Err(WireError::Damaged));
        assert_eq!(read(&[100, 1, 1]).count(1000), Err(WireError::Short));
        assert_eq!(read(&[2, 1, 1]).count(1), Err(WireError::Damaged));
        assert_eq!(read(&[1]).end(), Err(WireError::Damaged));
    }
}
