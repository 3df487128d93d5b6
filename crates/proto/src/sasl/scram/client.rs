//! SCRAM, the client's side: for sending through another server, and to test ours.
//!
//! Each message has a type of its own, so that none can be skipped: [`AwaitFirst::start`] gives the
//! client-first message, [`AwaitFirst::server_first`] the final one, and
//! [`AwaitFinal::server_final`] says whether the *server* proved that it knows the password.

use super::keys::{Derived, HASH_LEN, derive_all, mac, xor};
use super::message::{self, ScramError};
use crate::sasl::Secret;
use crate::sasl::prepare::{PrepareError, prepare};
use aws_lc_rs::constant_time;
use posthorn_base::limits;
use std::num::NonZeroU32;

/// Why the exchange failed on our side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Name or password cannot be used.
    #[error("name or password: {0}")]
    Prepare(#[from] PrepareError),
    /// The server's message breaks the grammar or the nonce is not ours.
    #[error("the server's message is wrong: {0}")]
    Message(#[from] ScramError),
    /// Fewer iterations than are safe, or more than we are willing to compute.
    #[error("the server asks for {0} iterations")]
    Iterations(u32),
    /// The server does not know our password: it is not the one it claims to be.
    #[error("the server did not prove that it knows the password")]
    ServerSignature,
    /// The server said `e=`.
    #[error("the server refused: {0}")]
    Refused(String),
}

/// What the client knows of channel binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding<'a> {
    /// We cannot bind: `n`.
    Unsupported,
    /// We can, but the server did not offer -PLUS: `y`.
    NotOffered,
    /// Bind: `p=name`, with its data.
    Bound {
        /// For instance `tls-exporter`.
        name: &'a str,
        /// See [`crate::sasl::ChannelBindings`].
        data: &'a [u8],
    },
}

/// The client-first message is sent.
#[derive(Debug)]
pub struct AwaitFirst {
    password: Secret,
    gs2_header: String,
    binding: Vec<u8>,
    bare: String,
    nonce: String,
}

/// The client-final message is sent.
#[derive(Debug)]
pub struct AwaitFinal {
    signature: [u8; HASH_LEN],
}

impl AwaitFirst {
    /// Starts an exchange and gives the client-first message. `nonce` comes from a strong source.
    pub fn start(
        authcid: &str,
        authzid: Option<&str>,
        password: Secret,
        binding: Binding<'_>,
        nonce: &[u8; 18],
    ) -> Result<(AwaitFirst, Vec<u8>), ClientError> {
        Self::start_with(authcid, authzid, password, binding, message::encode(nonce))
    }

    fn start_with(
        authcid: &str,
        authzid: Option<&str>,
        password: Secret,
        binding: Binding<'_>,
        nonce: String,
    ) -> Result<(AwaitFirst, Vec<u8>), ClientError> {
        let name = message::escape(&prepare(authcid)?);
        let authzid = authzid.map(prepare).transpose()?;
        let authzid = authzid.map(|a| format!("a={}", message::escape(&a))).unwrap_or_default();
        let (flag, binding) = match binding {
            Binding::Unsupported => ("n".to_owned(), Vec::new()),
            Binding::NotOffered => ("y".to_owned(), Vec::new()),
            Binding::Bound { name, data } => (format!("p={name}"), data.to_vec()),
        };
        let gs2_header = format!("{flag},{authzid},");
        let bare = format!("n={name},r={nonce}");
        let first = format!("{gs2_header}{bare}").into_bytes();
        Ok((AwaitFirst { password, gs2_header, binding, bare, nonce }, first))
    }

