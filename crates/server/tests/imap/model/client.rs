//! A client's connection: says commands, reads responses, one by one.

use super::fault::{Fault, Tamper};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Only a failing test waits this long.
const SILENCE: Duration = Duration::from_secs(60);

/// A response, as far as the model cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Exists(usize),
    Recent(usize),
    Expunge(usize),
    Vanished { earlier: bool, uids: Vec<u32> },
    Fetch { number: usize, uid: Option<u32>, flags: Option<BTreeSet<String>> },
    Code(String),
    Search(Vec<u32>),
    Bye(String),
    Continue,
    Tagged { tag: String, status: String, text: String },
    Other(String),
}

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    commands: u32,
    /// The command that is answered.
    current: String,
    /// A fault that the server seems to have.
    tamper: Option<Tamper>,
    /// The last lines, for failures.
    pub(crate) log: std::collections::VecDeque<String>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        let (current, log) = (String::new(), Default::default());
        Connection { stream, commands: 0, current, tamper: None, log }
    }

    /// From now on what is heard has this fault.
    pub(super) fn tamper(&mut self, fault: Fault) {
        self.tamper = Some(Tamper::new(fault));
    }

    fn note(&mut self, line: String) {
        self.log.push_back(line);
        if self.log.len() > 60 {
            self.log.pop_front();
        }
    }

    /// Says a line as it is.
    pub(crate) fn say(&mut self, line: &str) {
        self.note(format!("C: {}", line.trim_end()));
        // The server may have said BYE; then what it said is read next.
        let _ = self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes());
    }

    /// Says a command; answers its tag.
    pub(crate) fn command(&mut self, command: &str) -> String {
        self.commands += 1;
        command.clone_into(&mut self.current);
        let tag = format!("t{}", self.commands);
        self.say(&format!("{tag} {command}"));
        tag
    }

    /// The next response; `None` at the end of the connection.
    pub(crate) fn hear(&mut self) -> Option<Heard> {
        let Some(mut tamper) = self.tamper.take() else { return self.read() };
        let mut heard = tamper.ready();
        while heard.is_none() {
            let Some(read) = self.read() else { break };
            heard = tamper.turn(read, &self.current).or_else(|| tamper.ready());
        }
        self.tamper = Some(tamper);
        heard
    }

    fn read(&mut self) -> Option<Heard> {
        let mut text = Vec::new();
        loop {
            let before = text.len();
            match self.stream.read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}: {:#?}", self.log),
            }
            assert!(text.ends_with(b"\r\n"), "a line without CRLF: {:?}", text);
            let line = String::from_utf8_lossy(&text[before..]).into_owned();
            let Some(octets) = literal(line.trim_end()) else { break };
            let mut data = vec![0; octets];
            self.stream.read_exact(&mut data).unwrap();
            text.extend_from_slice(&data);
        }
        let line = String::from_utf8_lossy(&text).trim_end().to_owned();
        self.note(format!("S: {line}"));
        Some(parse(&line))
    }
}

fn literal(line: &str) -> Option<usize> {
    let (_, digits) = line.strip_suffix('}')?.rsplit_once('{')?;
    digits.parse().ok()
}

fn parse(line: &str) -> Heard {
    if line.starts_with('+') {
        return Heard::Continue;
    }
    let Some(rest) = line.strip_prefix("* ") else {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        return Heard::Tagged { tag: word(), status: word(), text: word() };
    };
    let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    if let Ok(number) = first.parse::<usize>() {
        let (word, behind) = behind.split_once(' ').unwrap_or((behind, ""));
        return match word {
            "EXISTS" => Heard::Exists(number),
            "RECENT" => Heard::Recent(number),
            "EXPUNGE" => Heard::Expunge(number),
            "FETCH" => fetch(number, behind),
            _ => Heard::Other(line.to_owned()),
        };
    }
    match first {
        "VANISHED" => {
            let earlier = behind.starts_with("(EARLIER) ");
            let set = behind.trim_start_matches("(EARLIER) ");
            Heard::Vanished { earlier, uids: numbers(set) }
        }
        "SEARCH" => {
            Heard::Search(behind.split_whitespace().filter_map(|word| word.parse().ok()).collect())
        }
        "BYE" => Heard::Bye(behind.to_owned()),
        "OK" if behind.starts_with('[') => {
            let code = behind.trim_start_matches('[');
            Heard::Code(code.split_once(']').unwrap_or((code, "")).0.to_owned())
        }
        _ => Heard::Other(line.to_owned()),
    }
}

/// The numbers of a set without `*`.
pub(crate) fn numbers(set: &str) -> Vec<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap();
    let range = |part: &str| match part.split_once(':') {
        Some((from, to)) => number(from)..=number(to),
        None => number(part)..=number(part),
    };
    set.split(',').flat_map(range).collect()
}

/// UID and FLAGS; all other items are passed over.
fn fetch(number: usize, items: &str) -> Heard {
    let behind = |word: &str| {
        let at = items.find(word)?;
        items.get(at + word.len()..)
    };
    let uid = behind("UID ").map(|text| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    });
    let flags = behind("FLAGS (").map(|text| {
        let (list, _) = text.split_once(')').unwrap();
        list.split_whitespace().map(str::to_ascii_lowercase).collect()
    });
    Heard::Fetch { number, uid, flags }
}
