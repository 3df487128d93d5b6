//! What SMTP (RFC 4954), POP3 (RFC 5034) and IMAP (RFC 3501 6.2.2, RFC 4959) share: an exchange in
//! lines of base64.
//!
//! The protocol's session strips its own words: it gives the initial response as the text after the
//! mechanism's name, and each line without its CRLF; it writes [`Progress::Challenge`] after `334 `
//! or `+ `.

use super::mechanism::{Mechanism, Offer};
use super::server::{Answer, Failure, Question, Server, Step, Success};
use base64::{Engine, engine::general_purpose::STANDARD};
use posthorn_base::limits;
use zeroize::Zeroizing;

/// What the session does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Send this text (base64, perhaps empty) as a challenge; the next line goes to
    /// [`Exchange::line`].
    Challenge(String),
    /// Ask the driver; its answer goes to [`Exchange::answer`]. Lines wait until then.
    Ask(Question),
    /// Logged in.
    Done(Success),
    /// Not logged in. The session is as if the command had not been given.
    Failed(Failure),
}

/// One exchange, from `AUTH` to its outcome.
#[derive(Debug)]
pub struct Exchange {
    server: Server,
    /// Success waits for the client's empty response to the additional data: none of the three
    /// protocols can send it along with the success (RFC 4422 3.6).
    unacknowledged: Option<Success>,
}

impl Exchange {
    /// Starts. `initial` is what followed the mechanism's name: `=` for an empty response.
    pub fn start(
        mechanism: Mechanism,
        offer: &Offer,
        initial: Option<&[u8]>,
    ) -> (Exchange, Progress) {
        let initial = match initial {
            None => None,
            Some(b"=") => Some(Ok(Zeroizing::new(Vec::new()))),
            // An empty string here means two spaces, or a space before the line's end.
            Some(b"") => Some(Err(Failure::Base64)),
            Some(text) => Some(decode(text)),
        };
        let (initial, failure) = match initial.transpose() {
            Ok(initial) => (initial, None),
            Err(failure) => (None, Some(failure)),
        };
        let (server, step) =
            Server::start(mechanism, offer, initial.as_ref().map(|i| i.as_slice()));
        let mut exchange = Exchange { server, unacknowledged: None };
        let progress = match failure {
            Some(failure) => Progress::Failed(failure),
            None => exchange.progress(step),
        };
        (exchange, progress)
    }

    /// The mechanism of this exchange.
    pub fn mechanism(&self) -> Mechanism {
        self.server.mechanism()
    }

    /// Takes one line from the client, without its line end.
    pub fn line(&mut self, line: &[u8]) -> Progress {
        if line == b"*" {
            return Progress::Failed(Failure::Cancelled);
        }
        let response = match decode(line) {
            Ok(response) => response,
            Err(failure) => return Progress::Failed(failure),
        };
        match self.unacknowledged.take() {
            Some(success) if response.is_empty() => Progress::Done(success),
            Some(_) => Progress::Failed(Failure::Syntax),
            None => {
                let step = self.server.respond(&response);
                self.progress(step)
            }
        }
    }

    /// Takes the driver's answer to the last question.
    pub fn answer(&mut self, answer: Answer) -> Progress {
        let step = self.server.answer(answer);
        self.progress(step)
    }

    fn progress(&mut self, step: Step) -> Progress {
        match step {
            Step::Challenge(challenge) => Progress::Challenge(STANDARD.encode(challenge)),
            Step::Ask(question) => Progress::Ask(question),
            Step::Done { success, data: None } => Progress::Done(success),
            Step::Done { success, data: Some(data) } => {
                self.unacknowledged = Some(success);
                Progress::Challenge(STANDARD.encode(data))
            }
            Step::Failed(failure) => Progress::Failed(failure),
        }
    }
}

fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if text.len() > limits::SASL_RESPONSE_BYTES_MAX.div_ceil(3) * 4 {
        return Err(Failure::TooLong);
    }
    // Strict, as RFC 4954 4 and RFC 5034 5 are: padded, canonical, nothing but base64.
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| Failure::Base64)
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
