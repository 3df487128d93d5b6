//! SCRAM's messages (RFC 5802 7): attributes `x=value` separated by commas.

use super::keys::HASH_LEN;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Why a SCRAM exchange failed on our checks. `Display` gives RFC 5802 7's `server-error-value`
/// where one fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The message breaks the grammar.
    #[error("invalid-encoding")]
    Encoding,
    /// A name with a bare `=` or an empty one.
    #[error("invalid-username-encoding")]
    NameEncoding,
    /// An `m=` attribute: RFC 5802 5.1 demands failure.
    #[error("extensions-not-supported")]
    MandatoryExtension,
    /// `y` although we offer -PLUS: somebody took it out of our list (RFC 5802 6).
    #[error("server-does-support-channel-binding")]
    Downgrade,
    /// A -PLUS mechanism without `p`, or `p` with the plain one.
    #[error("channel-binding-not-supported")]
    BindingFlag,
    /// A channel binding type that this connection cannot offer.
    #[error("unsupported-channel-binding-type")]
    BindingType,
    /// `c=` is not the header and binding data it must be.
    #[error("channel-bindings-dont-match")]
    BindingMismatch,
    /// The nonce is not the one that was agreed on.
    #[error("other-error")]
    Nonce,
}

/// RFC 5802 7, `gs2-cbind-flag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BindingFlag {
    /// `n`: the client cannot bind.
    Unsupported,
    /// `y`: the client can, and believes that we cannot.
    NotOffered,
    /// `p=type`.
    Bound(Box<[u8]>),
}

/// `client-first-message`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    /// With its closing comma.
    pub(super) gs2_header: &'a [u8],
    pub(super) flag: BindingFlag,
    /// Unescaped, not prepared.
    pub(super) authzid: Option<Vec<u8>>,
    /// From `n=` to the end.
    pub(super) bare: &'a [u8],
    /// Unescaped, not prepared.
    pub(super) name: Vec<u8>,
    pub(super) nonce: &'a [u8],
}

/// `client-final-message`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    pub(super) without_proof: &'a [u8],
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a [u8],
    pub(super) proof: [u8; HASH_LEN],
}

fn split_comma(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b',', bytes)?;
    let (head, tail) = bytes.split_at_checked(at)?;
    Some((head, tail.get(1..)?))
}

/// The value of the attribute that must stand here.
pub(super) fn value(attribute: &[u8], name: u8) -> Result<&[u8], ScramError> {
    match attribute {
        // RFC 5802 5.1: refused wherever it stands.
        [b'm', b'=', ..] => Err(ScramError::MandatoryExtension),
        [found, b'=', value @ ..] if *found == name && !value.is_empty() => Ok(value),
        _ => Err(ScramError::Encoding),
    }
}

/// Optional extensions are ignored (RFC 5802 5.1), but must look like `x=value`.
pub(super) fn check_extension(attribute: &[u8]) -> Result<(), ScramError> {
    match attribute {
        [b'm', b'=', ..] => Err(ScramError::MandatoryExtension),
        [name, b'=', value @ ..]
            if name.is_ascii_alphabetic() && !value.is_empty() && !value.contains(&0) =>
        {
            Ok(())
        }
        _ => Err(ScramError::Encoding),
    }
}

/// RFC 5802 7 `printable`: what a nonce is made of.
pub(super) fn is_nonce(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_graphic() && *b != b',')
}

