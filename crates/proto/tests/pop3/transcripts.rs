//! Plays `tests/transcripts/pop3`.

use crate::common::Logins;
use crate::common::transcripts::{Server, Settings, play};
use crate::driver::{Driver, ReadFault, Shared, config};
use posthorn_proto::pop3::{Config, OpenError, TlsInfo};
use posthorn_testkit::fixtures::SampleMessage;
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

    /// `messages` (sizes in octets), `message` (text with \r \n escapes), each adding to the
    /// maildrop; `unique-id` (`number:text`); `open`, `read`, `commit` (how they fail).
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let mut shared = self.shared.borrow_mut();
        match (key, value) {
            ("messages", sizes) => {
                for size in sizes.split(',') {
                    let size = size.parse().map_err(|_| format!("{size} is no size"))?;
                    shared.add(SampleMessage::new().build_of_size(size));
                }
            }
            ("message", text) => {
                let text = text.replace("\\r", "\r").replace("\\n", "\n");
                shared.add(text.into_bytes());
            }
            ("unique-id", value) => {
                let (number, text) = value.split_once(':').ok_or("number:text")?;
                let index: usize = number.parse().map_err(|_| "no number")?;
                shared.messages[index - 1].unique_id = Some(text.to_owned());
            }
            ("open", "temporary") => shared.open_error = Some(OpenError::Temporary),
            ("open", "permanent") => shared.open_error = Some(OpenError::Permanent),
            ("read", "gone") => shared.read_fault = Some(ReadFault::Gone),
            ("read", "unreadable") => shared.read_fault = Some(ReadFault::Unreadable),
            ("read", "break") => shared.read_fault = Some(ReadFault::Break),
            ("commit", "fails") => shared.commit_fails = true,
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
    let played = play("pop3", || Memory { shared: Shared::new(), config: config() });
    assert!(played >= 40, "{played} transcripts");
}
