//! What the driver asks, and whom.

use crate::conn::CloseReason;
use crate::spool::Spooled;
use crate::tls::TlsInfo;
use posthorn_base::{ArrivalId, ConnectionId};
use posthorn_proto::sasl::{Answer, Failure, Identity, Question, Success};
use posthorn_proto::smtp::{self, DataFault, Envelope, Hello, Mail, Recipient, Reply};
use std::future::Future;
use std::net::SocketAddr;

/// What is known of the connection when something is asked.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its id.
    pub id: ConnectionId,
    /// The peer's address, IPv4 as IPv4.
    pub peer: SocketAddr,
    /// Our address, IPv4 as IPv4.
    pub local: SocketAddr,
    /// The settings of the listener, with our name and the service.
    pub config: &'a smtp::Config,
    /// What the client called itself.
    pub hello: Option<&'a Hello>,
    /// Who has logged in.
    pub login: Option<&'a Identity>,
    /// The TLS layer, with the client's certificate.
    pub tls: Option<&'a TlsInfo>,
    /// The TLS layer in the words of the session, for the Received field.
    pub tls_words: Option<&'a smtp::TlsInfo>,
}

/// Something that happened and needs no answer: for stories and counters.
#[derive(Debug)]
pub enum Note<'a> {
    /// The client spoke before the greeting.
    EarlyTalk,
    /// Plaintext stood behind STARTTLS: an attack or a broken client. So many bytes were dropped.
    TextBeforeTls(usize),
    /// A login succeeded.
    LoggedIn(&'a Success),
    /// A login failed. The name is as it was tried, in lower case.
    LoginFailed(&'a str, &'a Failure),
    /// A login was not looked at, because too many had failed.
    LoginThrottled(&'a str),
    /// The session itself refuses the message that is arriving.
    DataRefused(DataFault),
    /// The client gave the message up.
    Abandoned,
    /// The connection is over.
    Closed(&'a CloseReason),
}

/// Answers the questions of one connection's session.
///
/// A refusal is the [`Reply`] that the peer gets; what only we may know goes to the log. Questions
/// come one at a time and in the order of the dialogue; the values they carry are checked by the
/// session.
pub trait Handler: Send {
    /// May this sender send? On submission: may this login use the address?
    fn check_sender(
        &mut self,
        facts: Facts<'_>,
        mail: &Mail,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// Is mail taken for this recipient? Asked once per RCPT; what it resolves to may be kept until
    /// [`Handler::accept`].
    fn check_recipient(
        &mut self,
        facts: Facts<'_>,
        recipient: &Recipient,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// Can the message come? Asked before its first byte: is there room on the disk?
    fn begin(
        &mut self,
        facts: Facts<'_>,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<(), Reply>> + Send;

    /// The message is complete. An id means: it is on stable storage and its fate is decided.
    fn accept(
        &mut self,
        facts: Facts<'_>,
        envelope: Envelope,
        message: Spooled,
    ) -> impl Future<Output = Result<ArrivalId, Reply>> + Send;

    /// Who is this? Not asked while the peer's network is blocked.
    fn authenticate(
        &mut self,
        facts: Facts<'_>,
        question: Question,
    ) -> impl Future<Output = Answer> + Send;

    /// Something happened.
    fn note(&mut self, facts: Facts<'_>, note: Note<'_>);
}
