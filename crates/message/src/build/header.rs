//! Header fields for the wire.

use super::BuildError;
use crate::address::write_mailbox;
use crate::encoded_word::{Place, encode};
use crate::parameter;
use posthorn_base::{Address, ZonedTime};

/// RFC 5322 2.1.1: a line should have at most 78 characters.
const LINE: usize = 78;
/// RFC 5322 2.1.1: and must have at most 998.
const LINE_MAX: usize = 998;

/// Collects the fields of a header section, each folded.
#[derive(Clone, Debug, Default)]
pub struct HeaderWriter {
    out: Vec<u8>,
    column: usize,
}

impl HeaderWriter {
    /// Unstructured text, such as Subject or Comments.
    pub fn text(&mut self, name: &str, value: &str) -> Result<(), BuildError> {
        check_name(name)?;
        check_value(name, value)?;
        let room = LINE.saturating_sub(name.len() + 2);
        self.pieces(name, encode(value, Place::Text, room));
        Ok(())
    }

    /// A list of mailboxes: From, To, Cc, Reply-To. Without any, nothing is written: RFC 5322 3.6.3
    /// wants at least one.
    pub fn mailboxes<'a>(
        &mut self,
        name: &str,
        mailboxes: impl IntoIterator<Item = (Option<&'a str>, &'a Address)>,
    ) -> Result<(), BuildError> {
        check_name(name)?;
        let mut pieces: Vec<String> = Vec::new();
        for (display, address) in mailboxes {
            check_value(name, display.unwrap_or_default())?;
            if let Some(last) = pieces.last_mut() {
                last.push(',');
            }
            pieces.extend(write_mailbox(display, address));
        }
        if !pieces.is_empty() {
            self.pieces(name, pieces);
        }
        Ok(())
    }

    /// A date.
    pub fn date(&mut self, name: &'static str, date: ZonedTime) {
        self.pieces(name, [date.to_string()]);
    }

    /// A message id, `left@right` without its angle brackets.
    pub fn message_id(&mut self, name: &str, id: &str) -> Result<(), BuildError> {
        self.message_ids(name, [id])
    }

    /// A list of message ids, for References.
    pub fn message_ids<'a>(
        &mut self,
        name: &str,
        ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), BuildError> {
        check_name(name)?;
        let mut pieces = Vec::new();
        for id in ids {
            let is_id = id.contains('@')
                && id.len() <= LINE_MAX - 3
                && id.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>".contains(c));
            if !is_id {
                return Err(BuildError::MessageId(id.into()));
            }
            pieces.push(format!("<{id}>"));
        }
        if !pieces.is_empty() {
            self.pieces(name, pieces);
        }
        Ok(())
    }

    /// A value that is already as the wire wants it, in words that may be folded between: for
    /// fields this writer has no method for.
    pub fn words(&mut self, name: &str, value: &str) -> Result<(), BuildError> {
        check_name(name)?;
        check_value(name, value)?;
        if value.split(' ').any(|word| word.len() > LINE_MAX - 1) {
            return Err(BuildError::LineTooLong(name.into()));
        }
        // Folding must not leave a line of white space only (RFC 5322 3.2.2).
        self.pieces(name, value.split(' ').filter(|word| !word.is_empty()).map(String::from));
        Ok(())
    }

    /// `value; name=value; ...`, as Content-Type has it. Values beyond ASCII are written by RFC
    /// 2231.
    pub fn parameters(
        &mut self,
        name: &str,
        value: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), BuildError> {
        check_name(name)?;
        check_value(name, value)?;
        let mut pieces = vec![value.to_string()];
        for (parameter, value) in parameters {
            check_value(parameter, value)?;
            for piece in parameter::write(parameter, value) {
                if let Some(last) = pieces.last_mut() {
                    last.push(';');
                }
                pieces.push(piece);
            }
        }
        self.pieces(name, pieces);
        Ok(())
    }

    /// Writes a field, folding between the pieces where the line would grow too long. Pieces come
    /// from the writers of this crate and hold no line ends.
    pub(crate) fn pieces(&mut self, name: &str, pieces: impl IntoIterator<Item = String>) {
        self.push(name);
        self.push(":");
        let start = self.column;
        for piece in pieces {
            debug_assert!(!piece.contains(['\r', '\n']));
            // The first piece stays on the first line, where it fits at all: some software reads a
            // field with nothing behind the colon as empty.
            let width = piece.chars().count();
            let fits = self.column + 1 + width <= LINE;
            let is_first = self.column == start;
            if fits || (is_first && self.column + 1 + piece.len() <= LINE_MAX) {
                self.push(" ");
            } else {
                self.end_line();
                self.push(" ");
            }
            self.push(&piece);
        }
        self.end_line();
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.chars().count();
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// The fields, each ended by CRLF; the blank line is not among them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

fn check_name(name: &str) -> Result<(), BuildError> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if is_name && name.len() <= LINE { Ok(()) } else { Err(BuildError::FieldName(name.into())) }
}

pub(super) fn check_value(name: &str, value: &str) -> Result<(), BuildError> {
    if value.contains(['\r', '\n', '\0']) {
        return Err(BuildError::LineEnd(name.into()));
    }
    Ok(())
}
