//! What was found wrong with a part. A message is never refused for it; it is shown, scored, and
//! told to whoever asks why a part looks as it does.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of findings. The bits are stored with the part map: they are only ever added to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Damage(u32);

impl Damage {
    /// Nothing.
    pub const NONE: Damage = Damage(0);
    /// A multipart ended without its closing delimiter: most often, the mail was cut off.
    pub const NO_END_BOUNDARY: Damage = Damage(1);
    /// A multipart without a usable boundary parameter: it counts as text/plain.
    pub const NO_BOUNDARY: Damage = Damage(1 << 1);
    /// The Content-Transfer-Encoding is none we know.
    pub const UNKNOWN_ENCODING: Damage = Damage(1 << 2);
    /// A multipart or message with a transfer encoding that RFC 2045 6.4 and RFC 2046 5.2.1 forbid.
    /// The message is a leaf; the multipart is read as if it were not encoded.
    pub const ENCODED_CONTAINER: Damage = Damage(1 << 3);
    /// Octets beyond US-ASCII in the part's header. (Valid UTF-8 is what RFC 6532 allows.)
    pub const EIGHT_BIT_HEADER: Damage = Damage(1 << 4);
    /// Octets beyond US-ASCII in the part's header that are no UTF-8 either.
    pub const HEADER_NOT_UTF8: Damage = Damage(1 << 5);
    /// Octets beyond US-ASCII in a body that is neither `8bit` nor `binary`.
    pub const EIGHT_BIT_BODY: Damage = Damage(1 << 6);
    /// A NUL in header or body.
    pub const NUL: Damage = Damage(1 << 7);
    /// A CR without an LF.
    pub const BARE_CR: Damage = Damage(1 << 8);
    /// An LF without a CR.
    pub const BARE_LF: Damage = Damage(1 << 9);
    /// Nested deeper than we look: it is a leaf, though it says it has parts.
    pub const TOO_DEEP: Damage = Damage(1 << 10);
    /// More parts than we look at: the rest of the message belongs to this one.
    pub const TOO_MANY_PARTS: Damage = Damage(1 << 11);
    /// The header section is longer than we look at: the rest of it belongs to the body.
    pub const HEADER_TOO_LONG: Damage = Damage(1 << 12);
    /// The header section ended at a delimiter or the end, without a blank line.
    pub const NO_BLANK_LINE: Damage = Damage(1 << 13);
    /// A line in the header that is no field.
    pub const MALFORMED_HEADER: Damage = Damage(1 << 14);
    /// A Content-Type that cannot be read: the part counts as text/plain (RFC 2045 5.2).
    pub const BAD_CONTENT_TYPE: Damage = Damage(1 << 15);
    /// Content fields that occur twice; the first counts.
    pub const REPEATED_FIELD: Damage = Damage(1 << 16);
    /// The texts of the map were too long in all: this part's parameters were left out.
    pub const TEXT_LEFT_OUT: Damage = Damage(1 << 17);
    /// More fields in the header than we look at.
    pub const TOO_MANY_FIELDS: Damage = Damage(1 << 18);

    const NAMES: [(Damage, &'static str); 19] = [
        (Damage::NO_END_BOUNDARY, "no-end-boundary"),
        (Damage::NO_BOUNDARY, "no-boundary"),
        (Damage::UNKNOWN_ENCODING, "unknown-encoding"),
        (Damage::ENCODED_CONTAINER, "encoded-container"),
        (Damage::EIGHT_BIT_HEADER, "8bit-header"),
        (Damage::HEADER_NOT_UTF8, "header-not-utf8"),
        (Damage::EIGHT_BIT_BODY, "8bit-body"),
        (Damage::NUL, "nul"),
        (Damage::BARE_CR, "bare-cr"),
        (Damage::BARE_LF, "bare-lf"),
        (Damage::TOO_DEEP, "too-deep"),
        (Damage::TOO_MANY_PARTS, "too-many-parts"),
        (Damage::HEADER_TOO_LONG, "header-too-long"),
        (Damage::NO_BLANK_LINE, "no-blank-line"),
        (Damage::MALFORMED_HEADER, "malformed-header"),
        (Damage::BAD_CONTENT_TYPE, "bad-content-type"),
        (Damage::REPEATED_FIELD, "repeated-field"),
        (Damage::TEXT_LEFT_OUT, "text-left-out"),
        (Damage::TOO_MANY_FIELDS, "too-many-fields"),
    ];

    /// True when all of these findings are in the set.
    pub const fn has(self, other: Damage) -> bool {
        self.0 & other.0 == other.0
    }
    /// True when there is nothing.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
    /// The set without these findings.
    #[must_use]
    pub const fn without(self, other: Damage) -> Damage {
        Damage(self.0 & !other.0)
    }
    /// The names of the findings, for people and for rules.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(damage, _)| self.has(*damage)).map(|(_, name)| name)
    }
    /// The set as a number, as it is stored.
    pub const fn bits(self) -> u32 {
        self.0
    }
    /// The set from its number. Bits of a later version are kept.
    pub const fn from_bits(bits: u32) -> Damage {
        Damage(bits)
    }
}

impl BitOr for Damage {
    type Output = Damage;
    fn bitor(self, other: Damage) -> Damage {
        Damage(self.0 | other.0)
    }
}
impl BitOrAssign for Damage {
    fn bitor_assign(&mut self, other: Damage) {
        self.0 |= other.0;
    }
}
impl fmt::Debug for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
