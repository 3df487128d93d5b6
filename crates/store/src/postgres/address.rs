//! Where the database is, and how the way there is protected.
//!
//! The words are those of libpq (`sslmode`, `sslrootcert`), in a URL or as `key=value`, but for one
//! thing: where nothing is said, a connection that leaves this machine is fully verified, instead
//! of encrypted if the other side happens to offer it.

use super::tls::{Roots, Tls, Verify};
use crate::EngineError;
use std::path::PathBuf;
use tokio_postgres::config::{Config, Host as Place, SslMode};

/// An address, understood.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

/// What `sslmode` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// What of an address is ours to read; the rest goes to the client library.
#[derive(Debug, Default, PartialEq, Eq)]
struct Protection {
    mode: Option<String>,
    roots: Option<String>,
}

impl Address {
    pub(super) fn parse(address: &str) -> Result<Self, EngineError> {
        let (rest, protection) = split(address);
        let mut config: Config =
            rest.parse().map_err(|error| super::error::connect_error(&error))?;
        let mode = match protection.mode.as_deref() {
            None if leaves_machine(&config) => Mode::VerifyFull,
            None if has_tcp(&config) => Mode::Prefer,
            None => Mode::Disable,
            Some("disable") => Mode::Disable,
            // libpq's `allow` asks for TLS only when refused without: the same promise as `prefer`.
            Some("prefer" | "allow") => Mode::Prefer,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(_) => {
                return Err(EngineError::Unavailable(
                    "the database's address has an unknown sslmode: disable, prefer, require, \
                     verify-ca and verify-full are known"
                        .into(),
                ));
            }
        };
        if leaves_machine(&config) && matches!(mode, Mode::Disable | Mode::Prefer) {
            tracing::warn!(
                "mail and passwords may travel to the database in plain text: its address has \
                 sslmode = disable or prefer"
            );
        }
        let verify = match (mode, &protection.roots) {
            (Mode::VerifyFull, _) => Verify::ChainAndName,
            // As libpq does: who names an authority means it.
            (Mode::VerifyCa, _) | (Mode::Require, Some(_)) => Verify::Chain,
            (Mode::Disable | Mode::Prefer | Mode::Require, _) => Verify::Nothing,
        };
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        let roots = protection.roots.map_or(Roots::System, |path| Roots::File(PathBuf::from(path)));
        Ok(Address { config, tls: Tls::new(verify, &roots)? })
    }
}

fn has_tcp(config: &Config) -> bool {
    !config.get_hostaddrs().is_empty()
        || config.get_hosts().iter().any(|place| matches!(place, Place::Tcp(_)))
}

fn leaves_machine(config: &Config) -> bool {
    let is_local = |place: &Place| match place {
        Place::Unix(_) => true,
        Place::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    !config.get_hosts().iter().all(is_local)
        || !config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// Takes the words of ours out of an address.
fn split(address: &str) -> (String, Protection) {
    let mut protection = Protection::default();
    let is_url = address.starts_with("postgres://") || address.starts_with("postgresql://");
    let rest = match address.split_once('?') {
        Some((place, query)) if is_url => {
            let kept: Vec<&str> = query
                .split('&')
                .filter(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    !protection.take(key, || decoded(value))
                })
                .collect();
            if kept.is_empty() { place.into() } else { format!("{place}?{}", kept.join("&")) }
        }
        _ if is_url => address.into(),
        _ => {
            let kept = words(address).into_iter().filter(|word| {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                !protection.take(key.trim(), || unquoted(value.trim()))
            });
            kept.collect::<Vec<_>>().join(" ")
        }
    };
    (rest, protection)
}

impl Protection {
    /// Keeps the value of a word that is ours.
    fn take(&mut self, key: &str, value: impl FnOnce() -> String) -> bool {
        match key {
            "sslmode" => self.mode = Some(value()),
            "sslrootcert" => self.roots = Some(value()),
            _ => return false,
        }
        true
    }
}

/// The pairs of `key = 'a value' key=value`, each as it stands.
fn words(address: &str) -> Vec<&str> {
    let (mut words, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped, mut has_value) = (false, false, false);
    let mut pending_end = None;
    for (at, c) in address.char_indices() {
        let is_blank = c.is_ascii_whitespace() && !is_quoted && !is_escaped;
        if is_blank {
            if has_value && pending_end.is_none() {
                pending_end = Some(at);
            }
            continue;
        }
        if let Some(end) = pending_end.take() {
            words.extend(address.get(start..end));
            (start, has_value) = (at, false);
        }
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '\'' if !is_escaped => {
                is_quoted = !is_quoted;
                has_value = true;
            }
            '=' if !is_quoted && !has_value => is_escaped = false,
            _ => {
                is_escaped = false;
                has_value |= address.get(start..at).is_some_and(|before| before.contains('='));
            }
        }
    }
    words.extend(address.get(start..).map(str::trim).filter(|word| !word.is_empty()));
    words
}

