//! What a TLS session says of itself: for Received fields, stories, logs and SASL.

use super::{ClientCertificate, binding};
use posthorn_proto::sasl::ChannelBindings;
use rustls::server::ServerConnection;
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, ProtocolVersion};
use std::sync::Arc;

/// The facts of a session after its handshake.
#[derive(Debug, Clone)]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The cipher suite by its IANA name, as RFC 8314 4.3 wants it in Received.
    pub cipher: String,
    /// The key exchange group by its IANA name, for example `X25519MLKEM768`.
    pub group: Option<&'static str>,
    /// The name that the client asked for (SNI), lower case.
    pub server_name: Option<Box<str>>,
    /// True when the client offered our protocol by ALPN.
    pub has_alpn: bool,
    /// True when the client came back with a ticket.
    pub is_resumed: bool,
    /// The client's verified certificate.
    pub client_certificate: Option<Box<ClientCertificate>>,
    /// For SCRAM with channel binding. Without the end point where a resumed session may have begun
    /// under a certificate that has been replaced since.
    pub bindings: ChannelBindings,
}

impl TlsInfo {
    /// What the sessions of the protocols know of it.
    pub(crate) fn words(&self) -> posthorn_proto::tls::TlsInfo {
        posthorn_proto::tls::TlsInfo {
            version: self.version.into(),
            cipher: self.cipher.clone().into(),
            group: self.group.map(Into::into),
            bindings: self.bindings.clone(),
            client_certificate: self.client_certificate.is_some(),
        }
    }

    pub(super) fn of(session: &ServerConnection, shown: Option<&Arc<CertifiedKey>>) -> Self {
        let cipher = session.negotiated_cipher_suite().and_then(|s| s.suite().as_str());
        let group = session.negotiated_key_exchange_group().and_then(|g| g.name().as_str());
        let client = session.peer_certificates().and_then(<[_]>::first);
        TlsInfo {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                Some(_) | None => "unknown",
            },
            // rustls marks the suites of TLS 1.3 by a prefix that IANA's names don't have.
            cipher: cipher.unwrap_or("unknown").replacen("TLS13_", "TLS_", 1),
            group,
            server_name: session.server_name().map(Into::into),
            has_alpn: session.alpn_protocol().is_some(),
            is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            client_certificate: client.map(|der| Box::new(ClientCertificate::of(der))),
            bindings: binding::of(session, shown.map(Arc::as_ref)),
        }
    }
}
