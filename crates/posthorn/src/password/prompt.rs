//! Asking for a password.

use super::Password;
use crate::exit::{Exit, Explain};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use posthorn_base::limits::CREDENTIAL_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Nobody can be asked.
    #[error("there is no terminal to ask for the password")]
    NoTerminal(#[source] io::Error),
    /// Reading failed.
    #[error("cannot read the password")]
    Read(#[from] io::Error),
    /// Nothing was given.
    #[error("the password is empty")]
    Empty,
    /// More than `limits::CREDENTIAL_BYTES_MAX`.
    #[error("the password has more than {CREDENTIAL_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8, or with control characters in it.
    #[error("the password has characters that no login can send")]
    Characters,
    /// The second time it was another one.
    #[error("the two passwords differ")]
    Differ,
}

impl Explain for PasswordError {
    fn exit(&self) -> Exit {
        match self {
            PasswordError::NoTerminal(_) => Exit::Usage,
            PasswordError::Read(_) => Exit::InputOutput,
            PasswordError::Empty
            | PasswordError::TooLong
            | PasswordError::Characters
            | PasswordError::Differ => Exit::DataError,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            PasswordError::NoTerminal(_) => {
                Some("give it on standard input, with --password-stdin".to_owned())
            }
            _ => None,
        }
    }
}

/// Asks for a password on the terminal, without showing it.
pub fn ask(question: &str) -> Result<Password, PasswordError> {
    let terminal = Terminal::open()?;
    let answer = terminal.ask(question)?;
    check(answer)
}

/// Asks for a new password twice, so that a slip of the fingers is noticed.
pub fn ask_twice(question: &str) -> Result<Password, PasswordError> {
    let first = ask(question)?;
    let terminal = Terminal::open()?;
    // An empty or long second answer differs from the first, whatever else it is.
    let again = terminal.ask("The same again: ")?;
    if again == first.expose().as_bytes() { Ok(first) } else { Err(PasswordError::Differ) }
}

/// Reads a password from standard input: its first line, or all of it.
pub fn from_stdin() -> Result<Password, PasswordError> {
    check(line(io::stdin().lock())?)
}

/// The first line without its end. Reads no more than what could be a password.
fn line(input: impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Room for a line end, and one byte that shows that it is too long.
    input.take(CREDENTIAL_BYTES_MAX as u64 + 3).read_until(b'\n', &mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

fn check(bytes: Vec<u8>) -> Result<Password, PasswordError> {
    if bytes.is_empty() {
        return Err(PasswordError::Empty);
    }
    if bytes.len() > CREDENTIAL_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let text = String::from_utf8(bytes).map_err(|_| PasswordError::Characters)?;
    if text.chars().any(char::is_control) {
        return Err(PasswordError::Characters);
    }
    Ok(Password::new(text))
}

/// The terminal that the command was typed on, even when its input and output go elsewhere.
struct Terminal {
    file: File,
}

impl Terminal {
    fn open() -> Result<Terminal, PasswordError> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/tty");
        Ok(Terminal { file: file.map_err(PasswordError::NoTerminal)? })
    }

    fn ask(&self, question: &str) -> Result<Vec<u8>, PasswordError> {
        // Hidden before asked: an answer typed at once would else be shown.
        let hidden = Hidden::start(&self.file)?;
        (&self.file).write_all(question.as_bytes())?;
        let answer = line(io::BufReader::new(&self.file));
        drop(hidden);
        // The line end that was typed was not shown either.
        (&self.file).write_all(b"\n")?;
        Ok(answer?)
    }
}

/// While this lives, the terminal does not show what is typed.
struct Hidden<'t> {
    file: &'t File,
    before: Termios,
}

impl Hidden<'_> {
    fn start(file: &File) -> io::Result<Hidden<'_>> {
        let before = tcgetattr(file)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        // What was typed before the question is not an answer to it.
        tcsetattr(file, SetArg::TCSAFLUSH, &silent)?;
        Ok(Hidden { file, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.file, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_first_line_is_the_password() {
        #[track_caller]
        fn check_input(input: &[u8], want: Result<&str, &str>) {
            let got = line(input).map_err(PasswordError::from).and_then(check);
            let got = got.map(|p| p.expose().to_owned()).map_err(|e| e.to_string());
            assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned));
        }
        check_input(b"secret", Ok("secret"));
        check_input(b"secret\n", Ok("secret"));
        check_input(b"secret\r\nmore\n", Ok("secret"));
        check_input(" p\u{e4}ss word ".as_bytes(), Ok(" p\u{e4}ss word "));
        check_input(b"", Err("the password is empty"));
        check_input(b"\nsecret\n", Err("the password is empty"));
        check_input(b"a\0b\n", Err("the password has characters that no login can send"));
        check_input(b"a\xff\n", Err("the password has characters that no login can send"));
        let longest = vec![b'x'; CREDENTIAL_BYTES_MAX];
        let text = String::from_utf8(longest.clone()).unwrap();
        check_input(&longest, Ok(&text));
        check_input(&[&longest[..], b"\r\n"].concat(), Ok(&text));
        let too_long = format!("the password has more than {CREDENTIAL_BYTES_MAX} bytes");
        check_input(&[&longest[..], b"x"].concat(), Err(&too_long));
        check_input(&[&longest[..], &longest[..]].concat(), Err(&too_long));
    }

    /// On a terminal of its own, which `script` makes.
    #[test]
    #[ignore = "run by the_answer_is_not_shown in a process of its own"]
    fn asks() {
        let password = ask_twice("New password: ").unwrap();
        assert_eq!(password.expose(), "corr\u{e9}ct horse");
        println!("it was right");
    }

    #[test]
    fn the_answer_is_not_shown() {
        use std::process::{Command, Stdio};
        let program = std::env::current_exe().unwrap();
        let asks = "--exact password::prompt::tests::asks --ignored --nocapture";
        let mut child = Command::new("script")
            .args(["-qec", &format!("{} {asks}", program.display()), "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut typed, mut shown) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut screen = Vec::new();
        for question in ["New password: ", "The same again: "] {
            // What is typed before the question would be thrown away.
            while !String::from_utf8_lossy(&screen).ends_with(question) {
                let mut byte = [0];
                shown.read_exact(&mut byte).unwrap();
                screen.extend(byte);
            }
            typed.write_all("corr\u{e9}ct horse\n".as_bytes()).unwrap();
        }
        shown.read_to_end(&mut screen).unwrap();
        let screen = String::from_utf8_lossy(&screen);
        assert!(child.wait().unwrap().success(), "{screen}");
        assert!(screen.contains("it was right") && !screen.contains("horse"), "{screen}");
    }
}
