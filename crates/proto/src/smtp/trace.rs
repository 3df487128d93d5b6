//! Trace fields: what this server writes above a message (RFC 5321 4.4).
//!
//! Invariants
//! * Whatever a client calls itself, these fields stay what they are: a name that is no domain
//!   appears only in a comment, with every odd character replaced.
//! * Nothing per recipient is written (no `for` clause): the fields are shared by all recipients,
//!   and one must not learn of another.

use super::envelope::Hello;
use super::path::ReversePath;
use crate::tls::TlsInfo;
use posthorn_base::{ArrivalId, Domain, ZonedTime, limits};
use std::fmt::{self, Write};
use std::net::IpAddr;

/// Where a message came from, as the connection shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The address of the connection.
    pub address: IpAddr,
    /// The name that DNS gives for the address and that leads back to it.
    pub name: Option<&'a str>,
}

/// A Received field; `Display` writes it folded, with its CR LF.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What the client called itself.
    pub hello: &'a Hello,
    /// The connection's other end. `None` leaves out the `from` clause, name and all: on submission
    /// the address of a user's home or phone is nobody's business, and their programs write it into
    /// the name as well. (RFC 5321 4.4 asks for the clause, and RFC 5321 7.6 warns of what it
    /// discloses; readers are used to fields without it.)
    pub peer: Option<Peer<'a>>,
    /// Our name.
    pub by: &'a Domain,
    /// SMTPUTF8 was given in MAIL.
    pub smtputf8: bool,
    /// The TLS layer.
    pub tls: Option<&'a TlsInfo>,
    /// AUTH had succeeded.
    pub authenticated: bool,
    /// The arrival's id: the same as in the 250, the log and the story.
    pub id: ArrivalId,
    /// When the message arrived.
    pub date: ZonedTime,
}

impl Received<'_> {
    /// The protocol keyword (RFC 3848; RFC 6531 3.7.3; RFC 5321 4.4 for HELO).
    pub fn protocol(&self) -> &'static str {
        match (self.hello.is_extended(), self.smtputf8, self.tls.is_some(), self.authenticated) {
            (false, false, _, false) => "SMTP",
            (_, false, false, false) => "ESMTP",
            (_, false, true, false) => "ESMTPS",
            (_, false, false, true) => "ESMTPA",
            (_, false, true, true) => "ESMTPSA",
            (_, true, false, false) => "UTF8SMTP",
            (_, true, true, false) => "UTF8SMTPS",
            (_, true, false, true) => "UTF8SMTPA",
            (_, true, true, true) => "UTF8SMTPSA",
        }
    }

    fn write_from(&self, f: &mut fmt::Formatter<'_>, peer: Peer<'_>) -> fmt::Result {
        let literal = match peer.address.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        };
        match self.hello.domain() {
            Some(name) if name.is_literal() => write!(f, " from {}", name.as_given())?,
            Some(name) => write!(f, " from {}", name.ascii())?,
            None => write!(f, " from {literal}")?,
        }
        match peer.name {
            Some(name) => write!(f, " ({} {literal})", safe_token(name))?,
            None => write!(f, " ({literal})")?,
        }
        if self.hello.domain().is_none() {
            write!(f, "\r\n\t(called itself {})", self.hello.safe())?;
        }
        f.write_str("\r\n\tby ")
    }
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received:")?;
        match self.peer {
            Some(peer) => self.write_from(f, peer)?,
            None => f.write_str(" by ")?,
        }
        write!(f, "{} with {} id {}", self.by.ascii(), self.protocol(), self.id)?;
        // RFC 8314 4.3: the `tls` clause, with the group's name when it is known.
        if let Some(tls) = self.tls {
            write!(f, "\r\n\ttls {}", safe_token(&tls.cipher))?;
            if let Some(group) = &tls.group {
                write!(f, " group {}", safe_token(group))?;
            }
        }
        write!(f, ";\r\n\t{}\r\n", self.date)
    }
}

/// The Return-Path field, with its CR LF. Written at final delivery only (RFC 5321 4.4).
pub fn return_path(path: &ReversePath) -> String {
    format!("Return-Path: {path}\r\n")
}

