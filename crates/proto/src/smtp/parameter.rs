//! Parameters of MAIL and RCPT: their common syntax (RFC 5321 4.1.2 `esmtp-param`) and xtext
//! (RFC 3461 4).

use super::reply::Reply;

/// Why parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not `keyword` or `keyword=value`.
    #[error("a parameter is written keyword=value")]
    Syntax,
    /// A keyword that the command does not have.
    #[error("the parameter is not known")]
    Unknown,
    /// The same keyword twice.
    #[error("the parameter is given twice")]
    Repeated,
    /// A value that the parameter cannot have.
    #[error("the parameter's value is not valid")]
    Value,
    /// A value that the standard has and we don't offer.
    #[error("the parameter's value is not implemented")]
    NotImplemented,
}

impl ParameterError {
    /// What the peer is told.
    pub fn reply(self) -> Reply {
        match self {
            ParameterError::Syntax | ParameterError::Value => Reply::BAD_PARAMETER,
            ParameterError::Unknown => Reply::UNKNOWN_PARAMETER,
            ParameterError::Repeated => Reply::REPEATED_PARAMETER,
            ParameterError::NotImplemented => Reply::PARAMETER_NOT_IMPLEMENTED,
        }
    }
}

/// One parameter, not yet understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    pub(crate) keyword: &'a str,
    pub(crate) value: Option<&'a str>,
}

impl<'a> Parameter<'a> {
    /// True when this is the parameter of that name.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }
    /// The value of a parameter that must have one.
    pub(crate) fn value(&self) -> Result<&'a str, ParameterError> {
        self.value.ok_or(ParameterError::Value)
    }
    /// Checks that a parameter which has no value has none.
    pub(crate) fn no_value(&self) -> Result<(), ParameterError> {
        self.value.map_or(Ok(()), |_| Err(ParameterError::Value))
    }
}

/// Reads the parameters that stand behind a path. More than one space between them is tolerated.
pub(crate) fn parse(text: &str) -> impl Iterator<Item = Result<Parameter<'_>, ParameterError>> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        // RFC 5321 4.1.2: a keyword is letters, digits and hyphens, and begins with no hyphen; a
        // value is visible and has no `=` (RFC 6531 3.3 adds UTF-8).
        let keyword_is_good = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        // An `=` within a value breaks the grammar, but ENVIDs with one are sent: xtext refuses it
        // where it matters, and elsewhere no value of ours contains it.
        let value_is_good = value.is_none_or(|v| !v.is_empty());
        match keyword_is_good && value_is_good {
            true => Ok(Parameter { keyword, value }),
            false => Err(ParameterError::Syntax),
        }
    })
}

/// Puts a value into its place, unless it stood there already.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ParameterError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParameterError::Repeated),
    }
}

/// Reads a number of at most 20 digits (RFC 1870 6). One that overflows is an error, never a
/// wrapped or clipped size.
pub(crate) fn number(text: &str) -> Result<u64, ParameterError> {
    if text.is_empty() || text.len() > 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParameterError::Value);
    }
    text.parse().map_err(|_| ParameterError::Value)
}

/// True for well-formed xtext (RFC 3461 4): visible ASCII without `+` and `=`, and `+XX` in
/// capitals.
pub(crate) fn is_xtext(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'+' => [bytes.next(), bytes.next()]
                .iter()
                .all(|b| matches!(b, Some(b'0'..=b'9' | b'A'..=b'F'))),
            b'=' => false,
            _ => (0x21..=0x7e).contains(&byte),
        };
        if !good {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        #[track_caller]
        fn check(text: &str, want: Result<&[(&str, Option<&str>)], ParameterError>) {
            let got: Result<Vec<_>, _> =
                parse(text).map(|p| p.map(|p| (p.keyword, p.value))).collect();
            assert_eq!(got.as_deref().map_err(|e| *e), want, "{text:?}");
        }
        check("", Ok(&[]));
        check(" SIZE=1  SMTPUTF8", Ok(&[("SIZE", Some("1")), ("SMTPUTF8", None)]));
        check(" A-1=b=c", Ok(&[("A-1", Some("b=c"))]));
        check(" =1", Err(ParameterError::Syntax));
        check(" SIZE=", Err(ParameterError::Syntax));
        check(" -A=1", Err(ParameterError::Syntax));
        check(" A_B=1", Err(ParameterError::Syntax));
        check(" é=1", Err(ParameterError::Syntax));
    }

    #[test]
    fn numbers() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("18446744073709551615"), Ok(u64::MAX));
        for bad in ["", "18446744073709551616", "000000000000000000001", "-1", "+1", "1k", " 1"] {
            assert_eq!(number(bad), Err(ParameterError::Value), "{bad}");
        }
    }

    #[test]
    fn xtext() {
        for good in ["", "a", "a+2Bb", "!~", "+00"] {
            assert!(is_xtext(good), "{good}");
        }
        for bad in ["a=b", "+", "+2", "+2b", "+G0", "a b", "é", "a+2", "\u{7f}"] {
            assert!(!is_xtext(bad), "{bad}");
        }
    }
}
