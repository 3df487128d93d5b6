//! Dates of header fields (RFC 5322 3.3 and 4.3).
//!
//! The writer is `Display` of [`ZonedTime`]. The reader takes what RFC 5322 has, its obsolete
//! forms, and the forms that software writes all the same: C's `asctime`, ISO 8601, `23-Nov-2026`,
//! AM and PM. It looks at words for what they are rather than where they stand.

use crate::lexer::Cursor;
use posthorn_base::time::{MONTHS, days_from_civil};
use posthorn_base::{Time, ZonedTime};

/// Words of a date that are looked at; no known form has more than ten.
const WORDS_MAX: usize = 32;

/// RFC 5322 4.3 `obs-zone`, in minutes ahead of UTC, and the European names that are seen in the
/// wild.
const ZONES: [(&str, i16); 22] = [
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("WET", 0),
    ("BST", 60),
    ("WEST", 60),
    ("CET", 60),
    ("MET", 60),
    ("CEST", 120),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("JST", 540),
];

/// Reads a date. `None` when no day, month and year can be made out, or one of the numbers is
/// beyond its range.
///
/// RFC 5322 4.3: two digits of a year below 50 are of this century, other two digits and three
/// digits count from 1900. A zone that is missing, unknown, a single letter, or `-0000` counts as
/// UTC.
pub fn parse(value: &[u8]) -> Option<ZonedTime> {
    let words = words(value);
    let mut found = Found::default();
    for (index, word) in words.iter().enumerate() {
        let after_time = found.clock.is_some();
        match word {
            Word::Time(clock) => found.clock = found.clock.or(Some(*clock)),
            Word::IsoDate(year, month, day) if found.day.is_none() => {
                (found.year, found.month, found.day) = (Some(*year), Some(*month), Some(*day));
            }
            Word::IsoDate(..) => {}
            Word::Offset(offset) => {
                // Behind `GMT`, an offset refines it: `GMT+0100`.
                if after_time && (found.offset.is_none() || found.offset == Some(0)) {
                    found.offset = Some(*offset);
                }
            }
            Word::Name(name) => found.name(name),
            Word::Number { value, digits } => {
                // `Nov 23` and `23 Nov`: at most two digits before the time are the day first.
                if found.day.is_none() && *digits <= 2 {
                    found.day = Some(*value);
                } else if found.year.is_none() {
                    // `23 Nov 09:19 2026` and the like; a lone number behind all else is a zone.
                    found.year = Some(full_year(*value, *digits));
                } else if after_time
                    && found.offset.is_none()
                    && index + 1 == words.len()
                    && *digits == 4
                    && *value <= 1400
                {
                    found.offset = offset(1, *value, *digits);
                }
            }
        }
    }
    found.instant()
}

#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<u8>,
    day: Option<i64>,
    clock: Option<Clock>,
    offset: Option<i16>,
    afternoon: Option<bool>,
}

impl Found {
    fn name(&mut self, name: &[u8]) {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        if let Some(&(_, minutes)) = ZONES.iter().find(|(zone, _)| is(zone)) {
            self.offset = self.offset.or(Some(minutes));
        } else if is("AM") || is("PM") {
            self.afternoon = Some(is("PM"));
        } else if self.month.is_none()
            && let Some(start) = name.get(..3)
            && let Some(index) =
                MONTHS.iter().position(|m| start.eq_ignore_ascii_case(m.as_bytes()))
        {
            self.month = u8::try_from(index + 1).ok();
        }
    }

    fn instant(self) -> Option<ZonedTime> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        if day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let clock = self.clock.unwrap_or_default();
        let hour = match (self.afternoon, clock.hour) {
            (Some(false), 12) => 0,
            (Some(true), hour) if hour < 12 => hour + 12,
            (_, hour) => hour,
        };
        // RFC 5322 3.3: second 60 is a leap second; 24:00 is the end of the day.
        let in_range = clock.minute <= 59 && clock.second <= 60;
        if !in_range || hour > 24 || (hour == 24 && clock.minute + clock.second > 0) {
            return None;
        }
        let offset_minutes = self.offset.unwrap_or(0);
        let seconds = days_from_civil(year, month, u8::try_from(day).ok()?) * 86_400
            + hour * 3600
            + clock.minute * 60
            + clock.second
            - i64::from(offset_minutes) * 60;
        Some(ZonedTime { time: Time::from_seconds(seconds), offset_minutes })
    }
}

fn days_in_month(year: i64, month: u8) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next, 1) - days_from_civil(year, month, 1)
}