    /// Takes the server-first message and gives the client-final one. Computes the iterations.
    pub fn server_first(self, first: &[u8]) -> Result<(AwaitFinal, Vec<u8>), ClientError> {
        let mut attributes = first.split(|&b| b == b',');
        let nonce = message::value(attributes.next().unwrap_or_default(), b'r')?;
        let salt = message::value(attributes.next().unwrap_or_default(), b's')?;
        let iterations = message::value(attributes.next().unwrap_or_default(), b'i')?;
        attributes.try_for_each(message::check_extension)?;
        // RFC 5802 5.1: the server's nonce starts with ours; we also want it to add something.
        let added = nonce.strip_prefix(self.nonce.as_bytes()).ok_or(ScramError::Nonce)?;
        if !message::is_nonce(added) {
            return Err(ScramError::Nonce.into());
        }
        let salt = message::decode(salt)?;
        let iterations = iteration_count(iterations)?;
        let Derived { client_key, stored_key, server_key } =
            derive_all(self.password.expose(), &salt, iterations)?;

        let binding = message::encode(&[self.gs2_header.as_bytes(), &self.binding].concat());
        let without_proof = [b"c=", binding.as_bytes(), b",r=", nonce].concat();
        let auth_message = [self.bare.as_bytes(), first, &without_proof].join(&b',');
        let proof = message::encode(&xor(&client_key, &mac(&stored_key, &auth_message)));
        let last = [&without_proof, b",p=".as_slice(), proof.as_bytes()].concat();
        Ok((AwaitFinal { signature: mac(&server_key, &auth_message) }, last))
    }
}

fn iteration_count(text: &[u8]) -> Result<NonZeroU32, ClientError> {
    let bad = ClientError::Message(ScramError::Encoding);
    if text.starts_with(b"0") || !text.iter().all(u8::is_ascii_digit) {
        return Err(bad);
    }
    let text = std::str::from_utf8(text).unwrap_or_default();
    // Digits alone: what does not parse is too large.
    let count = text.parse().unwrap_or(u32::MAX);
    let range = limits::SCRAM_CLIENT_ITERATIONS_MIN..=limits::SCRAM_CLIENT_ITERATIONS_MAX;
    if !range.contains(&count) {
        return Err(ClientError::Iterations(count));
    }
    NonZeroU32::new(count).ok_or(bad)
}

impl AwaitFinal {
    /// Takes the server-final message.
    pub fn server_final(self, last: &[u8]) -> Result<(), ClientError> {
        let mut attributes = last.split(|&b| b == b',');
        let verdict = attributes.next().unwrap_or_default();
        if let [b'e', b'=', reason @ ..] = verdict {
            return Err(ClientError::Refused(String::from_utf8_lossy(reason).into_owned()));
        }
        let signature = message::decode(message::value(verdict, b'v')?)?;
        attributes.try_for_each(message::check_extension)?;
        constant_time::verify_slices_are_equal(&signature, &self.signature)
            .map_err(|_| ClientError::ServerSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn start() -> AwaitFirst {
        let (password, nonce) = (Secret::new("pencil".into()), "rOprNGfwEbeRWgbNEkqO".into());
        let (client, first) =
            AwaitFirst::start_with("user", None, password, Binding::Unsupported, nonce).unwrap();
        assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        client
    }

    #[test]
    fn rfc_7677_section_3() {
        let (client, last) = start().server_first(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(last).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(client.server_final(last), Ok(()));
    }

    #[test]
    fn servers_that_are_not_believed() {
        #[track_caller]
        fn check(first: &str, want: ClientError) {
            let got = start().server_first(first.as_bytes());
            assert_eq!(got.map(|_| ()), Err(want), "{first}");
        }
        check("r=other,s=AAAA,i=4096", ScramError::Nonce.into());
        check("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", ScramError::Nonce.into());
        check("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4095", ClientError::Iterations(4095));
        check("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1000001", ClientError::Iterations(1_000_001));
        check("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=99999999999", ClientError::Iterations(u32::MAX));
        check("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=04096", ScramError::Encoding.into());
        check("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA", ScramError::Encoding.into());
        check("m=1,r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4096", ScramError::MandatoryExtension.into());

        let answer = |last: &[u8]| {
            let (client, _) = start().server_first(SERVER_FIRST.as_bytes()).unwrap();
            client.server_final(last)
        };
        let wrong = answer(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(wrong, Err(ClientError::ServerSignature));
        assert_eq!(answer(b"v=AAAA"), Err(ClientError::ServerSignature));
        assert_eq!(answer(b"e=other-error"), Err(ClientError::Refused("other-error".into())));
        assert_eq!(answer(b""), Err(ScramError::Encoding.into()));
    }
}
