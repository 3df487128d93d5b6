//! Networks: the unit by which strangers are counted, and the ranges an operator writes.
//!
//! An attacker changes addresses within a network for nothing (an IPv6 customer has 2^64 of them),
//! so counting is by /24 and /64. An address that arrives as IPv4 mapped into IPv6
//! (`::ffff:192.0.2.1`, on a socket for both families) is its IPv4 address to us.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the `/` is no address.
    #[error("not an IPv4 or IPv6 address, nor a range such as 192.0.2.0/24")]
    Address,
    /// The part after the `/` is no number, or more than the address has bits.
    #[error("the number after the / must be between 0 and {0}")]
    Prefix(u8),
    /// Bits are set behind the prefix, so it is unclear what was meant.
    #[error("bits are set behind the prefix; did you mean {0}?")]
    HostBits(Cidr),
}

/// A range of addresses such as `192.0.2.0/24`; a single address is a range of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The first address. Never an IPv4 address mapped into IPv6.
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// 127.0.0.0/8, the machine itself.
    pub const LOOPBACK_V4: Cidr =
        Cidr { first: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 };
    /// ::1, the machine itself.
    pub const LOOPBACK_V6: Cidr = Cidr { first: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 };

    /// The range of this size that holds `address`. A `prefix` of more bits than the address has
    /// means the address alone.
    pub fn around(address: IpAddr, prefix: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Cidr { first: IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask)), prefix }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Cidr { first: IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask)), prefix }
            }
        }
    }

    /// The network by which a stranger is counted: the /24 or /64 around the address.
    pub fn network_of(address: IpAddr) -> Self {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Cidr::around(v4, 24),
            v6 @ IpAddr::V6(_) => Cidr::around(v6, 64),
        }
    }

    /// True when the address is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && Cidr::around(address, self.prefix) == *self
    }

    /// True when all of this range is in `other`.
    pub fn is_within(&self, other: &Cidr) -> bool {
        self.prefix >= other.prefix && other.contains(self.first)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let bits = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|n| *n <= bits).ok_or(CidrError::Prefix(bits))?
            }
            Some(_) => return Err(CidrError::Prefix(bits)),
            None => bits,
        };
        // ::ffff:192.0.2.0/120 is 192.0.2.0/24; a shorter prefix would span both families.
        let address = written.to_canonical();
        let prefix = if address.is_ipv4() && bits == 128 {
            prefix.checked_sub(96).ok_or(CidrError::Address)?
        } else {
            prefix
        };
        let range = Cidr::around(address, prefix);
        if range.first == address { Ok(range) } else { Err(CidrError::HostBits(range)) }
    }
}

/// `192.0.2.0/24`; a single address stands without a prefix.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.first.is_ipv4() { 32 } else { 128 };
        if self.prefix == bits {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.prefix)
        }
    }
}
impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cidr({self})")
    }
}
impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Networks to which no limit and no block applies, so that owners never lock themselves out.
///
/// Whoever measures with an exemption measures without limits, and should say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exemptions(pub Vec<Cidr>);

impl Exemptions {
    /// True when the address is in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

/// The machine itself.
impl Default for Exemptions {
    fn default() -> Self {
        Exemptions(vec![Cidr::LOOPBACK_V4, Cidr::LOOPBACK_V6])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        #[track_caller]
        fn check(text: &str, want: Result<&str, CidrError>) {
            let got = text.parse::<Cidr>().map(|range| range.to_string());
            assert_eq!(got, want.map(String::from), "{text}");
        }
        check("192.0.2.1", Ok("192.0.2.1"));
        check("192.0.2.0/24", Ok("192.0.2.0/24"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("::/0", Ok("::/0"));
        check("2001:db8::/32", Ok("2001:db8::/32"));
        check("::ffff:192.0.2.0/120", Ok("192.0.2.0/24"));
        check("::ffff:0:0/90", Err(CidrError::Address));
        check("192.0.2.1/24", Err(CidrError::HostBits("192.0.2.0/24".parse().unwrap())));
        check("192.0.2.0/33", Err(CidrError::Prefix(32)));
        check("::/129", Err(CidrError::Prefix(128)));
        check("192.0.2.0/+4", Err(CidrError::Prefix(32)));
        check("192.0.2.0/", Err(CidrError::Prefix(32)));
        check("example.com", Err(CidrError::Address));
        check("", Err(CidrError::Address));
    }

    #[test]
    fn membership_ignores_how_an_address_arrived() {
        #[track_caller]
        fn check(range: &str, address: &str, want: bool) {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), want, "{range} {address}");
        }
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.0/24", "::ffff:192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "::1", true);
        check("2001:db8::/64", "2001:db8::ffff:1", true);
        check("2001:db8::/64", "2001:db8:0:1::", false);
        assert!(Exemptions::default().contain("127.0.0.9".parse().unwrap()));
        assert!(!Exemptions(Vec::new()).contain("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn strangers_are_counted_by_network() {
        let of = |text: &str| Cidr::network_of(text.parse().unwrap()).to_string();
        assert_eq!(of("198.51.100.77"), "198.51.100.0/24");
        assert_eq!(of("::ffff:198.51.100.77"), "198.51.100.0/24");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    }
}