fn full_year(value: i64, digits: usize) -> i64 {
    match digits {
        0..=2 if value < 50 => value + 2000,
        0..=3 => value + 1900,
        _ => value,
    }
}

/// `hhmm`, `hmm`, `hh` with a sign. RFC 5322 3.3 allows up to 9959.
fn offset(sign: i16, value: i64, digits: usize) -> Option<i16> {
    let (hours, minutes) = if digits <= 2 { (value, 0) } else { (value / 100, value % 100) };
    if hours > 99 || minutes > 59 {
        return Some(0);
    }
    i16::try_from(hours * 60 + minutes).ok().map(|minutes| sign * minutes)
}

#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
}

#[derive(Debug)]
enum Word<'a> {
    Name(&'a [u8]),
    Number { value: i64, digits: usize },
    Time(Clock),
    IsoDate(i64, u8, i64),
    Offset(i16),
}

/// Cuts a date into words; comments, commas and quotes are between them.
fn words(value: &[u8]) -> Vec<Word<'_>> {
    let mut cursor = Cursor::new(value);
    let mut words = Vec::new();
    while words.len() < WORDS_MAX {
        cursor.skip_cfws();
        let Some(byte) = cursor.peek() else { break };
        let has_time = words.iter().any(|word| matches!(word, Word::Time(_)));
        let word = match byte {
            b'0'..=b'9' => number(&mut cursor, has_time),
            b'+' | b'-' => signed(&mut cursor, has_time),
            b if b.is_ascii_alphabetic() => {
                let name = cursor.take_while(|b| b.is_ascii_alphabetic());
                // The `T` between an ISO date and its time.
                (!name.eq_ignore_ascii_case(b"T")).then_some(Word::Name(name))
            }
            _ => {
                cursor.next();
                None
            }
        };
        words.extend(word);
    }
    words
}

/// Takes a run of digits: its value and length.
fn digits(cursor: &mut Cursor<'_>) -> Option<(i64, usize)> {
    let run = cursor.take_while(|b| b.is_ascii_digit());
    let text = std::str::from_utf8(run).ok()?;
    Some((text.parse().ok()?, run.len()))
}

fn number<'a>(cursor: &mut Cursor<'a>, has_time: bool) -> Option<Word<'a>> {
    let (value, length) = digits(cursor)?;
    // RFC 5322 4.3 lets white space and comments stand around the colons.
    let mut ahead = cursor.clone();
    ahead.skip_cfws();
    if !has_time && length <= 2 && ahead.accept(b':') {
        *cursor = ahead;
        return Some(Word::Time(time(cursor, value)));
    }
    if !has_time && length == 4 && cursor.peek() == Some(b'-') {
        let mut ahead = cursor.clone();
        ahead.next();
        if let Some((month, 2)) = digits(&mut ahead)
            && ahead.accept(b'-')
            && let Some((day, 2)) = digits(&mut ahead)
        {
            *cursor = ahead;
            return Some(Word::IsoDate(value, u8::try_from(month).ok()?, day));
        }
    }
    Some(Word::Number { value, digits: length })
}

/// What follows `hh:`.
fn time(cursor: &mut Cursor<'_>, hour: i64) -> Clock {
    cursor.skip_cfws();
    let minute = digits(cursor).map_or(0, |(value, _)| value);
    let mut second = 0;
    let mut ahead = cursor.clone();
    ahead.skip_cfws();
    if ahead.accept(b':') {
        ahead.skip_cfws();
        second = digits(&mut ahead).map_or(0, |(value, _)| value);
        *cursor = ahead;
    }
    // Fractions of a second are dropped.
    let mut ahead = cursor.clone();
    if (ahead.accept(b'.') || ahead.accept(b',')) && digits(&mut ahead).is_some() {
        *cursor = ahead;
    }
    Clock { hour, minute, second }
}

