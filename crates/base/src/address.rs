//! Envelope addresses (RFC 5321 4.1.2, RFC 6531 3.3) and domains.
//!
//! Every address is kept twice: as it was given, which is what is shown and sent on, and as a key,
//! by which it is found and compared. Two addresses with the same key are the same address to us:
//! the store never holds both.

use crate::limits;
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// Why a text is not an address or a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@`.
    #[error("an address needs an @ between the local part and the domain")]
    NoAt,
    /// Nothing before the `@`.
    #[error("the part before the @ is empty")]
    EmptyLocalPart,
    /// More octets before the `@` than RFC 5321 4.5.3.1.1 allows.
    #[error("the part before the @ is longer than 64 octets")]
    LocalPartTooLong,
    /// A character that needs a quoted string, or that not even a quoted string may hold.
    #[error("the part before the @ has a character that is not allowed there")]
    LocalPartCharacter,
    /// The domain is no host name: empty, or a label that is empty, too long or badly written.
    #[error("the domain is not a valid host name")]
    Domain,
    /// More octets than RFC 5321 4.5.3.1.2 allows.
    #[error("the domain is longer than 255 octets")]
    DomainTooLong,
    /// `[...]` that holds no IPv4 address and no `IPv6:` address (RFC 5321 4.1.3).
    #[error("the address literal in brackets is not an IPv4 or IPv6 address")]
    Literal,
}

/// A domain name, or an address literal such as `[192.0.2.1]`.
///
/// Compared by its ASCII form, in lower case: `BÜCHER.example` equals `xn--bcher-kva.example`.
#[derive(Clone)]
pub struct Domain {
    given: Box<str>,
    ascii: Box<str>,
}

impl Domain {
    /// Reads a domain as the protocols write it, in ASCII or Unicode, or an address literal.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > limits::DOMAIN_BYTES_MAX {
            return Err(AddressError::DomainTooLong);
        }
        if let Some(literal) = text.strip_prefix('[') {
            let literal = literal.strip_suffix(']').ok_or(AddressError::Literal)?;
            return Self::parse_literal(text, literal);
        }
        // UTS 46 with the rules for host names (letters, digits, hyphen) and the DNS lengths.
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?;
        if ascii.is_empty() || ascii.ends_with('.') {
            return Err(AddressError::Domain);
        }
        Ok(Domain { given: text.into(), ascii: ascii.into() })
    }

    fn parse_literal(given: &str, literal: &str) -> Result<Self, AddressError> {
        let is_v6 = literal.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
        let ascii = if is_v6 {
            let address = literal.get(5..).unwrap_or_default();
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| AddressError::Literal)?;
            format!("[ipv6:{address}]")
        } else {
            let address: std::net::Ipv4Addr = literal.parse().map_err(|_| AddressError::Literal)?;
            format!("[{address}]")
        };
        Ok(Domain { given: given.into(), ascii: ascii.into() })
    }

    /// The machine itself (RFC 6761 6.3).
    pub fn localhost() -> Self {
        Domain { given: "localhost".into(), ascii: "localhost".into() }
    }
    /// As it was given.
    pub fn as_given(&self) -> &str {
        &self.given
    }
    /// Its ASCII form (A-labels, lower case): the form for DNS and for keys.
    pub fn ascii(&self) -> &str {
        &self.ascii
    }
    /// True for `[192.0.2.1]` and `[IPv6:2001:db8::1]`.
    pub fn is_literal(&self) -> bool {
        self.ascii.starts_with('[')
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.ascii == other.ascii
    }
}
impl Eq for Domain {}
impl std::hash::Hash for Domain {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.ascii.hash(state);
    }
}
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}
impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.given)
    }
}
impl FromStr for Domain {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Domain::parse(text)
    }
}

/// The part before the `@`, without quotes and backslashes: `"a b"@c` has the local part `a b`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// A local part from its meaning (not its quoted form).
    pub fn new(meaning: &str) -> Result<Self, AddressError> {
        if meaning.is_empty() {
            return Err(AddressError::EmptyLocalPart);
        }
        // RFC 5321 4.1.2: a quoted string holds printable ASCII and space; RFC 6531 3.3 adds UTF-8.
        if meaning.chars().any(char::is_control) {
            return Err(AddressError::LocalPartCharacter);
        }
        let part = LocalPart(meaning.into());
        if part.written_len() > limits::LOCAL_PART_BYTES_MAX {
            return Err(AddressError::LocalPartTooLong);
        }
        Ok(part)
    }

    /// Its meaning, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when it can be written without quotes (RFC 5321 4.1.2 `Dot-string`).
    pub fn is_dot_string(&self) -> bool {
        self.0.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
    }

    fn written_len(&self) -> usize {
        if self.is_dot_string() {
            self.0.len()
        } else {
            self.0.len() + 2 + self.0.bytes().filter(|b| matches!(b, b'"' | b'\\')).count()
        }
    }
}

/// RFC 5322 3.2.3 `atext` with RFC 6532 3.2's UTF-8.
pub fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control())
}

/// As SMTP writes it: a dot-string where possible, else a quoted string.
impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        if self.is_dot_string() {
            return f.write_str(&self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}
impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalPart({self})")
    }
}

/// An envelope address. `Display` writes it as SMTP does, without angle brackets.
///
/// The null reverse-path `<>` and `<postmaster>` without a domain are no addresses; the SMTP types
/// have cases of their own for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    local: LocalPart,
    domain: Domain,
}

impl Address {
    /// Puts an address together from its checked parts.
    pub fn new(local: LocalPart, domain: Domain) -> Self {
        Address { local, domain }
    }

