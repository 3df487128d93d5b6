//! Dates (RFC 3501 9, `date` and `date-time`).

use super::{Cursor, Fault, Parse};
use crate::imap::value::Date;
use posthorn_base::time::days_from_civil;
use posthorn_base::{Time, ZonedTime};

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

const WRONG: &str = "a date is not like 23-Nov-2026, or does not exist";
const WRONG_TIME: &str = "a date is not like \"23-Nov-2026 10:30:00 +0100\", or does not exist";

/// `date`: with or without quotes.
pub(crate) fn date(cursor: &mut Cursor<'_>) -> Parse<Date> {
    let quoted = cursor.eat(b'"');
    let day = digits(cursor, 1..=2, WRONG)?;
    let date = month_and_year(cursor, day, WRONG)?;
    if quoted {
        cursor.expect(b'"', WRONG)?;
    }
    Ok(date)
}

/// `date-time`: always in quotes. A day below 10 has a space or a zero in front.
pub(crate) fn date_time(cursor: &mut Cursor<'_>) -> Parse<ZonedTime> {
    cursor.expect(b'"', WRONG_TIME)?;
    let width = if cursor.eat(b' ') { 1..=1 } else { 1..=2 };
    let day = digits(cursor, width, WRONG_TIME)?;
    let date = month_and_year(cursor, day, WRONG_TIME)?;
    cursor.expect(b' ', WRONG_TIME)?;
    let hour = digits(cursor, 2..=2, WRONG_TIME)?;
    cursor.expect(b':', WRONG_TIME)?;
    let minute = digits(cursor, 2..=2, WRONG_TIME)?;
    cursor.expect(b':', WRONG_TIME)?;
    let second = digits(cursor, 2..=2, WRONG_TIME)?;
    cursor.expect(b' ', WRONG_TIME)?;
    let sign = match (cursor.eat(b'+'), cursor.eat(b'-')) {
        (true, false) => 1,
        (false, true) => -1,
        _ => return Err(Fault::new(WRONG_TIME)),
    };
    let zone = digits(cursor, 4..=4, WRONG_TIME)?;
    cursor.expect(b'"', WRONG_TIME)?;
    let zone_minutes = zone / 100 * 60 + zone % 100;
    // 60: a leap second.
    if hour > 23 || minute > 59 || second > 60 || zone % 100 > 59 || zone_minutes > 24 * 60 {
        return Err(Fault::new(WRONG_TIME));
    }
    let days = days_from_civil(i64::from(date.year), date.month, date.day);
    let local = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let offset = sign * i64::from(zone_minutes);
    Ok(ZonedTime {
        time: Time::from_seconds(local - offset * 60),
        offset_minutes: i16::try_from(offset).map_err(|_| Fault::new(WRONG_TIME))?,
    })
}

fn digits(
    cursor: &mut Cursor<'_>,
    width: std::ops::RangeInclusive<usize>,
    wrong: &'static str,
) -> Parse<u32> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    if !width.contains(&digits.len()) {
        return Err(Fault::new(wrong));
    }
    Cursor::new(digits).number()
}

/// `-Nov-2026` behind the day.
fn month_and_year(cursor: &mut Cursor<'_>, day: u32, wrong: &'static str) -> Parse<Date> {
    cursor.expect(b'-', wrong)?;
    let name = cursor.take_while(|octet| octet.is_ascii_alphabetic()).to_ascii_lowercase();
    let month = (1..).zip(MONTHS).find(|(_, known)| name == **known).map(|(month, _)| month);
    cursor.expect(b'-', wrong)?;
    let year = digits(cursor, 4..=4, wrong)?;
    let (Some(month), Ok(year), Ok(day)) = (month, u16::try_from(year), u8::try_from(day)) else {
        return Err(Fault::new(wrong));
    };
    if !exists(year, month, day) {
        return Err(Fault::new(wrong));
    }
    Ok(Date { year, month, day })
}

/// Whether the month has that day.
fn exists(year: u16, month: u8, day: u8) -> bool {
    let year = i64::from(year);
    let next = if month == 12 {
        days_from_civil(year + 1, 1, 1)
    } else {
        days_from_civil(year, month + 1, 1)
    };
    day > 0 && days_from_civil(year, month, day) < next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let parse = |text: &str| date(&mut Cursor::new(text.as_bytes())).ok();
        let some = |year, month, day| Some(Date { year, month, day });
        assert_eq!(parse("1-Feb-1994"), some(1994, 2, 1));
        assert_eq!(parse("\"01-FEB-1994\""), some(1994, 2, 1));
        assert_eq!(parse("29-Feb-2024"), some(2024, 2, 29));
        for wrong in [
            "29-Feb-2023",
            "0-Jan-2000",
            "32-Jan-2000",
            "1-Foo-2000",
            "1-Jan-99",
            "001-Jan-2000",
            "\"1-Jan-2000",
            "1 Jan 2000",
            "",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_with_times() {
        let parse = |text: &str| date_time(&mut Cursor::new(text.as_bytes())).ok();
        let some = |seconds, offset_minutes| {
            Some(ZonedTime { time: Time::from_seconds(seconds), offset_minutes })
        };
        assert_eq!(parse("\"17-Jul-1996 02:44:25 -0700\""), some(837_596_665, -420));
        assert_eq!(parse("\" 1-Jan-1970 01:00:00 +0100\""), some(0, 60));
        assert_eq!(parse("\"01-Jan-1970 00:00:00 +0000\""), some(0, 0));
        for wrong in [
            "17-Jul-1996 02:44:25 -0700",
            "\"17-Jul-1996 24:44:25 -0700\"",
            "\"17-Jul-1996 02:60:25 -0700\"",
            "\"17-Jul-1996 02:44:25 -0760\"",
            "\"17-Jul-1996 02:44:25 -9900\"",
            "\"17-Jul-1996 02:44:25 0700\"",
            "\"17-Jul-1996 2:44:25 +0700\"",
            "\" 17-Jul-1996 02:44:25 +0700\"",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
