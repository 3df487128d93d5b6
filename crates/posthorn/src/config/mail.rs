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
        /// Silence after which a connection is closed. RFC 5321 4.5.3.2.7 asks for 5 minutes; less
        /// saves connections, and loses some slow but honest senders.
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
        /// Whether the Received field of a submitted message names the address it was sent from.
        /// Off: recipients need not know where their correspondents are.
        show_client_address: bool = false;
    }
}

section! {
    /// POP3.
    pub struct Pop3 {
        /// Silence after which a connection is closed. RFC 1939 3 demands at least 10 minutes. When
        /// the owner logs in anew meanwhile, a session that was silent for a minute gives way.
        idle: Span = Span::new(limits::POP3_IDLE_MAX),
            in Span::new(limits::POP3_IDLE_MAX)..=Span::seconds(3600);
    }
}

section! {
    /// IMAP.
    pub struct Imap {
        /// Silence after which a connection is closed. RFC 3501 5.4 demands at least 30 minutes.
        idle: Span = Span::new(limits::IMAP_IDLE_MAX),
            in Span::seconds(30 * 60)..=Span::seconds(24 * 3600);
    }
}

section! {
    /// Logging in, in all protocols.
    pub struct Login {
        /// Whether a client on this very machine (127.0.0.0/8, ::1) may log in without TLS.
        /// Everybody else never may (RFC 8314 4.1).
        plaintext_on_loopback: bool = false;
    }
}

section! {
    /// Bounds of the whole process: whatever clients do, memory stays within their sum.
    pub struct Limits {
        /// Connections at the same time, all protocols together. Each needs at most 64 KiB, and a
        /// file descriptor.
        connections: u32 = limits::CONNECTIONS_MAX, in 10..=100_000;
        /// Connections at the same time of one protocol, so that a flood on one leaves room for the
        /// others.
        connections_per_protocol: u32 = limits::CONNECTIONS_MAX / 4 * 3, in 10..=100_000;
        /// Connections at the same time from one network (IPv4 /24, IPv6 /64). Networks from which
        /// somebody has logged in lately are not held to this, nor to the next one.
        connections_per_network: u32 = 200, in 1..=100_000;
        /// Connections at the same time from one address.
        connections_per_address: u32 = 100, in 1..=100_000;
        /// Memory for the bytes of all messages that are being received or sent. Above it, new ones
        /// wait or go through files.
        message_memory: Size = Size::bytes(limits::MESSAGE_MEMORY_BYTES_MAX as u64),
            in Size::mib(64)..=Size::gib(1024);
        /// Networks to which no limit on connections, no delay and no block applies: your own
        /// relays and monitors. The default is this machine; a list replaces it, so name it again
        /// to keep it. Whoever measures from an exempt network measures without limits.
        exempt_networks: Vec<Cidr> = Exemptions::default().0,
            in AtMost(limits::EXEMPT_NETWORKS_MAX);
    }
}

section! {
    /// How attackers are slowed down and shut out. Blocks are listed and lifted with `posthorn
    /// block`.
    ///
    /// A network is an IPv4 /24 or an IPv6 /64. Of a count per time, the whole count may be used at
    /// once; it then comes back evenly. Networks with a good login lately are never blocked.
    pub struct Throttle {
        /// New connections that a network may open per minute.
        connections_per_minute: u32 = 120, in 1..=1_000_000;
        /// Failed logins that a network may make per hour, over all accounts, before it is blocked.
        login_failures_per_hour: u32 = 30, in 1..=1_000_000;
        /// Failed logins that a network may make per hour on one account, before it is blocked for
        /// that account. The same wrong password again counts once: a forgotten phone is no attack.
        account_login_failures_per_hour: u32 = 10, in 1..=1_000_000;
        /// Unknown recipients, attempts to relay and broken protocol that a network may show per
        /// hour, before it is blocked.
        offences_per_hour: u32 = 100, in 1..=1_000_000;
        /// How long the answer to a failed login waits. Doubles with each further one.
        tarpit: Span = Span::millis(500), in Span::millis(0)..=Span::seconds(60);
        /// The longest wait before the answer to a failed login.
        tarpit_max: Span = Span::seconds(8), in Span::millis(0)..=Span::seconds(60);
        /// How long the first block of a network lasts. Doubles each time it is blocked again; a
        /// day of good behaviour starts over.
        block: Span = Span::seconds(600), in Span::seconds(1)..=Span::days(30);
        /// The longest block.
        block_max: Span = Span::days(1), in Span::seconds(1)..=Span::days(365);
        /// How long a network is trusted after a good login.
        trust: Span = Span::days(30), in Span::days(0)..=Span::days(365);
        /// Networks and accounts that each counter remembers; the oldest are forgotten first. About
        /// 100 bytes each.
        remembered: u32 = 32_768, in 1024..=16_777_216;
    }
}
