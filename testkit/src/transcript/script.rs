//! A transcript file, read.

use super::pattern::Pattern;
use super::text;
use std::time::Duration;

/// Why a file is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct ParseError {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// A transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub(super) file: String,
    pub(super) config: Vec<(usize, String, String)>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// In the file, from 1.
    pub(super) line: usize,
    /// As written there.
    pub(super) text: String,
    pub(super) connection: u8,
    pub(super) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Send; `$name` is replaced when `variables` is set.
    Send {
        bytes: Vec<u8>,
        variables: bool,
    },
    /// The next line must match.
    Expect(Pattern),
    /// Some line must match; those before it are skipped.
    ExpectLater(Pattern),
    ExpectClosed,
    /// No line up to the connection's next expectation may match.
    Never(Pattern),
    StartTls,
    Close,
    Wait(Duration),
}

impl Script {
    /// Reads a transcript; `file` is its name for messages.
    pub fn parse(file: &str, content: &str) -> Result<Script, ParseError> {
        let mut script = Script { file: file.to_owned(), config: Vec::new(), steps: Vec::new() };
        for (at, text) in content.lines().enumerate() {
            script.parse_line(at + 1, text).map_err(|reason| ParseError {
                file: file.to_owned(),
                line: at + 1,
                reason,
            })?;
        }
        if script.steps.is_empty() {
            let reason = "no dialogue in this file".to_owned();
            return Err(ParseError { file: file.to_owned(), line: 1, reason });
        }
        Ok(script)
    }

    fn parse_line(&mut self, line: usize, text: &str) -> Result<(), String> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (tag, rest) = text.split_once(':').ok_or("no colon in this line")?;
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if tag == "config" {
            if !self.steps.is_empty() {
                return Err("config lines come before the dialogue".into());
            }
            let (key, value) = rest.split_once('=').ok_or("config: key=value")?;
            self.config.push((line, key.trim().to_owned(), value.trim().to_owned()));
            return Ok(());
        }
        let (kind, connection) = split_tag(tag)?;
        let action = match kind.as_str() {
            "C" if rest == "<starttls>" => Action::StartTls,
            "C" if rest == "<close>" => Action::Close,
            "C" => {
                let mut bytes = text::expand(rest)?;
                bytes.extend(b"\r\n");
                Action::Send { bytes, variables: true }
            }
            "C-raw" => Action::Send { bytes: text::unescape(rest)?, variables: false },
            "S" if rest == "<closed>" => Action::ExpectClosed,
            "S" => Action::Expect(Pattern::parse(&text::expand(rest)?)),
            "S-raw" => Action::Expect(Pattern::exact(text::unescape(rest)?)),
            "S*" => Action::ExpectLater(Pattern::parse(&text::expand(rest)?)),
            "!" => Action::Never(Pattern::parse(&text::expand(rest)?)),
            "wait" => Action::Wait(duration(rest)?),
            _ => return Err(format!("unknown tag {tag:?}")),
        };
        self.steps.push(Step { line, text: text.to_owned(), connection, action });
        Ok(())
    }
}

/// Splits `C2` into `C` and 2, `C2-raw` into `C-raw` and 2; without a number it is connection 1.
fn split_tag(tag: &str) -> Result<(String, u8), String> {
    let digits: String = tag.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return Ok((tag.to_owned(), 1));
    }
    let connection = digits.parse().map_err(|_| format!("{digits} is no connection number"))?;
    Ok((tag.replacen(&digits, "", 1), connection))
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: 10s, 500ms, 5m");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        #[track_caller]
        fn check(content: &str, want: (usize, &str)) {
            let error = Script::parse("x.t", content).unwrap_err();
            assert_eq!((error.line, error.reason.as_str()), want, "{content}");
        }
        check("# only a comment", (1, "no dialogue in this file"));
        check("# a\nhello", (2, "no colon in this line"));
        check("X: a", (1, "unknown tag \"X\""));
        check("C: a\nconfig: b=c", (2, "config lines come before the dialogue"));
        check("config: b", (1, "config: key=value"));
        check("wait: 5", (1, "\"5\" is no time: 10s, 500ms, 5m"));
        check("C-raw: \\q", (1, "unknown escape \\q"));
        check("C999: a", (1, "999 is no connection number"));
    }

    #[test]
    fn tags() {
        assert_eq!(split_tag("C"), Ok(("C".into(), 1)));
        assert_eq!(split_tag("S2*"), Ok(("S*".into(), 2)));
        assert_eq!(split_tag("C3-raw"), Ok(("C-raw".into(), 3)));
        assert_eq!(split_tag("!1"), Ok(("!".into(), 1)));
    }
}
