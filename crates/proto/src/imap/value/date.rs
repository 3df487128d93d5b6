//! Dates of SEARCH (RFC 3501 9, `date`).

/// A calendar day, without a time or a zone: SEARCH disregards both (RFC 3501 6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, and a day of that month.
    pub day: u8,
}
