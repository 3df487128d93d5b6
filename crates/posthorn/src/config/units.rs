//! Sizes and spans of time as a person writes them: with their unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is no size or no span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It does not begin with a whole number.
    #[error("expected a whole number and a unit")]
    Number,
    /// The unit is missing or not one we know.
    #[error("the unit is missing or unknown")]
    Unit,
    /// It does not fit.
    #[error("the number is too great")]
    TooGreat,
}

fn split(text: &str) -> Result<(u64, &str), UnitError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).ok_or(UnitError::Number)?;
    if digits.is_empty() {
        return Err(UnitError::Number);
    }
    Ok((digits.parse().map_err(|_| UnitError::TooGreat)?, unit.trim_start()))
}

/// The unit in which a number is written shortest without losing anything.
fn largest_unit<'a>(number: u64, units: &[(&'a str, u64)]) -> Option<(u64, &'a str)> {
    let fits = |&&(_, worth): &&(&str, u64)| number.is_multiple_of(worth) && number >= worth;
    units.iter().filter(fits).max_by_key(|(_, worth)| *worth).map(|(u, w)| (number / w, *u))
}

/// A number of bytes: `"34 MiB"`, `"4096 B"`, `"1 GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const SIZES_BINARY: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
const SIZES_DECIMAL: [(&str, u64); 4] =
    [("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];

impl Size {
    /// How it is written.
    pub const SYNTAX: &str = "size: a whole number with B, KiB, MiB, GiB, TiB, KB, MB, GB or TB";

    /// This many bytes.
    pub const fn bytes(bytes: u64) -> Size {
        Size(bytes)
    }
    /// This many times 1024 bytes.
    pub const fn kib(number: u64) -> Size {
        Size(number << 10)
    }
    /// This many times 1024 KiB.
    pub const fn mib(number: u64) -> Size {
        Size(number << 20)
    }
    /// This many times 1024 MiB.
    pub const fn gib(number: u64) -> Size {
        Size(number << 30)
    }
    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
    /// About how much it is, for people: `1.4 MiB`.
    pub fn rounded(self) -> String {
        let mut units = SIZES_BINARY.iter().filter(|(_, worth)| *worth > 1 && *worth <= self.0);
        match units.by_ref().max_by_key(|(_, worth)| *worth) {
            Some((unit, worth)) => format!("{:.1} {unit}", self.0 as f64 / *worth as f64),
            None => format!("{} B", self.0),
        }
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Size, UnitError> {
        let (number, unit) = split(text)?;
        let mut units = SIZES_BINARY.iter().chain(&SIZES_DECIMAL);
        let worth = units.find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let (_, worth) = worth.ok_or(UnitError::Unit)?;
        number.checked_mul(*worth).map(Size).ok_or(UnitError::TooGreat)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = largest_unit(self.0, &SIZES_BINARY).unwrap_or((self.0, "B"));
        write!(f, "{number} {unit}")
    }
}

/// A span of time: `"300 s"`, `"5 min"`, `"14 days"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// In milliseconds.
const SPANS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
];
const SPANS_SHOWN: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("days", 86_400_000)];

impl Span {
    /// How it is written.
    pub const SYNTAX: &str = "span of time: a whole number with ms, s, min, h or days";

    /// This span.
    pub const fn new(span: Duration) -> Span {
        Span(span)
    }
    /// This many milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(Duration::from_millis(millis))
    }
    /// This many seconds.
    pub const fn seconds(seconds: u64) -> Span {
        Span(Duration::from_secs(seconds))
    }
    /// This many days of 24 hours.
    pub const fn days(days: u64) -> Span {
        Span(Duration::from_secs(days * 86_400))
    }
    /// As the rest of the system wants it.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Span, UnitError> {
        let (number, unit) = split(text)?;
        let (_, worth) = SPANS.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Unit)?;
        let millis = number.checked_mul(*worth).ok_or(UnitError::TooGreat)?;
        Ok(Span(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        match largest_unit(millis, &SPANS_SHOWN).unwrap_or((millis, "s")) {
            // 24 hours mean a day to the clock, but "1 days" to nobody.
            (1, "days") => f.write_str("24 h"),
            (number, unit) => write!(f, "{number} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        #[track_caller]
        fn check(text: &str, want: Result<(u64, &str), UnitError>) {
            let got = text.parse::<Size>().map(|size| (size.get(), size.to_string()));
            assert_eq!(got, want.map(|(bytes, shown)| (bytes, shown.to_owned())), "{text}");
        }
        check("34 MiB", Ok((35_651_584, "34 MiB")));
        check("34MiB", Ok((35_651_584, "34 MiB")));
        check("1 mb", Ok((1_000_000, "1000000 B")));
        check("2048 KiB", Ok((2 << 20, "2 MiB")));
        check("0 B", Ok((0, "0 B")));
        check("5", Err(UnitError::Unit));
        check("5 apples", Err(UnitError::Unit));
        check("MiB", Err(UnitError::Number));
        check("-1 B", Err(UnitError::Number));
        check("1.5 GiB", Err(UnitError::Unit));
        check("99999999999 TiB", Err(UnitError::TooGreat));
        check("99999999999999999999999 B", Err(UnitError::TooGreat));
    }

    #[test]
    fn spans() {
        #[track_caller]
        fn check(text: &str, want: Result<(u64, &str), UnitError>) {
            let got = text.parse::<Span>().map(|s| (s.get().as_secs(), s.to_string()));
            assert_eq!(got, want.map(|(seconds, shown)| (seconds, shown.to_owned())), "{text}");
        }
        check("300 s", Ok((300, "5 min")));
        check("5min", Ok((300, "5 min")));
        check("14 days", Ok((14 * 86_400, "14 days")));
        check("1 day", Ok((86_400, "24 h")));
        check("0 s", Ok((0, "0 s")));
        check("1500 ms", Ok((1, "1500 ms")));
        check("5 m", Err(UnitError::Unit)); // minutes to some, months to others
        check("five min", Err(UnitError::Number));
    }
}
