//! Continuations put together, but not decoded: what IMAP hands on.

use super::decode::{Name, Piece, continued};
use super::{Parameter, ParameterList};

impl ParameterList {
    /// The parameters with each continued one as a whole (RFC 2231 6 asks IMAP servers for it):
    /// `name*0` and `name*1` become `name`; where a section is extended, `name*` with the charset
    /// in front and the sections that were not extended percent-encoded. A continued parameter
    /// stands where its first section stood. Sections behind a gap are left out.
    pub fn joined(&self) -> Vec<Parameter> {
        let mut out = Vec::with_capacity(self.parameters.len());
        let mut seen: Vec<&[u8]> = Vec::new();
        for parameter in &self.parameters {
            let name = Name::parse(&parameter.name);
            if name.section.is_none() {
                out.push(parameter.clone());
            } else if !seen.iter().any(|seen| seen.eq_ignore_ascii_case(name.base)) {
                seen.push(name.base);
                out.extend(self.join(name.base));
            }
        }
        out
    }

    fn join(&self, base: &[u8]) -> Option<Parameter> {
        let names = self.parameters.iter().map(|p| (Name::parse(&p.name), &*p.value));
        let pieces = names.filter(|(name, _)| name.base.eq_ignore_ascii_case(base)).filter_map(
            |(name, value)| {
                Some(Piece { section: name.section?, is_extended: name.is_extended, value })
            },
        );
        let pieces = continued(pieces.collect())?;
        let is_extended = pieces.iter().any(|piece| piece.is_extended);
        let mut name = base.to_vec();
        let mut value = Vec::new();
        if is_extended {
            name.push(b'*');
            if pieces.first().is_some_and(|piece| !piece.is_extended) {
                value.extend_from_slice(b"''");
            }
        }
        for piece in pieces {
            if is_extended && !piece.is_extended {
                percent_encode(piece.value, &mut value);
            } else {
                value.extend_from_slice(piece.value);
            }
        }
        Some(Parameter { name: name.into(), value: value.into() })
    }
}

/// RFC 2231 7 `attribute-char`s stand for themselves.
fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations() {
        #[track_caller]
        fn check(wire: &str, want: &[(&str, &str)]) {
            let list = ParameterList::parse(wire.as_bytes());
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let got: Vec<_> =
                list.joined().iter().map(|p| (text(&p.name), text(&p.value))).collect();
            let want: Vec<_> = want.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            assert_eq!(got, want, "{wire}");
        }
        check("x; a=1; b=2", &[("a", "1"), ("b", "2")]);
        check("x; a*0=1; b=2; a*1=3", &[("a", "13"), ("b", "2")]);
        check("x; a*1=3; a*0=1", &[("a", "13")]);
        check("x; a*0*=utf-8''%41; a*1=\"b c\"; a*2*=%44", &[("a*", "utf-8''%41b%20c%44")]);
        check("x; a*0=b; a*1*=%44", &[("a*", "''b%44")]);
        check("x; a*=utf-8''b", &[("a*", "utf-8''b")]);
        check("x; a*0=1; a*2=3", &[("a", "1")]);
        check("x; a*0=1; A*1=2", &[("a", "12")]);
    }
}