    /// Reads `local@domain` as a person or a protocol writes it: a dot-string or a quoted string,
    /// an `@`, and a domain or address literal.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = if text.starts_with('"') {
            split_quoted(text)?
        } else {
            let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
            if local.is_empty() {
                return Err(AddressError::EmptyLocalPart);
            }
            let local = LocalPart::new(local)?;
            if !local.is_dot_string() {
                return Err(AddressError::LocalPartCharacter);
            }
            (local, domain)
        };
        Ok(Address { local, domain: Domain::parse(domain)? })
    }

    /// The part before the `@`.
    pub fn local(&self) -> &LocalPart {
        &self.local
    }
    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
    /// True when only a server with SMTPUTF8 can be given this address (RFC 6531 3.2). A domain
    /// alone can always be written in ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.0.is_ascii()
    }
    /// What it is found by.
    pub fn key(&self) -> AddressKey {
        AddressKey::new(Some(&self.local), &self.domain)
    }

    /// The same address without its subaddress: `user+tag@d` gives `user@d` (RFC 5233 1). `None`
    /// when there is no tag, or nothing before it.
    pub fn without_tag(&self, separator: char) -> Option<Address> {
        let (user, _tag) = self.local.0.split_once(separator)?;
        Some(Address { local: LocalPart::new(user).ok()?, domain: self.domain.clone() })
    }
}

fn split_quoted(text: &str) -> Result<(LocalPart, &str), AddressError> {
    let mut meaning = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let domain = text
                    .get(at + 1..)
                    .and_then(|rest| rest.strip_prefix('@'))
                    .ok_or(AddressError::NoAt)?;
                return Ok((LocalPart::new(&meaning)?, domain));
            }
            '\\' => {
                let (_, quoted) = chars.next().ok_or(AddressError::LocalPartCharacter)?;
                meaning.push(quoted);
            }
            _ => meaning.push(c),
        }
    }
    Err(AddressError::LocalPartCharacter)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}
impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text)
    }
}

/// What an address is found by: the local part in NFC and case-folded, and the domain's ASCII form.
/// `@domain` (no local part) is the key of a domain's catch-all.
///
/// RFC 5321 2.4 lets a local part depend on case, but warns against it; ours never do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(Box<str>);

impl AddressKey {
    fn new(local: Option<&LocalPart>, domain: &Domain) -> Self {
        let mut key = local.map(|l| fold(&l.0)).unwrap_or_default();
        key.push('@');
        key.push_str(&domain.ascii);
        AddressKey(key.into())
    }
    /// The key of a domain's catch-all.
    pub fn catch_all(domain: &Domain) -> Self {
        AddressKey::new(None, domain)
    }
    /// The key as text, `local@domain`: bounded by the limits of both, UTF-8.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Folds a name for comparison: NFC, lower case, NFC again (lower-casing may decompose).
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        #[track_caller]
        fn check(text: &str, want: Result<(&str, &str), AddressError>) {
            let got = Address::parse(text);
            let got = got.as_ref().map(|a| (a.local().as_str(), a.domain().ascii()));
            assert_eq!(got.map_err(|e| *e), want, "{text}");
        }
        check("a@b.example", Ok(("a", "b.example")));
        check("A.b+c@B.Example", Ok(("A.b+c", "b.example")));
        check("\"a b\\\"@\"@b.example", Ok(("a b\"@", "b.example")));
        check("jörg@bücher.example", Ok(("jörg", "xn--bcher-kva.example")));
        check("a@[192.0.2.1]", Ok(("a", "[192.0.2.1]")));
        check("a@[IPv6:2001:DB8::1]", Ok(("a", "[ipv6:2001:db8::1]")));
        check("a@[2001:db8::1]", Err(AddressError::Literal));
        check("a", Err(AddressError::NoAt));
        check("@b", Err(AddressError::EmptyLocalPart));
        check("a..b@c", Err(AddressError::LocalPartCharacter));
        check("a b@c", Err(AddressError::LocalPartCharacter));
        check("\"a\u{7}\"@c", Err(AddressError::LocalPartCharacter));
        check("\"a@c", Err(AddressError::LocalPartCharacter));
        check("\"a\"c", Err(AddressError::NoAt));
        check("a@b..c", Err(AddressError::Domain));
        check("a@b.", Err(AddressError::Domain));
        check("a@", Err(AddressError::Domain));
        check("a@b_c.example", Err(AddressError::Domain));
        let at_limit = format!("{}@b.example", "a".repeat(limits::LOCAL_PART_BYTES_MAX));
        assert!(Address::parse(&at_limit).is_ok());
        check(&format!("a{at_limit}"), Err(AddressError::LocalPartTooLong));
        check(&format!("a@{}", "b".repeat(256)), Err(AddressError::DomainTooLong));
    }

    #[test]
    fn display_returns_the_address() {
        for text in ["a.b@c.example", "\"a b\"@c.example", "\"\\\"\\\\\"@c.example", "é@ü.example"]
        {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        // Quotes that are not needed fall away.
        assert_eq!(Address::parse("\"a\"@c.example").unwrap().to_string(), "a@c.example");
    }

    #[test]
    fn keys_fold_what_people_mean_to_be_the_same() {
        let same =
            ["JÖRG@Bücher.example", "jo\u{308}rg@BÜCHER.example", "jörg@xn--bcher-kva.example"];
        let keys: Vec<_> = same.iter().map(|a| Address::parse(a).unwrap().key()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
        assert_eq!(keys[0].as_str(), "jörg@xn--bcher-kva.example");
    }

    #[test]
    fn subaddresses() {
        let address = Address::parse("user+a+b@c.example").unwrap();
        assert_eq!(address.without_tag('+').unwrap().to_string(), "user@c.example");
        assert_eq!(Address::parse("+a@c.example").unwrap().without_tag('+'), None);
        assert_eq!(Address::parse("user@c.example").unwrap().without_tag('+'), None);
    }
}