fn signed<'a>(cursor: &mut Cursor<'a>, has_time: bool) -> Option<Word<'a>> {
    let sign = if cursor.next() == Some(b'-') { -1 } else { 1 };
    // Before the time a hyphen separates: `23-Nov-2026`.
    if !has_time {
        return None;
    }
    cursor.skip_white_space();
    let (value, length) = digits(cursor)?;
    let mut ahead = cursor.clone();
    if length <= 2 && ahead.accept(b':') {
        let (minutes, _) = digits(&mut ahead)?;
        *cursor = ahead;
        return offset(sign, value * 100 + minutes, 4).map(Word::Offset);
    }
    // `-2026` behind a time is hardly a zone when no year was seen, but no known software does
    // that.
    offset(sign, value, length).map(Word::Offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(wire: &str, want: &str) {
        let got = parse(wire.as_bytes()).map(|time| time.to_string());
        assert_eq!(got.as_deref().unwrap_or("none"), want, "{wire}");
    }

    #[test]
    fn rfc_5322() {
        // Appendix A.1.1, A.1.2, A.5, A.6.2, A.6.3
        check("Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600");
        check("Tue, 1 Jul 2003 10:52:37 +0200", "Tue, 1 Jul 2003 10:52:37 +0200");
        check(
            "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
            "Thu, 13 Feb 1969 23:32:00 -0330",
        );
        check("21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000");
        check("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600");
        check("Mon, 23 Nov 2026 09:19:00 -0000", "Mon, 23 Nov 2026 09:19:00 +0000");
    }

    #[test]
    fn obsolete_and_broken() {
        check("23 Nov 26 9:19 EST", "Mon, 23 Nov 2026 09:19:00 -0500");
        check("1 Jan 49 0:0 Z", "Fri, 1 Jan 2049 00:00:00 +0000");
        check("1 Jan 50 0:0 Z", "Sun, 1 Jan 1950 00:00:00 +0000");
        check("1 Jan 126 0:0 Z", "Thu, 1 Jan 2026 00:00:00 +0000");
        check("Mon, 23 Nov 2026 09:19:00 A", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Mon, 23 Nov 2026 09:19:00", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Mon Nov 23 09:19:00 2026", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Mon Nov 23 09:19:00 PST 2026", "Mon, 23 Nov 2026 09:19:00 -0800");
        check("Mon Nov 23 09:19:00 -0800 2026", "Mon, 23 Nov 2026 09:19:00 -0800");
        check("2026-11-23T09:19:00.123Z", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("2026-11-23 09:19:00+01:00", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("23-Nov-2026 09:19:00 +0100", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("Monday, 23-Nov-26 09:19:00 GMT", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Nov 23, 2026 9:19:05 PM", "Mon, 23 Nov 2026 21:19:05 +0000");
        check("Mon, 23 November 2026 12:19 AM +0100", "Mon, 23 Nov 2026 00:19:00 +0100");
        check("Mon, 23 Nov 2026 09:19:00 GMT+0100", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("Mon, 23 Nov 2026 09:19:00 +100", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("Mon, 23 Nov 2026 09:19:00 0100", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("Mon, 23 Nov 2026 09:19:00 4000", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Mon, 23 Nov 2026 09:19:00 +-0100", "Mon, 23 Nov 2026 09:19:00 -0100");
        check("Mon, 23 Nov 2026 09:19:00 GMT+1", "Mon, 23 Nov 2026 09:19:00 +0100");
        check("Mon, 23 Nov 2026 09:19:00 \"GMT\"", "Mon, 23 Nov 2026 09:19:00 +0000");
        check("Mon, 23 Nov 2026 09:19:00 -0500 (EST)", "Mon, 23 Nov 2026 09:19:00 -0500");
        check("Mon, 23 Nov 2026 09:19:60 +0000", "Mon, 23 Nov 2026 09:20:00 +0000");
        check("Mon, 23 Nov 2026", "Mon, 23 Nov 2026 00:00:00 +0000");
        check("Mon, 23 Nov 2026 09:19:00 +9999", "Mon, 23 Nov 2026 09:19:00 +0000");
    }

    #[test]
    fn no_dates() {
        for wire in [
            "",
            "yesterday",
            "31 Jun 2026 1:00 +0000",
            "29 Feb 2026 1:00 Z",
            "0 Jan 2026",
            "23 Nov 2026 25:00",
            "23 Nov 2026 10:60",
            "Nov 2026",
            "99999999999999999999 Nov 2026 9:00",
            "23 Nov 10000 09:00",
            "23 Nov 2026 24:01",
        ] {
            check(wire, "none");
        }
        assert_eq!(parse(&b"1 ".repeat(100_000)), None);
        assert_eq!(parse(&b"(".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn round_trip(seconds in -60_000_000_000i64..250_000_000_000, offset in -1439i16..1440) {
            let time = ZonedTime { time: Time::from_seconds(seconds), offset_minutes: offset };
            let year = time.civil().year;
            prop_assume!((1000..=9999).contains(&year));
            prop_assert_eq!(parse(time.to_string().as_bytes()), Some(time));
        }

        #[test]
        fn never_panics(wire in "[0-9:+A-Za-z, ()-]{0,60}") {
            parse(wire.as_bytes());
        }
    }
}
