//! What sessions of all protocols are told of TLS, and how they notice what should not be there.

use crate::sasl::ChannelBindings;
use std::borrow::Cow;

/// What the driver knows of an active TLS layer, by the registered names of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.3`.
    pub version: Cow<'static, str>,
    /// `TLS_AES_256_GCM_SHA384`, as the IANA registry writes it.
    pub cipher: Cow<'static, str>,
    /// `x25519`, `X25519MLKEM768`.
    pub group: Option<Cow<'static, str>>,
    /// What a login can be bound to.
    pub bindings: ChannelBindings,
    /// The client showed a certificate that was verified, so EXTERNAL can be offered.
    pub client_certificate: bool,
}
