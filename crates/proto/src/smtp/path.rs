//! Reverse-paths and forward-paths (RFC 5321 4.1.2, RFC 6531 3.3).

use posthorn_base::{Address, AddressError, limits};
use std::fmt;

/// Whom a message comes from: what MAIL says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: a report about another message; never answered (RFC 5321 4.5.5).
    Null,
    /// Where reports about this message go.
    Address(Address),
}

/// Whom a message goes to: what RCPT says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain, in any case (RFC 5321 4.1.1.3 and 4.5.1).
    Postmaster,
    /// A mailbox.
    Address(Address),
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `<`. RFC 5321 4.1.2 demands the brackets; without them it would be a
    /// guess where the address ends and the parameters begin.
    #[error("an address stands in angle brackets")]
    NoBracket,
    /// No `>`.
    #[error("the closing angle bracket is missing")]
    Unclosed,
    /// Something other than a space follows `>`.
    #[error("a space must follow the address")]
    NoSpace,
    /// `<@` that is no source route.
    #[error("the source route is not valid")]
    Route,
    /// Longer than [`limits::PATH_BYTES_MAX`] without its source route.
    #[error("the address is too long")]
    TooLong,
    /// What stands in the brackets is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl ReversePath {
    /// Reads a reverse-path from the front of `text`; returns it with the parameters behind it.
    pub fn parse(text: &str) -> Result<(ReversePath, &str), PathError> {
        let (inner, rest) = split(text)?;
        let path = match inner {
            "" => ReversePath::Null,
            _ => ReversePath::Address(address(inner)?),
        };
        Ok((path, rest))
    }

    /// The address, unless it is the null path.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ReversePath::Null => None,
            ReversePath::Address(address) => Some(address),
        }
    }
}

impl ForwardPath {
    /// Reads a forward-path from the front of `text`; returns it with the parameters behind it.
    pub fn parse(text: &str) -> Result<(ForwardPath, &str), PathError> {
        let (inner, rest) = split(text)?;
        let path = match inner {
            _ if inner.eq_ignore_ascii_case("postmaster") => ForwardPath::Postmaster,
            _ => ForwardPath::Address(address(inner)?),
        };
        Ok((path, rest))
    }

    /// The address, unless it is `<postmaster>`.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Address(address) => Some(address),
        }
    }
}

/// As SMTP writes it, with the brackets.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Address(address) => write!(f, "<{address}>"),
        }
    }
}

/// As SMTP writes it, with the brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<postmaster>"),
            ForwardPath::Address(address) => write!(f, "<{address}>"),
        }
    }
}

/// True when a path as the peer wrote it can only be carried with SMTPUTF8 (RFC 6531 3.2: a domain
/// in Unicode too).
pub(crate) fn is_international(address: Option<&Address>) -> bool {
    address.is_some_and(|a| a.needs_smtputf8() || !a.domain().as_given().is_ascii())
}

/// Splits `<...> rest` at the `>` that is outside quotes.
fn split(text: &str) -> Result<(&str, &str), PathError> {
    let inner = text.strip_prefix('<').ok_or(PathError::NoBracket)?;
    let mut quoted = false;
    let mut escaped = false;
    let end = inner.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return true,
            _ => {}
        }
        false
    });
    let (inner, rest) = end.and_then(|at| inner.split_at_checked(at)).ok_or(PathError::Unclosed)?;
    match rest.strip_prefix('>') {
        Some("") => Ok((inner, "")),
        Some(rest) if rest.starts_with(' ') => Ok((inner, rest)),
        _ => Err(PathError::NoSpace),
    }
}

/// Reads an address that a source route may precede.
fn address(inner: &str) -> Result<Address, PathError> {
    let mailbox = match inner.starts_with('@') {
        true => without_route(inner)?,
        false => inner,
    };
    if mailbox.len() + 2 > limits::PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    Ok(Address::parse(mailbox)?)
}

