//! Emails: what is known of a message for ever, computed once at delivery.

use super::thread::ThreadKeys;
use crate::{EngineError, Operation, Statement, StoreError, Tx, stmt};
use bytes::Bytes;
use posthorn_base::{
    AccountId, ArrivalId, BodyId, EmailId, ModSeq, ThreadId, Time, ZonedTime, limits,
};

/// Text for searching: folded, so that a substring of it is a substring of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText {
    /// Of the folding.
    pub version: i64,
    /// How `data` is written: 0 plain, 1 zstd.
    pub codec: i64,
    /// Octets before compression.
    pub size: u64,
    /// The text.
    pub data: Bytes,
}

impl SearchText {
    /// Packs the texts that are searched: the message's header, its parts' headers, its body.
    /// `is_cut` says that there was more. `None` when there is nothing to find.
    ///
    /// The form before compression: an octet that is 1 when the text was cut; the lengths of the
    /// first two texts, four octets each, little endian; the texts.
    ///
    /// # Errors
    /// When compression fails, for want of memory.
    pub fn pack(version: i64, texts: [&str; 3], is_cut: bool) -> Result<Option<Self>, EngineError> {
        let [header, parts, body] = texts;
        if !is_cut && texts.iter().all(|text| text.is_empty()) {
            return Ok(None);
        }
        let length = |text: &str| u32::try_from(text.len()).map_err(|_| EngineError::NoMemory);
        let mut plain = Vec::with_capacity(HEAD + header.len() + parts.len() + body.len());
        plain.push(u8::from(is_cut));
        plain.extend_from_slice(&length(header)?.to_le_bytes());
        plain.extend_from_slice(&length(parts)?.to_le_bytes());
        for text in texts {
            plain.extend_from_slice(text.as_bytes());
        }
        let (codec, data) = crate::bodies::compress(&plain)?;
        Ok(Some(SearchText { version, codec, size: plain.len() as u64, data: data.into() }))
    }

    /// What [`SearchText::pack`] packed; `room` is where it is kept, and may hold another one's.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when it is not as it was packed.
    pub fn unpack<'a>(&self, room: &'a mut Vec<u8>) -> Result<UnpackedText<'a>, EngineError> {
        let size = usize::try_from(self.size).ok().filter(|size| *size <= UNPACKED_MAX);
        let damaged = || EngineError::Corrupt("a search text is not as it was stored".into());
        crate::bodies::decompress(self.codec, &self.data, size.ok_or_else(damaged)?, room)?;
        UnpackedText::read(room).ok_or_else(damaged)
    }
}

/// Octets in front of the texts.
const HEAD: usize = 9;
/// A text is never larger, with what stands in front of it.
const UNPACKED_MAX: usize = limits::SEARCH_TEXT_BYTES_MAX + HEAD;

/// The texts of a message that are searched, folded, each line a field or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackedText<'a> {
    /// All three behind each other.
    pub all: &'a [u8],
    /// The fields of the message's own header.
    pub header: &'a [u8],
    /// The fields of the headers of its parts and of the messages within.
    pub parts: &'a [u8],
    /// The texts.
    pub body: &'a [u8],
    /// There was more; it is in the message only.
    pub is_cut: bool,
}

impl<'a> UnpackedText<'a> {
    /// Of a message with nothing to find in it.
    pub const EMPTY: UnpackedText<'static> =
        UnpackedText { all: &[], header: &[], parts: &[], body: &[], is_cut: false };

    fn read(plain: &'a [u8]) -> Option<Self> {
        let (is_cut, rest) = plain.split_first()?;
        let (header, rest) = rest.split_first_chunk()?;
        let (parts, all) = rest.split_first_chunk()?;
        let length = |octets: &[u8; 4]| usize::try_from(u32::from_le_bytes(*octets)).ok();
        let (header, rest) = all.split_at_checked(length(header)?)?;
        let (parts, body) = rest.split_at_checked(length(parts)?)?;
        Some(UnpackedText { all, header, parts, body, is_cut: *is_cut != 0 })
    }
}

/// What the message parser found out.
#[derive(Clone, Debug)]
pub struct EmailFacts {
    /// Version of the two below.
    pub map_version: i64,
    /// Offsets, types, encodings and sizes of the parts.
    pub part_map: Bytes,
    /// The ENVELOPE's fields.
    pub envelope: Bytes,
    /// The Date field.
    pub sent: Option<ZonedTime>,
    /// Text for searching, when there is any.
    pub text: Option<SearchText>,
    /// What it is threaded by.
    pub thread: ThreadKeys,
}

impl EmailFacts {
    /// About how much a transaction writes for one email with these facts.
    pub(crate) fn bytes(&self) -> usize {
        let text = self.text.as_ref().map_or(0, |text| text.data.len());
        self.part_map.len() + self.envelope.len() + text + 512
    }
}

/// An email row that is about to be written.
pub(crate) struct NewEmail<'a> {
    pub(crate) account: AccountId,
    pub(crate) id: EmailId,
    pub(crate) body: BodyId,
    pub(crate) arrival: ArrivalId,
    pub(crate) thread: ThreadId,
    pub(crate) size: u64,
    pub(crate) received: ZonedTime,
    pub(crate) modseq: ModSeq,
    pub(crate) facts: &'a EmailFacts,
}

