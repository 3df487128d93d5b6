//! Instants: UTC milliseconds, with the zone's offset beside them where a person's calendar
//! matters.

use std::fmt;
use std::time::Duration;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Time = Time(0);

    /// The instant this many milliseconds after (or before) the epoch.
    pub const fn from_millis(millis: i64) -> Time {
        Time(millis)
    }
    /// The instant this many whole seconds after (or before) the epoch.
    pub const fn from_seconds(seconds: i64) -> Time {
        Time(seconds.saturating_mul(1000))
    }
    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }
    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
    /// Days since the epoch in UTC, rounded down. Stories are removed by this number.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, wait: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, wait: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-23T09:19:00.000Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = ZonedTime { time: *self, offset_minutes: 0 }.civil();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            c.year, c.month, c.day, c.hour, c.minute, c.second, c.millisecond
        )
    }
}

/// Where the present instant comes from: the system clock in `server`, a simulated one in tests.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Time;
    /// Minutes that local time is ahead of UTC at `time` (RFC 5322 3.3, `zone`).
    fn offset_minutes(&self, time: Time) -> i16;
}

/// An instant and the offset of the place where it was written down: what a Date field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ZonedTime {
    /// The instant.
    pub time: Time,
    /// Minutes that the writer's local time was ahead of UTC.
    pub offset_minutes: i16,
}

/// A local date and time of day, in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// Year; may be negative for absurd input.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Millisecond, 0 to 999.
    pub millisecond: u16,
    /// Day of the week, 0 for Sunday to 6 for Saturday.
    pub weekday: u8,
}

/// Days from 1970-01-01 to the given date of the proleptic Gregorian calendar. `month` is 1 to 12;
/// a `day` outside the month counts on into its neighbours.
pub const fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    // Years start in March, so that the leap day is a year's last: then the days before a month are
    // a linear formula, and eras of 400 years all have 146,097 days.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted_month = (month as i64 + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl ZonedTime {
    /// The local calendar date and time of day.
    pub const fn civil(self) -> Civil {
        let local = self.time.0.saturating_add(self.offset_minutes as i64 * 60_000);
        let days = local.div_euclid(86_400_000);
        let millis = local.rem_euclid(86_400_000);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        Civil {
            year,
            month: month as u8,
            day: day as u8,
            hour: (millis / 3_600_000) as u8,
            minute: (millis / 60_000 % 60) as u8,
            second: (millis / 1000 % 60) as u8,
            millisecond: (millis % 1000) as u16,
            weekday: (days + 4).rem_euclid(7) as u8,
        }
    }
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// Month names as RFC 5322 3.3 and RFC 3501 9 (`date-month`) write them.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 5322 3.3 `date-time`: `Mon, 23 Nov 2026 09:19:00 +0100`.
impl fmt::Display for ZonedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil();
        let weekday = WEEKDAYS.get(usize::from(c.weekday)).copied().unwrap_or("Sun");
        let month = MONTHS.get(usize::from(c.month).wrapping_sub(1)).copied().unwrap_or("Jan");
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        write!(
            f,
            "{weekday}, {} {month} {:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            c.day,
            c.year,
            c.hour,
            c.minute,
            c.second,
            offset / 60,
            offset % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_as_rfc_5322_writes_them() {
        #[track_caller]
        fn check(seconds: i64, offset_minutes: i16, want: &str) {
            let zoned = ZonedTime { time: Time::from_seconds(seconds), offset_minutes };
            assert_eq!(zoned.to_string(), want);
            let c = zoned.civil();
            let days = days_from_civil(c.year, c.month, c.day);
            let of_day = i64::from(c.hour) * 3600 + i64::from(c.minute) * 60 + i64::from(c.second);
            assert_eq!(days * 86_400 + of_day - i64::from(offset_minutes) * 60, seconds, "back");
        }
        check(0, 0, "Thu, 1 Jan 1970 00:00:00 +0000");
        check(-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000");
        check(951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000");
        check(1_795_425_540, 60, "Mon, 23 Nov 2026 10:19:00 +0100");
        check(1_795_425_540, -210, "Mon, 23 Nov 2026 05:49:00 -0330");
        check(4_102_444_800, 0, "Fri, 1 Jan 2100 00:00:00 +0000");
    }

    #[test]
    fn rfc_3339() {
        assert_eq!(Time::from_millis(1_795_425_540_123).to_string(), "2026-11-23T09:19:00.123Z");
    }
}
