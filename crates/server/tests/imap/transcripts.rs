//! Plays `tests/transcripts/imap-store` against the whole server.

use crate::server::Server;
use posthorn_testkit::transcript::{Connection, TcpConnection, World, run_dir};
use std::io;
use std::path::Path;
use std::time::Duration;

/// `config` keys: `mailbox` (a name) makes one; `message` (text with \r \n escapes) and `messages`
/// (how many) go to INBOX.
impl World for Server {
    fn config(&mut self, key: &str, value: &str) -> Result<(), String> {
        let inbox = || self.find("INBOX").ok_or("no INBOX");
        match key {
            "mailbox" => self.create(value),
            "message" => {
                let text = value.replace("\\r", "\r").replace("\\n", "\n");
                self.deliver(inbox()?.id, text.as_bytes(), &[]);
            }
            "messages" => {
                let count: u32 = value.parse().map_err(|_| format!("{value} is no number"))?;
                for number in 1..=count {
                    let text = format!("Subject: message {number}\r\n\r\nText {number}\r\n");
                    self.deliver(inbox()?.id, text.as_bytes(), &[]);
                }
            }
            _ => return Err(format!("unknown setting {key}={value}")),
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(TcpConnection::connect(self.address(), None, false)?))
    }

    fn wait(&mut self, _: Duration) -> Result<(), String> {
        Err("this world's clock is real".into())
    }
}

#[test]
fn transcripts() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts/imap-store");
    run_dir(&dir, |_| Server::start());
}