impl NewEmail<'_> {
    pub(crate) fn insert(&self) -> Statement {
        stmt!(
            "INSERT INTO email (account_id, email_id, body_id, arrival_id, thread_id, size, \
             received_at, received_zone, sent_at, sent_zone, created_modseq, map_version, \
             part_map, envelope) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            self.account,
            self.id,
            self.body,
            self.arrival,
            self.thread,
            super::int(self.size),
            self.received.time,
            self.received.offset_minutes,
            self.facts.sent.map(|sent| sent.time),
            self.facts.sent.map(|sent| sent.offset_minutes),
            self.modseq,
            self.facts.map_version,
            self.facts.part_map.clone(),
            self.facts.envelope.clone()
        )
    }

    pub(crate) fn insert_text(&self) -> Option<Statement> {
        let text = self.facts.text.as_ref()?;
        Some(stmt!(
            "INSERT INTO email_text (account_id, email_id, version, codec, key_id, size, data) \
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)",
            self.account,
            self.id,
            text.version,
            text.codec,
            super::int(text.size),
            text.data.clone()
        ))
    }
}

/// An email as it is stored.
#[derive(Clone, Debug)]
pub struct Email {
    /// Its id.
    pub id: EmailId,
    /// Its body.
    pub body: BodyId,
    /// The arrival it came with: the key of its story.
    pub arrival: ArrivalId,
    /// Its conversation.
    pub thread: ThreadId,
    /// RFC822.SIZE.
    pub size: u64,
    /// INTERNALDATE.
    pub received: ZonedTime,
    /// The Date field.
    pub sent: Option<ZonedTime>,
    /// When it came into being.
    pub created_modseq: ModSeq,
    /// Version of the two below.
    pub map_version: i64,
    /// The part map.
    pub part_map: Bytes,
    /// The ENVELOPE's fields.
    pub envelope: Bytes,
}

fn zoned(time: Time, offset_minutes: i16) -> ZonedTime {
    ZonedTime { time, offset_minutes }
}

/// Reads emails by their ids, in the order of the ids. Those that are gone are left out.
#[derive(Clone, Debug)]
pub struct ReadEmails {
    /// Whose.
    pub account: AccountId,
    /// Which. The caller bounds how many.
    pub emails: Vec<EmailId>,
}

impl Operation for ReadEmails {
    type Output = Vec<Email>;
    const NAME: &'static str = "read emails";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Email>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT email_id, body_id, arrival_id, thread_id, size, received_at, \
                 received_zone, sent_at, sent_zone, created_modseq, map_version, part_map, \
                 envelope FROM email WHERE account_id = ?1 AND email_id IN {ints:?2} \
                 ORDER BY email_id",
                self.account,
                ints(&self.emails)
            ))
            .await?;
        let emails: Result<Vec<Email>, EngineError> = rows
            .iter()
            .map(|row| {
                let sent: Option<Time> = row.get(7)?;
                let sent_zone: Option<i16> = row.get(8)?;
                Ok(Email {
                    id: row.get(0)?,
                    body: row.get(1)?,
                    arrival: row.get(2)?,
                    thread: row.get(3)?,
                    size: row.get(4)?,
                    received: zoned(row.get(5)?, row.get(6)?),
                    sent: sent.map(|time| zoned(time, sent_zone.unwrap_or(0))),
                    created_modseq: row.get(9)?,
                    map_version: row.get(10)?,
                    part_map: row.get(11)?,
                    envelope: row.get(12)?,
                })
            })
            .collect();
        Ok(emails?)
    }
}

/// Reads the search texts of emails, in the order of the ids. Emails without text are left out.
#[derive(Clone, Debug)]
pub struct ReadTexts {
    /// Whose.
    pub account: AccountId,
    /// Which. The caller bounds how many.
    pub emails: Vec<EmailId>,
}

impl Operation for ReadTexts {
    type Output = Vec<(EmailId, SearchText)>;
    const NAME: &'static str = "read texts";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT email_id, version, codec, size, data FROM email_text \
                 WHERE account_id = ?1 AND email_id IN {ints:?2} ORDER BY email_id",
                self.account,
                ints(&self.emails)
            ))
            .await?;
        let texts: Result<Vec<_>, EngineError> = rows
            .iter()
            .map(|row| {
                let text = SearchText {
                    version: row.get(1)?,
                    codec: row.get(2)?,
                    size: row.get(3)?,
                    data: row.get(4)?,
                };
                Ok((row.get(0)?, text))
            })
            .collect();
        Ok(texts?)
    }
}

pub(crate) fn ints(emails: &[EmailId]) -> Vec<i64> {
    emails.iter().map(|email| email.get()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_return_from_their_packing() {
        #[track_caller]
        fn check(texts: [&str; 3], is_cut: bool) {
            let packed = SearchText::pack(7, texts, is_cut).unwrap().unwrap();
            let mut room = b"something old".to_vec();
            let text = packed.unpack(&mut room).unwrap();
            assert_eq!([text.header, text.parts, text.body], texts.map(str::as_bytes));
            assert_eq!(text.all, texts.concat().as_bytes());
            assert_eq!((text.is_cut, packed.version), (is_cut, 7));
            for cut in 0..packed.data.len().min(100) {
                let data = packed.data.slice(..cut);
                assert!(SearchText { data, ..packed.clone() }.unpack(&mut room).is_err(), "{cut}");
            }
        }
        check(["subject: a\n", "content-type: b\n", "text\n"], false);
        check(["", "", ""], true);
        check(["", "", &"again and again\n".repeat(1000)], true);
        assert_eq!(SearchText::pack(7, ["", "", ""], false).unwrap(), None);
        let whole = SearchText::pack(7, ["a", "b", "c"], false).unwrap().unwrap();
        let mut room = Vec::new();
        assert!(SearchText { codec: 9, ..whole.clone() }.unpack(&mut room).is_err());
        assert!(SearchText { size: u64::MAX, ..whole }.unpack(&mut room).is_err());
    }
}
