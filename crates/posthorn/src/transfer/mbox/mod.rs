//! mbox: many messages in one file, each behind a From_ line (RFC 4155).
//!
//! A From_ line begins with `From `, stands at the start of the file or behind an empty line, and
//! ends in a date; only then it is one, since programs that quote differently, or not at all, write
//! lines that begin with `From ` into messages.

mod read;
mod status;
mod write;

pub use read::{MboxReader, Quoting};
pub use write::MboxWriter;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The date of a From_ line in milliseconds since 1970. RFC 4155 has it in UTC; a zone that stands
/// there is honoured. `None` when the line is no From_ line.
fn from_line(line: &[u8]) -> Option<i64> {
    let rest = std::str::from_utf8(line.strip_prefix(b"From ")?).ok()?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The sender may have spaces in it: the date is where the day of the week stands.
    let is_day = |word: &&&str| {
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&word.trim_end_matches(','))
    };
    let at = words.len() - words.iter().rev().position(|word| is_day(&word))? - 1;
    let date: Vec<&str> = words.iter().skip(at + 1).copied().collect();
    let (month, day, time, rest) = match date.as_slice() {
        [month, day, time, rest @ ..] => (*month, *day, *time, rest),
        _ => return None,
    };
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    let year = rest.iter().find(is_year)?;
    let time = if time.matches(':').count() == 1 { format!("{time}:00") } else { time.to_owned() };
    let text = format!("{month} {day} {time} {year}");
    let civil = DateTime::strptime("%b %d %H:%M:%S %Y", text).ok()?;
    let zone = rest.iter().find_map(|word| offset(word)).unwrap_or(0);
    let utc = civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(utc - zone * 60_000)
}

/// `+0200` in minutes.
fn offset(word: &str) -> Option<i64> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    if minutes.len() != 2 {
        return None;
    }
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_lines() {
        #[track_caller]
        fn check(line: &str, want: Option<i64>) {
            assert_eq!(from_line(line.as_bytes()), want.map(|seconds| seconds * 1000), "{line}");
        }
        check("From a@example.com Thu Jan  1 00:00:10 1970", Some(10));
        check("From a@example.com Thu Jan  1 00:01 1970", Some(60));
        check("From MAILER-DAEMON Fri Jul  8 12:08:34 2011", Some(1_310_126_914));
        check("From a b c Fri Jul 8 12:08:34 2011", Some(1_310_126_914));
        check("From a@b Fri Jul  8 14:08:34 2011 +0200", Some(1_310_126_914));
        check("From a@b Fri Jul  8 14:08:34 +0200 2011", Some(1_310_126_914));
        check("From - Fri Jul  8 12:08:34 2011", Some(1_310_126_914));
        check("From here on it is downhill", None);
        check("From Monday Mon there is", None);
        check("From: a@example.com", None);
        check("From a@b Fri Foo  8 12:08:34 2011", None);
    }
}
