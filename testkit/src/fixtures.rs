//! Messages and directories to test with.

use std::fmt::Write;
use tempfile::TempDir;

/// A directory that vanishes with its holder.
///
/// # Panics
/// When the system's temporary directory cannot be written.
#[expect(clippy::expect_used, reason = "a test without its directory cannot go on")]
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("posthorn-test-").tempdir().expect("temporary directory")
}

/// Builds a plain message, CRLF everywhere.
///
/// ```
/// # use posthorn_testkit::fixtures::SampleMessage;
/// let bytes = SampleMessage::new().subject("Lunch").body("At noon?\r\n").build();
/// assert!(bytes.ends_with(b"\r\n\r\nAt noon?\r\n"));
/// ```
#[derive(Debug, Clone)]
pub struct SampleMessage {
    from: String,
    to: String,
    subject: String,
    id: String,
    extra: String,
    body: String,
}

impl SampleMessage {
    /// From bob@example.org to alice@example.com, with a short body.
    pub fn new() -> Self {
        SampleMessage {
            from: "Bob <bob@example.org>".into(),
            to: "Alice <alice@example.com>".into(),
            subject: "Hello".into(),
            id: "sample-1@example.org".into(),
            extra: String::new(),
            body: "Hello, Alice.\r\n".into(),
        }
    }
    /// Sets From.
    pub fn from(mut self, from: &str) -> Self {
        self.from = from.into();
        self
    }
    /// Sets To.
    pub fn to(mut self, to: &str) -> Self {
        self.to = to.into();
        self
    }
    /// Sets Subject.
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = subject.into();
        self
    }
    /// Sets Message-ID, without angle brackets.
    pub fn id(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }
    /// Adds a header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.extra.push_str(&format!("{name}: {value}\r\n"));
        self
    }
    /// Sets the body, as it is.
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }
    /// Sets a body of numbered lines. Every tenth starts with a dot.
    pub fn lines(mut self, count: usize) -> Self {
        self.body.clear();
        for line in 1..=count {
            let dot = if line % 10 == 0 { "." } else { "" };
            // Writing to a string does not fail.
            let _ = write!(self.body, "{dot}Line {line} of the message.\r\n");
        }
        self
    }

    /// The message.
    pub fn build(&self) -> Vec<u8> {
        let SampleMessage { from, to, subject, id, extra, body } = self;
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n\
             Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{id}>\r\n{extra}\r\n{body}"
        )
        .into_bytes()
    }

    /// The message, its body filled up with lines of 78 characters to exactly this many octets; as
    /// it is when it has as many already.
    pub fn build_of_size(&self, octets: usize) -> Vec<u8> {
        let mut message = self.build();
        while let Some(missing @ 1..) = octets.checked_sub(message.len()) {
            match missing {
                // Too little for a line of its own: lengthen the last one.
                1 | 2 => {
                    message.truncate(message.len() - 2);
                    message.extend(std::iter::repeat_n(b'x', missing));
                }
                // Never leave one octet for the next round.
                _ => message.extend(std::iter::repeat_n(b'x', (missing - 2).min(78))),
            }
            message.extend(b"\r\n");
        }
        message
    }
}

impl Default for SampleMessage {
    fn default() -> Self {
        SampleMessage::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_sizes() {
        let sample = SampleMessage::new();
        let least = sample.build().len();
        for octets in least..least + 300 {
            let message = sample.build_of_size(octets);
            assert_eq!(message.len(), octets);
            assert!(message.ends_with(b"\r\n"));
        }
        assert_eq!(sample.build_of_size(10).len(), least);
    }

    #[test]
    fn directories_vanish() {
        let dir = temp_dir();
        let path = dir.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(dir);
        assert!(!path.exists());
    }
}