/// Letters, digits and the signs of names and addresses; everything else becomes `?`.
pub(crate) fn safe_token(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(limits::DOMAIN_BYTES_MAX));
    for c in text.chars().take(limits::DOMAIN_BYTES_MAX) {
        let good = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        // Writing to a String cannot fail.
        let _ = safe.write_char(if good { c } else { '?' });
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ChannelBindings;
    use posthorn_base::Time;

    fn hello(name: &str, extended: bool) -> Hello {
        Hello::parse(name, extended).unwrap()
    }

    fn tls() -> TlsInfo {
        TlsInfo {
            version: "TLSv1.3".into(),
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            group: Some("X25519MLKEM768".into()),
            bindings: ChannelBindings::none(),
            client_certificate: false,
        }
    }

    #[track_caller]
    fn check(name: &str, ip: &str, rdns: Option<&str>, tls: Option<&TlsInfo>, want: &str) {
        let by = Domain::parse("mx.example").unwrap();
        let hello = hello(name, true);
        let received = Received {
            hello: &hello,
            peer: Some(Peer { address: ip.parse().unwrap(), name: rdns }),
            by: &by,
            smtputf8: false,
            tls,
            authenticated: false,
            id: ArrivalId::new(1).unwrap(),
            date: ZonedTime { time: Time::EPOCH, offset_minutes: 60 },
        };
        assert_eq!(received.to_string(), want);
    }

    #[test]
    fn received_fields() {
        check(
            "Client.example",
            "192.0.2.1",
            Some("client.example"),
            None,
            "Received: from client.example (client.example [192.0.2.1])\r\n\
             \tby mx.example with ESMTP id 0000000000001;\r\n\
             \tThu, 1 Jan 1970 01:00:00 +0100\r\n",
        );
        check(
            "[IPv6:2001:db8::1]",
            "2001:db8::1",
            None,
            Some(&tls()),
            "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n\
             \tby mx.example with ESMTPS id 0000000000001\r\n\
             \ttls TLS_AES_256_GCM_SHA384 group X25519MLKEM768;\r\n\
             \tThu, 1 Jan 1970 01:00:00 +0100\r\n",
        );
        // An IPv4 client on a dual-stack socket is an IPv4 client.
        check(
            "a",
            "::ffff:192.0.2.1",
            None,
            None,
            "Received: from a ([192.0.2.1])\r\n\
             \tby mx.example with ESMTP id 0000000000001;\r\n\
             \tThu, 1 Jan 1970 01:00:00 +0100\r\n",
        );
    }

    #[test]
    fn hostile_names_stay_in_a_comment() {
        check(
            "x) by evil.example (\"\\é;",
            "192.0.2.1",
            Some("evil)\r\nX: y"),
            None,
            "Received: from [192.0.2.1] (evil???X:?y [192.0.2.1])\r\n\
             \t(called itself x??by?evil.example??????)\r\n\
             \tby mx.example with ESMTP id 0000000000001;\r\n\
             \tThu, 1 Jan 1970 01:00:00 +0100\r\n",
        );
    }

    #[test]
    fn protocols_and_hidden_clients() {
        let by = Domain::parse("mx.example").unwrap();
        let tls = tls();
        let text = |extended, smtputf8, secure, authenticated| {
            let hello = hello("laptop", extended);
            let tls = if secure { Some(&tls) } else { None };
            let date = ZonedTime { time: Time::EPOCH, offset_minutes: 0 };
            let id = ArrivalId::new(1).unwrap();
            let (hello, by) = (&hello, &by);
            Received { hello, peer: None, by, smtputf8, tls, authenticated, id, date }.to_string()
        };
        assert!(text(false, false, false, false).contains(" with SMTP id "));
        assert!(text(true, false, false, true).contains(" with ESMTPA id "));
        assert!(text(true, false, true, true).contains(" with ESMTPSA id "));
        assert!(text(true, true, false, false).contains(" with UTF8SMTP id "));
        assert!(text(true, true, true, false).contains(" with UTF8SMTPS id "));
        assert!(text(true, true, true, true).contains(" with UTF8SMTPSA id "));
        assert!(text(true, false, true, true).starts_with("Received: by mx.example with "));
    }

    #[test]
    fn return_paths() {
        assert_eq!(return_path(&ReversePath::Null), "Return-Path: <>\r\n");
    }
}
