//! TLS: certificates chosen by name, reload without a restart, and what a session says of itself.
//!
//! TLS 1.2 and 1.3 by rustls with aws-lc-rs; the hybrid post-quantum key exchange X25519MLKEM768
//! comes first. No 0-RTT: early data can be replayed, and a replayed MAIL or DELE is no joke.
//!
//! Invariants
//! * There is one cryptographic provider, [`provider`], handed to whoever needs one.
//! * A reload loads everything or changes nothing: a server never loses the certificates it has.
//! * Session tickets stay valid across a reload, since their key lives as long as [`Tls`].
//! * Client certificates are asked for only where the listener says so: servers that deliver mail
//!   may present certificates of any authority, and must not be turned away for it.

mod binding;
mod certificates;
mod client;
mod load;
mod self_signed;
mod session;

pub use certificates::CertificateSet;
pub use client::{ClientCertificate, UserCertificate, UserCertificateError};
pub use load::{CertificateError, CertificateFiles, CertificateWarning, LoadedCertificate};
pub use self_signed::{SelfSigned, SelfSignedError};
pub use session::TlsInfo;

use arc_swap::ArcSwap;
use certificates::Choice;
use posthorn_base::Time;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The cryptography of the process. The first call also makes it the default of rustls, so that a
/// library that builds a configuration of its own cannot bring in another one.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        // An error means that a default is installed already; ours is passed explicitly anyway.
        let _ = provider.clone().install_default();
        Arc::new(provider)
    });
    Arc::clone(&PROVIDER)
}

/// Plaintext waiting to be encrypted, per connection.
const SEND_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The self-signed certificate cannot be made or read.
    #[error(transparent)]
    SelfSigned(#[from] SelfSignedError),
    /// No certificate is configured and none is to be made.
    #[error("no certificate is configured")]
    NoCertificate,
    /// rustls refuses the configuration.
    #[error("TLS cannot be configured: {0}")]
    Rustls(#[from] rustls::Error),
    /// The authorities for client certificates cannot be used.
    #[error("the certificates in {path} cannot verify client certificates: {reason}")]
    ClientAuthorities {
        /// The file.
        path: PathBuf,
        /// What the verifier says.
        reason: String,
    },
}

/// `[tls]` - certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificates with their keys, as PEM files. Each serves the names in it; the first also
    /// serves clients that ask for another name or none. Two for the same name (RSA and ECDSA) are
    /// chosen between by what the client can verify. Without any, a self-signed one is made.
    pub certificates: Vec<CertificateFiles>,
    /// PEM file with the authorities whose client certificates may log in (SASL EXTERNAL), on the
    /// listeners where users log in. Without it, clients are not asked for certificates.
    pub client_authorities: Option<PathBuf>,
}

/// What a listener offers in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The protocol's ALPN identifier. A client that offers only others is refused (it has been led
    /// to the wrong port); one that offers none is served.
    pub alpn: Alpn,
    /// Ask for a client certificate, if authorities are configured.
    pub client_certificate: bool,
}

/// The protocols by their ALPN identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// SMTP, for mail and for submission. Not registered, but what the clients that offer any use.
    Smtp,
    /// POP3 (registered by RFC 2595).
    Pop3,
    /// IMAP (registered by RFC 2595).
    Imap,
    /// ManageSieve (registered by RFC 5804).
    ManageSieve,
}

impl Alpn {
    /// The identifier on the wire.
    pub const fn id(self) -> &'static [u8] {
        match self {
            Alpn::Smtp => b"smtp",
            Alpn::Pop3 => b"pop3",
            Alpn::Imap => b"imap",
            Alpn::ManageSieve => b"managesieve",
        }
    }
}

/// What one load brought in.
struct Current {
    certificates: Arc<CertificateSet>,
    /// True when tickets may be about that were given out under other certificates.
    has_replaced: bool,
    /// For listeners that ask for no client certificate.
    plain: ServerConfig,
    /// For listeners that do. `None` when no authorities are configured.
    asking: Option<ServerConfig>,
}

/// The server side of TLS, for all listeners.
pub struct Tls {
    current: ArcSwap<Current>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.current.load().certificates).finish()
    }
}

impl Tls {
    /// Loads the certificates of `config`; without any, the one of `fallback`. Reads files: call it
    /// before the server serves, or from a thread that may block.
    pub fn load(
        config: &TlsConfig,
        fallback: Option<&SelfSigned>,
        now: Time,
    ) -> Result<(Self, Vec<CertificateWarning>), TlsError> {
        let ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        let (current, warnings) = Current::load(config, fallback, &ticketer, now)?;
        Ok((Tls { current: ArcSwap::from_pointee(current), ticketer }, warnings))
    }

