//! FETCH (RFC 3501 7.4.2): the items that need nothing but numbers and words.

use super::selected::words;
use posthorn_base::time::{MONTHS, days_from_civil};
use posthorn_base::{Flags, ModSeq, Time, Uid, ZonedTime};
use posthorn_message::structure::imap_text::write_number;

/// A FETCH response that is being written, item by item.
#[derive(Debug)]
pub struct FetchResponse {
    is_first: bool,
}

impl FetchResponse {
    /// Begins the response about the message with this sequence number.
    pub fn begin(out: &mut Vec<u8>, number: usize) -> Self {
        out.extend_from_slice(b"* ");
        write_number(out, number as u64);
        out.extend_from_slice(b" FETCH (");
        FetchResponse { is_first: true }
    }

    /// The space between two items. Whoever writes an item of its own calls this first.
    pub fn next(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.is_first) {
            out.push(b' ');
        }
    }

    /// UID.
    pub fn uid(&mut self, out: &mut Vec<u8>, uid: Uid) {
        self.next(out);
        out.extend_from_slice(b"UID ");
        write_number(out, uid.get().into());
    }

    /// MODSEQ (RFC 7162 3.1.4.2).
    pub fn mod_seq(&mut self, out: &mut Vec<u8>, mod_seq: ModSeq) {
        self.next(out);
        out.extend_from_slice(b"MODSEQ (");
        write_number(out, mod_seq.get().unsigned_abs());
        out.push(b')');
    }

    /// FLAGS.
    pub fn flags<'k>(
        &mut self,
        out: &mut Vec<u8>,
        flags: Flags,
        is_recent: bool,
        keywords: impl Iterator<Item = &'k str>,
    ) {
        self.next(out);
        write_flags(out, flags, is_recent, keywords);
    }

    /// Ends it.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b")\r\n");
    }
}

/// The item FLAGS: `\Recent` behind the others, then `keywords`, which have no bit.
pub fn write_flags<'k>(
    out: &mut Vec<u8>,
    flags: Flags,
    is_recent: bool,
    keywords: impl Iterator<Item = &'k str>,
) {
    out.extend_from_slice(b"FLAGS ");
    let recent = is_recent.then_some("\\Recent");
    let flags = flags.names().chain(recent).map(|name| -> &'k str { name });
    words(out, flags.chain(keywords));
}

/// Writes `date-time` (RFC 3501 9). What is before year 0 or after 9999, which the grammar cannot
/// say, is written as the first or last second that it can.
pub fn write_date_time(out: &mut Vec<u8>, time: ZonedTime) {
    // 0000-01-01 00:00:00 and 9999-12-31 23:59:59 on the local clock, whatever the zone.
    const FIRST: i64 = days_from_civil(0, 1, 1) * 86_400;
    const LAST: i64 = days_from_civil(10_000, 1, 1) * 86_400 - 1;
    // Two digits of hours.
    const OFFSET_MAX: i16 = 99 * 60 + 59;
    let offset = time.offset_minutes.clamp(-OFFSET_MAX, OFFSET_MAX);
    let local = time.time.seconds().saturating_add(i64::from(offset) * 60).clamp(FIRST, LAST);
    let c = ZonedTime { time: Time::from_seconds(local), offset_minutes: 0 }.civil();
    let month = MONTHS.get(usize::from(c.month).wrapping_sub(1)).copied().unwrap_or("Jan");
    let year = u16::try_from(c.year).unwrap_or(0);
    let zone = offset.unsigned_abs();
    let two =
        |out: &mut Vec<u8>, n: u16| out.extend([b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]);
    out.push(b'"');
    if c.day < 10 {
        out.extend([b' ', b'0' + c.day]);
    } else {
        two(out, c.day.into());
    }
    out.push(b'-');
    out.extend_from_slice(month.as_bytes());
    out.push(b'-');
    two(out, year / 100);
    two(out, year % 100);
    for (before, number) in [(b' ', c.hour), (b':', c.minute), (b':', c.second)] {
        out.push(before);
        two(out, number.into());
    }
    out.extend([b' ', if offset < 0 { b'-' } else { b'+' }]);
    two(out, zone / 60);
    two(out, zone % 60);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::grammar::{Cursor, date_time};
    use proptest::prelude::*;

    #[test]
    fn items() {
        let mut out = Vec::new();
        FetchResponse::begin(&mut out, 7).end(&mut out);
        let mut response = FetchResponse::begin(&mut out, 12);
        response.uid(&mut out, Uid::MAX);
        response.mod_seq(&mut out, ModSeq::new(9).unwrap());
        response.flags(&mut out, Flags::SEEN.with(Flags::MUTED), true, ["x", "y"].into_iter());
        response.end(&mut out);
        let mut response = FetchResponse::begin(&mut out, 1);
        response.flags(&mut out, Flags::NONE, false, std::iter::empty());
        response.next(&mut out);
        out.extend_from_slice(b"RFC822.SIZE 3");
        response.end(&mut out);
        let want = "* 7 FETCH ()\r\n\
            * 12 FETCH (UID 4294967295 MODSEQ (9) FLAGS (\\Seen $Muted \\Recent x y))\r\n\
            * 1 FETCH (FLAGS () RFC822.SIZE 3)\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn dates() {
        #[track_caller]
        fn check(seconds: i64, offset_minutes: i16, want: &str) {
            let mut out = Vec::new();
            let time = Time::from_seconds(seconds);
            write_date_time(&mut out, ZonedTime { time, offset_minutes });
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{want}\""));
        }
        check(837_596_665, -420, "17-Jul-1996 02:44:25 -0700");
        check(0, 0, " 1-Jan-1970 00:00:00 +0000");
        check(0, -570, "31-Dec-1969 14:30:00 -0930");
        check(i64::MIN / 1000, 0, " 1-Jan-0000 00:00:00 +0000");
        check(i64::MAX / 1000, -90, "31-Dec-9999 23:59:59 -0130");
        check(0, i16::MAX, " 5-Jan-1970 03:59:00 +9959");
    }

    proptest! {
        #[test]
        fn dates_return(seconds in -60_000_000_000i64..250_000_000_000, offset in -1439i16..1440) {
            let time = ZonedTime { time: Time::from_seconds(seconds), offset_minutes: offset };
            let mut out = Vec::new();
            write_date_time(&mut out, time);
            prop_assert_eq!(date_time(&mut Cursor::new(&out)), Ok(time));
        }
    }
}
