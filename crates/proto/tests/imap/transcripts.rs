//! Plays `tests/transcripts/imap`.

use crate::common::Logins;
use crate::common::transcripts::{Server, Settings, play};
use crate::driver::{AppendFault, Driver, Shared, config};
use posthorn_proto::imap::{Config, TlsInfo};
use std::cell::{RefCell, RefMut};
use std::rc::Rc;

struct Memory {
    shared: Rc<RefCell<Shared>>,
    config: Config,
}

impl Server for Memory {
    type Driver = Driver;

    fn settings(&mut self) -> Settings<'_> {
        let Config { mechanisms, auth_without_tls, starttls, .. } = &mut self.config;
        Settings { mechanisms, auth_without_tls, starttls }
    }

    fn logins(&self) -> RefMut<'_, Logins> {
        RefMut::map(self.shared.borrow_mut(), |shared| &mut shared.logins)
    }

    /// `message-bytes` (a number); `append` (how it fails).
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let mut shared = self.shared.borrow_mut();
        match (key, value) {
            ("message-bytes", n) => {
                self.config.message_bytes_max = n.parse().map_err(|_| "no number")?;
            }
            ("append", "refused") => shared.append_fault = Some(AppendFault::Refused),
            ("append", "breaks") => shared.append_fault = Some(AppendFault::Broken),
            ("append", "fails") => shared.append_fault = Some(AppendFault::Late),
            _ => return Err(format!("unknown setting {key}={value}")),
        }
        Ok(())
    }

    fn connect(&self, tls: Option<&TlsInfo>) -> Driver {
        Driver::connect(&self.shared, &self.config, tls)
    }
}

#[test]
fn transcripts() {
    let played = play("imap", || Memory { shared: Shared::new(), config: config() });
    assert!(played >= 20, "{played} transcripts");
}