/// `saslname`: `=2C` and `=3D` stand for comma and equals sign, any other `=` is an error.
pub(super) fn unescape(name: &[u8]) -> Result<Vec<u8>, ScramError> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    loop {
        rest = match rest {
            [] if out.is_empty() => return Err(ScramError::NameEncoding),
            [] => return Ok(out),
            [b'=', b'2', b'C', tail @ ..] => {
                out.push(b',');
                tail
            }
            [b'=', b'3', b'D', tail @ ..] => {
                out.push(b'=');
                tail
            }
            [b'=' | 0, ..] => return Err(ScramError::NameEncoding),
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// Writes a name as `saslname`.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(text).map_err(|_| ScramError::Encoding)
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, ScramError> {
        let (flag, after_flag) = split_comma(message).ok_or(ScramError::Encoding)?;
        let (authzid, bare) = split_comma(after_flag).ok_or(ScramError::Encoding)?;
        let flag = match flag {
            b"n" => BindingFlag::Unsupported,
            b"y" => BindingFlag::NotOffered,
            [b'p', b'=', name @ ..] if !name.is_empty() => BindingFlag::Bound(name.into()),
            _ => return Err(ScramError::Encoding),
        };
        let authzid = match authzid {
            [] => None,
            attribute => Some(unescape(value(attribute, b'a')?)?),
        };
        let header_len = message.len() - bare.len();
        let mut attributes = bare.split(|&b| b == b',');
        let name = value(attributes.next().unwrap_or_default(), b'n')?;
        let nonce = value(attributes.next().unwrap_or_default(), b'r')?;
        if !is_nonce(nonce) {
            return Err(ScramError::Encoding);
        }
        attributes.try_for_each(check_extension)?;
        Ok(ClientFirst {
            gs2_header: message.get(..header_len).unwrap_or_default(),
            flag,
            authzid,
            bare,
            name: unescape(name)?,
            nonce,
        })
    }
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, ScramError> {
        // The proof is last, and base64 holds no comma.
        let at = memchr::memrchr(b',', message).ok_or(ScramError::Encoding)?;
        let (without_proof, proof) = message.split_at_checked(at).ok_or(ScramError::Encoding)?;
        let proof = decode(value(proof.get(1..).unwrap_or_default(), b'p')?)?;
        let mut attributes = without_proof.split(|&b| b == b',');
        let binding = decode(value(attributes.next().unwrap_or_default(), b'c')?)?;
        let nonce = value(attributes.next().unwrap_or_default(), b'r')?;
        attributes.try_for_each(check_extension)?;
        let proof = proof.try_into().map_err(|_| ScramError::Encoding)?;
        Ok(ClientFinal { without_proof, binding, nonce, proof })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_first_messages() {
        #[track_caller]
        fn check(message: &str, want: Result<(&str, &str), ScramError>) {
            let got = ClientFirst::parse(message.as_bytes());
            let got = got.map(|m| (m.name, m.nonce.to_vec()));
            let want = want.map(|(n, r)| (n.as_bytes().to_vec(), r.as_bytes().to_vec()));
            assert_eq!(got, want, "{message}");
        }
        check("n,,n=user,r=abc", Ok(("user", "abc")));
        check("y,a=x,n=user,r=abc,x=1,y=a=b", Ok(("user", "abc")));
        check("p=tls-exporter,,n=u,r=~", Ok(("u", "~")));
        check("n,,n=a=2Cb=3Dc,r=x", Ok(("a,b=c", "x")));
        check("n,,n=a=2cb,r=x", Err(ScramError::NameEncoding));
        check("n,,n=a=,r=x", Err(ScramError::NameEncoding));
        check("n,,n=a=3,r=x", Err(ScramError::NameEncoding));
        check("n,a==2,n=a,r=x", Err(ScramError::NameEncoding));
        check("n,,n=a\0,r=x", Err(ScramError::NameEncoding));
        check("n,,m=1,n=user,r=abc", Err(ScramError::MandatoryExtension));
        check("n,,n=user,r=abc,m=1", Err(ScramError::MandatoryExtension));
        check("n,,n=,r=abc", Err(ScramError::Encoding));
        check("n,,n=user,r=", Err(ScramError::Encoding));
        check("n,,n=user,r=a b", Err(ScramError::Encoding));
        check("n,,r=abc,n=user", Err(ScramError::Encoding));
        check("n,,n=user", Err(ScramError::Encoding));
        check("n,n=user,r=abc", Err(ScramError::Encoding));
        check("x,,n=user,r=abc", Err(ScramError::Encoding));
        check("p=,,n=user,r=abc", Err(ScramError::Encoding));
        check("n,,n=user,r=abc,", Err(ScramError::Encoding));
        check("n,,n=user,r=abc,xx=1", Err(ScramError::Encoding));
        check("", Err(ScramError::Encoding));
    }

    #[test]
    fn client_final_messages() {
        let proof = encode(&[7; 32]);
        #[track_caller]
        fn check(message: &str, want: Result<(), ScramError>) {
            let got = ClientFinal::parse(message.as_bytes()).map(|_| ());
            assert_eq!(got, want, "{message}");
        }
        check(&format!("c=biws,r=abc,p={proof}"), Ok(()));
        check(&format!("c=biws,r=abc,x=y,p={proof}"), Ok(()));
        check(&format!("c=biws,r=abc,m=y,p={proof}"), Err(ScramError::MandatoryExtension));
        check(&format!("c=biws,r=abc,p={proof},x=y"), Err(ScramError::Encoding));
        check("c=biws,r=abc,p=AAAA", Err(ScramError::Encoding));
        check(&format!("c=b!ws,r=abc,p={proof}"), Err(ScramError::Encoding));
        check(&format!("r=abc,c=biws,p={proof}"), Err(ScramError::Encoding));
        check("c=biws,r=abc", Err(ScramError::Encoding));
        check("", Err(ScramError::Encoding));
    }

    #[test]
    fn names_return_from_their_escapes() {
        let name = "a,b=c=2C";
        assert_eq!(unescape(escape(name).as_bytes()).unwrap(), name.as_bytes());
    }
}
