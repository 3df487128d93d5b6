//! What is wrong in a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A spot in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// How many characters are meant; at least 1.
    pub width: usize,
    /// The whole line, or nothing where it holds a secret.
    pub text: Option<String>,
}

impl Place {
    /// The place of a byte range of `file`. Passwords in URLs do not appear in its text.
    pub fn of(file: &str, range: &Range<usize>) -> Place {
        let start = range.start.min(file.len());
        let before = file.get(..start).unwrap_or(file);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = file.get(line_start..).unwrap_or_default();
        let text = rest.lines().next().unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let meant = file.get(start..range.end.min(line_start + text.len())).unwrap_or_default();
        Place {
            line: before.matches('\n').count() + 1,
            column,
            width: meant.chars().count().max(1),
            text: Some(without_password(text)),
        }
    }
}

/// Blanks the password of a `scheme://user:password@host` in a line, character by character, so
/// that columns stay where they are.
fn without_password(line: &str) -> String {
    let password = line.find("://").and_then(|scheme| {
        let at = line.rfind('@')?;
        let colon = line.get(scheme + 3..at)?.find(':')? + scheme + 4;
        Some(colon..at)
    });
    let is_secret = |at: usize| password.as_ref().is_some_and(|range| range.contains(&at));
    line.char_indices().map(|(at, c)| if is_secret(at) { '*' } else { c }).collect()
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The server starts, but probably not as meant.
    Warning,
    /// The server does not start.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands; `None` for what is missing, or is no fault of the file.
    pub place: Option<Place>,
    /// The key it is about, such as `smtp.idle`; empty where none is.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// All that was found wrong in one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub path: PathBuf,
    /// What is wrong in it.
    pub list: Vec<Problem>,
}

impl Problems {
    /// Nothing is wrong yet.
    pub fn none(path: &Path) -> Problems {
        Problems { path: path.to_owned(), list: Vec::new() }
    }
    /// How many are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }
    /// True when the server would not start.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
    /// Puts them in the order of the file; what has no place comes last.
    pub fn sort(&mut self) {
        self.list.sort_by_key(|p| p.place.as_ref().map_or((usize::MAX, 0), |p| (p.line, p.column)));
    }
}

/// One problem after the other, each with its line:
///
/// ```text
/// posthorn.toml:12:1: error: unknown key `idel` in [smtp]
///   |
/// 12 | idel = "5 min"
///   | ^^^^
///   = did you mean `idle`?
/// ```
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.list.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            self.write_one(problem, f)?;
        }
        Ok(())
    }
}

impl Problems {
    fn write_one(&self, problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let severity = problem.severity.word();
        let Some(place) = &problem.place else {
            writeln!(f, "{path}: {severity}: {}", problem.message)?;
            return match &problem.hint {
                Some(hint) => writeln!(f, "  = {hint}"),
                None => Ok(()),
            };
        };
        writeln!(f, "{path}:{}:{}: {severity}: {}", place.line, place.column, problem.message)?;
        let line = place.line.to_string();
        let margin = " ".repeat(line.len());
        if let Some(text) = &place.text {
            // A tab before the marks stays one, so that the marks stand under what they mean.
            let indent: String = (text.chars().take(place.column - 1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            writeln!(f, "{margin} |")?;
            writeln!(f, "{line} | {}", text.trim_end())?;
            writeln!(f, "{margin} | {indent}{}", "^".repeat(place.width))?;
        }
        if let Some(hint) = &problem.hint {
            writeln!(f, "{margin} = {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        #[track_caller]
        fn check(file: &str, range: Range<usize>, want: (usize, usize, usize, &str)) {
            let place = Place::of(file, &range);
            let text = place.text.as_deref().unwrap();
            assert_eq!((place.line, place.column, place.width, text), want);
        }
        check("a = 1\nbb = 2\n", 6..8, (2, 1, 2, "bb = 2"));
        check("a = 1\nbb = 2\n", 11..12, (2, 6, 1, "bb = 2"));
        check("ä = 1", 3..4, (1, 3, 1, "ä = 1"));
        check("a = [\n1,\n]", 4..9, (1, 5, 1, "a = ["));
        check("a", 1..1, (1, 2, 1, "a"));
        check("a\n", 2..2, (2, 1, 1, ""));
        check("", 0..0, (1, 1, 1, ""));
        check("a\r\nb\r\n", 3..4, (2, 1, 1, "b"));
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let line = "url = \"postgres://mail:se:cr@t@db/mail\"";
        let place = Place::of(line, &(0..3));
        assert_eq!(place.text.unwrap(), "url = \"postgres://mail:*******@db/mail\"");
    }
}
