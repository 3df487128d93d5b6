//! Plays `tests/transcripts/imap`.

use crate::driver::{AppendFault, Driver, Shared, config, tls};
use posthorn_proto::imap::{Config, TlsInfo};
use posthorn_proto::sasl::{Mechanisms, Refusal};
use posthorn_testkit::transcript::{Connection, Received, World, run_dir};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

struct Memory {
    shared: Rc<RefCell<Shared>>,
    config: Config,
    is_tls: bool,
    certificate: bool,
    /// What the client sends comes in pieces of this many bytes.
    cut: usize,
}

impl World for Memory {
    fn config(&mut self, key: &str, value: &str) -> Result<(), String> {
        let mut shared = self.shared.borrow_mut();
        match (key, value) {
            ("plaintext", "yes") => self.config.auth_without_tls = true,
            ("starttls", "yes") => self.config.starttls = true,
            ("tls", "yes") => self.is_tls = true,
            ("certificate", "yes") => self.certificate = true,
            ("mechanisms", names) => self.config.mechanisms = Mechanisms::parse(names),
            ("message-bytes", n) => {
                self.config.message_bytes_max = n.parse().map_err(|_| "no number")?;
            }
            ("append", "refused") => shared.append_fault = Some(AppendFault::Refused),
            ("append", "breaks") => shared.append_fault = Some(AppendFault::Broken),
            ("append", "fails") => shared.append_fault = Some(AppendFault::Late),
            ("login", "disabled") => shared.refusal = Some(Refusal::Disabled),
            ("login", "throttled") => shared.refusal = Some(Refusal::Throttled),
            ("login", "temporary") => shared.refusal = Some(Refusal::Temporary),
            _ => return Err(format!("unknown setting {key}={value}")),
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let tls = tls(self.certificate);
        let driver = Driver::connect(&self.shared, &self.config, self.is_tls.then_some(&tls));
        Ok(Box::new(MemoryConnection { driver, tls, cut: self.cut }))
    }

    fn wait(&mut self, time: Duration) -> Result<(), String> {
        self.shared.borrow().clock.advance(time);
        Ok(())
    }
}

struct MemoryConnection {
    driver: Driver,
    tls: TlsInfo,
    cut: usize,
}

impl Connection for MemoryConnection {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(self.cut).for_each(|piece| self.driver.send(piece));
        Ok(())
    }
    fn receive(&mut self) -> io::Result<Received> {
        self.driver.run();
        match std::mem::take(&mut self.driver.output) {
            bytes if !bytes.is_empty() => Ok(Received::Bytes(bytes)),
            _ if self.driver.closed.is_some() => Ok(Received::Closed),
            _ => Ok(Received::Silent),
        }
    }
    fn pending(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.driver.output))
    }
    fn start_tls(&mut self) -> io::Result<()> {
        self.driver.start_tls(&self.tls);
        Ok(())
    }
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn transcripts() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts/imap");
    for cut in [usize::MAX, 1] {
        let played = run_dir(&dir, |_| Memory {
            shared: Shared::new(),
            config: config(),
            is_tls: false,
            certificate: false,
            cut,
        });
        assert!(played >= 20, "{played} transcripts");
    }
}
