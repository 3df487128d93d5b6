//! Plays a folder of transcripts, with what the client sends whole and byte by byte.

use super::{Logins, tls};
use posthorn_proto::sasl::{Mechanisms, Refusal};
use posthorn_proto::tls::TlsInfo;
use posthorn_testkit::transcript::{Connection, Received, World, run_dir};
use std::cell::RefMut;
use std::io;
use std::path::Path;
use std::time::Duration;

/// One connection to a session in memory.
pub(crate) trait Driver {
    /// The client sends this.
    fn send(&mut self, bytes: &[u8]);
    /// Checks the deadline, then does what there is to do.
    fn run(&mut self);
    /// What the client has not taken yet.
    fn output(&mut self) -> &mut Vec<u8>;
    fn is_closed(&self) -> bool;
    fn start_tls(&mut self, tls: &TlsInfo);

    /// What the server said since the last time.
    fn said(&mut self) -> String {
        String::from_utf8(std::mem::take(self.output())).unwrap()
    }
}

/// The settings that every protocol has.
pub(crate) struct Settings<'a> {
    pub(crate) mechanisms: &'a mut Mechanisms,
    pub(crate) auth_without_tls: &'a mut bool,
    pub(crate) starttls: &'a mut bool,
}

/// A server of one protocol.
pub(crate) trait Server {
    type Driver: Driver + 'static;
    fn settings(&mut self) -> Settings<'_>;
    fn logins(&self) -> RefMut<'_, Logins>;
    /// Sets what only this protocol has.
    fn set(&mut self, key: &str, value: &str) -> Result<(), String>;
    fn connect(&self, tls: Option<&TlsInfo>) -> Self::Driver;
}

/// Plays the transcripts of a folder in `tests/transcripts`; how many there are.
pub(crate) fn play<S: Server>(folder: &str, server: impl Fn() -> S) -> usize {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts").join(folder);
    let play = |cut| {
        run_dir(&dir, |_| Memory { server: server(), is_tls: false, certificate: false, cut })
    };
    play(1);
    play(usize::MAX)
}

struct Memory<S> {
    server: S,
    is_tls: bool,
    certificate: bool,
    /// What the client sends comes in pieces of this many bytes.
    cut: usize,
}

/// `config` keys of all protocols: `plaintext`, `starttls`, `tls`, `certificate` (`yes`);
/// `mechanisms` (names); `login` (how it fails).
impl<S: Server> World for Memory<S> {
    fn config(&mut self, key: &str, value: &str) -> Result<(), String> {
        let settings = self.server.settings();
        match (key, value) {
            ("plaintext", "yes") => *settings.auth_without_tls = true,
            ("starttls", "yes") => *settings.starttls = true,
            ("mechanisms", names) => *settings.mechanisms = Mechanisms::parse(names),
            ("tls", "yes") => self.is_tls = true,
            ("certificate", "yes") => self.certificate = true,
            ("login", how) => {
                self.server.logins().refusal = Some(match how {
                    "disabled" => Refusal::Disabled,
                    "throttled" => Refusal::Throttled,
                    "temporary" => Refusal::Temporary,
                    _ => return Err(format!("logins do not fail like this: {how}")),
                });
            }
            _ => return self.server.set(key, value),
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let tls = tls(self.certificate);
        let driver = self.server.connect(self.is_tls.then_some(&tls));
        Ok(Box::new(MemoryConnection { driver, tls, cut: self.cut }))
    }

    fn wait(&mut self, time: Duration) -> Result<(), String> {
        self.server.logins().clock.advance(time);
        Ok(())
    }
}

struct MemoryConnection<D> {
    driver: D,
    tls: TlsInfo,
    cut: usize,
}

impl<D: Driver> Connection for MemoryConnection<D> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(self.cut).for_each(|piece| self.driver.send(piece));
        Ok(())
    }
    fn receive(&mut self) -> io::Result<Received> {
        self.driver.run();
        match std::mem::take(self.driver.output()) {
            bytes if !bytes.is_empty() => Ok(Received::Bytes(bytes)),
            _ if self.driver.is_closed() => Ok(Received::Closed),
            _ => Ok(Received::Silent),
        }
    }
    fn pending(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(self.driver.output()))
    }
    fn start_tls(&mut self) -> io::Result<()> {
        self.driver.start_tls(&self.tls);
        Ok(())
    }
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
