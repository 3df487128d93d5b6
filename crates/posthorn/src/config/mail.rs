//! The protocols, and what keeps them within bounds.

use super::section::section;
use super::units::{Size, Span};
use super::value::AtMost;
use posthorn_base::limits;
use posthorn_server::network::{Cidr, Exemptions};

section! {
    /// SMTP, from other servers and from users.
    pub struct Smtp {
        /// The largest message accepted; announced as SIZE (RFC 1870).
        message_size_max: Size = Size::bytes(limits::MESSAGE_BYTES_MAX),
            in Size::kib(64)..=Size::bytes(limits::MESSAGE_BYTES_MAX);
        /// Recipients of one message. RFC 5321 4.5.3.1.8 demands at least 100.
        recipients_max: u32 = limits::SMTP_RECIPIENTS_MAX as u32,
            in 100..=limits::SMTP_RECIPIENTS_MAX as u32;
        /// Silence after which a connection is closed. RFC 5321 4.5.3.2.7 asks for 5 minutes; less saves
        /// connections, and loses some slow but honest senders.
        idle: Span = Span::new(limits::SMTP_IDLE_MAX),
            in Span::seconds(30)..=Span::new(limits::SMTP_IDLE_MAX);
    }
}

section! {
    /// Submission: what users may send.
    pub struct Submission {
        /// Recipients that one account may send to within an hour. A stolen password is worth less.
        recipients_per_hour: u32 = 500, in 1..=1_000_000;
        /// Recipients that one account may send to within a day.
        recipients_per_day: u32 = 2000, in 1..=10_000_000;
        /// Whether the Received field of a submitted message names the address it was sent from. Off:
        /// recipients need not know where their correspondents are.
        show_client_address: bool = false;
    }
}

section! {
    /// POP3.
    pub struct Pop3 {
        /// Silence after which a connection is closed. RFC 1939 3 demands at least 10 minutes.
        idle: Span = Span::new(limits::POP3_IDLE_MAX),
            in Span::new(limits::POP3_IDLE_MAX)..=Span::seconds(3600);
    }
}

section! {
    /// Logging in, in all protocols.
    pub struct Login {
        /// Whether a client on this very machine (127.0.0.0/8, ::1) may log in without TLS. Everybody
        /// else never may (RFC 8314 4.1).
        plaintext_on_loopback: bool = false;
    }
}

section! {
    /// Bounds of the whole process: whatever clients do, memory stays within their sum.
    pub struct Limits {
        /// Connections at the same time, all protocols together. Each needs at most 64 KiB.
        connections: u32 = 2000, in 10..=100_000;
        /// Connections at the same time from one network (IPv4 /24, IPv6 /64).
        connections_per_network: u32 = 200, in 1..=100_000;
        /// Connections at the same time from one address.
        connections_per_address: u32 = 100, in 1..=100_000;
        /// Memory for the bytes of all messages that are being received or sent. Above it, new ones wait
        /// or go through files.
        message_memory: Size = Size::bytes(limits::MESSAGE_MEMORY_BYTES_MAX as u64),
            in Size::mib(64)..=Size::gib(1024);
        /// Networks without limits per network and address, without delays after errors and without
        /// blocks: your own relays and monitors. The total still holds. The default is this machine; a list
        /// replaces it, so name it again to keep it.
        exempt_networks: Vec<Cidr> = Exemptions::default().0, in AtMost(limits::EXEMPT_NETWORKS_MAX);
    }
}