/// A value without its quotes and escapes.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    let mut out = String::with_capacity(value.len());
    let mut chars = inner.unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

/// A value of a URL's query without its percents.
fn decoded(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let octet = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_ours_are_taken_out() {
        #[track_caller]
        fn check(address: &str, rest: &str, mode: Option<&str>, roots: Option<&str>) {
            let (kept, protection) = split(address);
            assert_eq!(kept, rest);
            assert_eq!((protection.mode.as_deref(), protection.roots.as_deref()), (mode, roots));
        }
        check("postgres://u:p@h/d", "postgres://u:p@h/d", None, None);
        check("postgres://h/d?sslmode=require", "postgres://h/d", Some("require"), None);
        check(
            "postgresql://h/d?a=b&sslrootcert=%2Fetc%2Fx%20y.pem&c=d&sslmode=verify-full",
            "postgresql://h/d?a=b&c=d",
            Some("verify-full"),
            Some("/etc/x y.pem"),
        );
        check("host=h user=u", "host=h user=u", None, None);
        check("host=h sslmode=disable user=u", "host=h user=u", Some("disable"), None);
        check(
            r"host = h password='a sslmode=b \' c' sslrootcert = '/a b' user=u",
            r"host = h password='a sslmode=b \' c' user=u",
            None,
            Some("/a b"),
        );
        check(r"sslrootcert=/a\ b  host=h", "host=h", None, Some("/a b"));
        check("", "", None, None);
    }

    #[test]
    fn what_leaves_the_machine_is_verified_unless_told_otherwise() {
        #[track_caller]
        fn check(address: &str, mode: SslMode, verify: Verify) {
            let address = Address::parse(address).unwrap();
            assert_eq!((address.config.get_ssl_mode(), address.tls.verify()), (mode, verify));
        }
        check("host=/run/postgresql", SslMode::Disable, Verify::Nothing);
        check("host=localhost", SslMode::Prefer, Verify::Nothing);
        check("host=127.0.0.1", SslMode::Prefer, Verify::Nothing);
        check("host=db.example", SslMode::Require, Verify::ChainAndName);
        check("postgres://u:p@192.0.2.1/d", SslMode::Require, Verify::ChainAndName);
        check("host=localhost,db.example", SslMode::Require, Verify::ChainAndName);
        check("host=localhost hostaddr=192.0.2.1", SslMode::Require, Verify::ChainAndName);
        check("host=db.example sslmode=disable", SslMode::Disable, Verify::Nothing);
        check("host=db.example sslmode=prefer", SslMode::Prefer, Verify::Nothing);
        check("host=db.example sslmode=require", SslMode::Require, Verify::Nothing);
        check("host=db.example sslmode=verify-ca", SslMode::Require, Verify::Chain);
        check("host=localhost sslmode=verify-full", SslMode::Require, Verify::ChainAndName);
    }

    #[test]
    fn what_cannot_be_understood_is_told_without_secrets() {
        for address in ["not an address", "host=h password=secret sslmode=no", "postgres://x:y:z"] {
            let told = Address::parse(address).err().unwrap().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
        let told = Address::parse("host=h sslmode=require sslrootcert=/nowhere.pem");
        assert!(told.err().unwrap().to_string().contains("/nowhere.pem"));
    }
}