/// RFC 5321 4.1.1.3 and appendix C: source routes (`<@a,@b:c@d>`) are accepted, and ignored.
fn without_route(inner: &str) -> Result<&str, PathError> {
    // The colon of an `[IPv6:...]` literal stands in brackets.
    let mut in_literal = false;
    let colon = inner.bytes().position(|byte| {
        match byte {
            b'[' => in_literal = true,
            b']' => in_literal = false,
            b':' if !in_literal => return true,
            _ => {}
        }
        false
    });
    let (route, mailbox) =
        colon.and_then(|at| inner.split_at_checked(at)).ok_or(PathError::Route)?;
    let is_hop = |hop: &str| {
        hop.strip_prefix('@').is_some_and(|d| !d.is_empty() && !d.contains(['@', '"', ' ', '<']))
    };
    if !route.split(',').all(is_hop) {
        return Err(PathError::Route);
    }
    Ok(mailbox.strip_prefix(':').unwrap_or(mailbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<(&str, &str), PathError>) {
        let got = ForwardPath::parse(text).map(|(path, rest)| (path.to_string(), rest));
        assert_eq!(got, want.map(|(path, rest)| (path.to_string(), rest)), "{text}");
    }

    #[test]
    fn forward_paths() {
        check("<a@b.example>", Ok(("<a@b.example>", "")));
        check("<a@b.example> X=1", Ok(("<a@b.example>", " X=1")));
        check("<PostMaster>", Ok(("<postmaster>", "")));
        check("<postmaster@b.example>", Ok(("<postmaster@b.example>", "")));
        check("<\"a>b\"@c.example>", Ok(("<\"a>b\"@c.example>", "")));
        check("<\"a\\\">b\"@c.example>", Ok(("<\"a\\\">b\"@c.example>", "")));
        check("<a@[192.0.2.1]>", Ok(("<a@[192.0.2.1]>", "")));
        check("<a@[IPv6:2001:db8::1]>", Ok(("<a@[IPv6:2001:db8::1]>", "")));
        check("<jörg@bücher.example>", Ok(("<jörg@bücher.example>", "")));
        check("<>", Err(PathError::Address(AddressError::NoAt)));
        check("<a>", Err(PathError::Address(AddressError::NoAt)));
        check("a@b.example", Err(PathError::NoBracket));
        check("", Err(PathError::NoBracket));
        check("<a@b.example", Err(PathError::Unclosed));
        check("<\"a@b.example>", Err(PathError::Unclosed));
        check("<a@b.example>X=1", Err(PathError::NoSpace));
        check("<a@b.example>>", Err(PathError::NoSpace));
        check("<a b@c.example>", Err(PathError::Address(AddressError::LocalPartCharacter)));
        check("< a@c.example>", Err(PathError::Address(AddressError::LocalPartCharacter)));
    }

    #[test]
    fn source_routes_are_ignored() {
        check("<@x.example:a@b.example>", Ok(("<a@b.example>", "")));
        check("<@x.example,@[IPv6:::1]:a@b.example>", Ok(("<a@b.example>", "")));
        check("<@x.example:>", Err(PathError::Address(AddressError::NoAt)));
        check("<@x.example>", Err(PathError::Route));
        check("<@:a@b.example>", Err(PathError::Route));
        check("<@x,y:a@b.example>", Err(PathError::Route));
        check("<@x,:a@b.example>", Err(PathError::Route));
    }

    #[test]
    fn reverse_paths() {
        assert_eq!(ReversePath::parse("<>"), Ok((ReversePath::Null, "")));
        assert_eq!(ReversePath::parse("<> SIZE=1"), Ok((ReversePath::Null, " SIZE=1")));
        let (path, _) = ReversePath::parse("<a@b.example>").unwrap();
        assert_eq!(path.address().map(ToString::to_string).as_deref(), Some("a@b.example"));
    }

    #[test]
    fn the_longest_path() {
        let local = "a".repeat(limits::LOCAL_PART_BYTES_MAX);
        let labels = "b".repeat(60) + ".";
        let domain = labels.repeat(4) + "example";
        let path = format!("<{local}@{domain}>");
        check(&path, Ok((&path, "")));
        let long = format!("<{}@{}>", "a".repeat(65), "b".repeat(255));
        check(&long, Err(PathError::TooLong));
    }
}