    /// Loads everything again. On an error nothing changes: new connections are served with what
    /// was there before. Connections that are open keep what they have.
    pub fn reload(
        &self,
        config: &TlsConfig,
        fallback: Option<&SelfSigned>,
        now: Time,
    ) -> Result<Vec<CertificateWarning>, TlsError> {
        let (mut current, warnings) = Current::load(config, fallback, &self.ticketer, now)?;
        let before = self.current.load();
        current.has_replaced =
            before.has_replaced || !before.certificates.is_same(&current.certificates);
        self.current.store(Arc::new(current));
        Ok(warnings)
    }

    /// The certificates in use.
    pub fn certificates(&self) -> Arc<CertificateSet> {
        Arc::clone(&self.current.load().certificates)
    }

    /// True when clients can log in with a certificate (announces SASL EXTERNAL).
    pub fn asks_for_client_certificates(&self) -> bool {
        self.current.load().asking.is_some()
    }

    /// Makes the handshake. The caller sets the deadline: dropping the future ends it.
    pub async fn accept(
        &self,
        stream: TcpStream,
        offer: Offer,
    ) -> std::io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let current = self.current.load_full();
        let (config, choice) = current.for_connection(offer);
        let accept = TlsAcceptor::from(config).accept_with(stream, |connection| {
            connection.set_buffer_limit(Some(SEND_BUFFER_BYTES_MAX));
        });
        let stream = accept.await?;
        let session = stream.get_ref().1;
        // A client that returns with a ticket knows the certificate of its first visit, which may
        // not be the one that is chosen today.
        let is_resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        let shown = choice.chosen().filter(|_| !(is_resumed && current.has_replaced));
        let info = TlsInfo::of(session, shown);
        Ok((stream, info))
    }
}

impl Current {
    fn load(
        config: &TlsConfig,
        fallback: Option<&SelfSigned>,
        ticketer: &Arc<dyn ProducesTickets>,
        now: Time,
    ) -> Result<(Self, Vec<CertificateWarning>), TlsError> {
        let mut loaded = Vec::new();
        for files in &config.certificates {
            loaded.push(files.load(now)?);
        }
        if loaded.is_empty() {
            loaded.push(fallback.ok_or(TlsError::NoCertificate)?.load_or_make(now)?);
        }
        let warnings = loaded.iter_mut().flat_map(|each| std::mem::take(&mut each.warnings));
        let warnings = warnings.collect();
        let certificates = Arc::new(CertificateSet::new(loaded));
        let provider = provider();
        let asking = match &config.client_authorities {
            Some(path) => {
                let verifier = client::verifier(path, &provider)?;
                let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
                    .with_safe_default_protocol_versions()?
                    .with_client_cert_verifier(verifier)
                    .with_cert_resolver(Choice::among(Arc::clone(&certificates)));
                Some(with_tickets(builder, ticketer))
            }
            None => None,
        };
        let plain = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Choice::among(Arc::clone(&certificates)));
        let plain = with_tickets(plain, ticketer);
        Ok((Current { certificates, has_replaced: false, plain, asking }, warnings))
    }

    /// A configuration of the connection's own, since rustls tells the certificate that it presents
    /// only to the resolver, and channel binding needs it. Copying one is a handful of references.
    fn for_connection(&self, offer: Offer) -> (Arc<ServerConfig>, Arc<Choice>) {
        let base = match &self.asking {
            Some(asking) if offer.client_certificate => asking,
            _ => &self.plain,
        };
        let choice = Choice::among(Arc::clone(&self.certificates));
        let mut config = base.clone();
        config.cert_resolver = Arc::clone(&choice) as Arc<dyn rustls::server::ResolvesServerCert>;
        config.alpn_protocols = vec![offer.alpn.id().to_vec()];
        (Arc::new(config), choice)
    }
}

fn with_tickets(mut config: ServerConfig, ticketer: &Arc<dyn ProducesTickets>) -> ServerConfig {
    // Tickets hold the session on the client's side: nothing grows here with the number of clients.
    config.ticketer = Arc::clone(ticketer);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // RFC 8446 2.3: early data is not protected against replay. 0 is the default; it stays 0.
    config.max_early_data_size = 0;
    config
}

#[cfg(test)]
pub(crate) mod tests;
