use super::super::tcp::TcpConnection;
use super::*;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// A server that answers each line by rules: `say X` says X, `two X` says it twice, `quit` closes.
struct Echo {
    greeting: Option<String>,
    waited: Duration,
}

struct EchoConnection {
    input: Vec<u8>,
    output: Vec<u8>,
    closed: bool,
}

impl World for Echo {
    fn config(&mut self, key: &str, value: &str) -> Result<(), String> {
        if key != "greeting" {
            return Err(format!("unknown key {key}"));
        }
        self.greeting = Some(format!("{value}\r\n"));
        Ok(())
    }
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let output = self.greeting.clone().unwrap_or_default().into_bytes();
        Ok(Box::new(EchoConnection { input: Vec::new(), output, closed: false }))
    }
    fn wait(&mut self, time: Duration) -> Result<(), String> {
        self.waited += time;
        Ok(())
    }
}

impl Connection for EchoConnection {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.extend(bytes);
        while let Some(end) = self.input.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            match line.split_once(' ') {
                Some(("say", text)) => self.output.extend(text.bytes()),
                Some(("two", text)) => self.output.extend(text.repeat(2).bytes()),
                _ => self.closed = true,
            }
        }
        Ok(())
    }
    fn receive(&mut self) -> io::Result<Received> {
        match self.pending()? {
            bytes if !bytes.is_empty() => Ok(Received::Bytes(bytes)),
            _ if self.closed => Ok(Received::Closed),
            _ => Ok(Received::Silent),
        }
    }
    fn pending(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.output))
    }
    fn start_tls(&mut self) -> io::Result<()> {
        self.output.extend(b"tls\r\n");
        Ok(())
    }
    fn close(&mut self) -> io::Result<()> {
        self.closed = true;
        Ok(())
    }
}

fn play(content: &str) -> Result<(), Failure> {
    let script = Script::parse("test.t", content).unwrap();
    run(&script, &mut Echo { greeting: None, waited: Duration::ZERO })
}

#[track_caller]
fn fails(content: &str, line: usize, got: &str) {
    let failure = play(content).unwrap_err();
    assert_eq!((failure.line, failure.got.as_str()), (line, got), "{failure}");
}

#[test]
fn a_dialogue_that_holds() {
    let content = "# title\nconfig: greeting=hello 7\n\nS: hello $n\nC: say id-$n x\nS: id-7 ...\n\
        C2: two b\nS2: hello $n\n!2: c\nS2: b\nS2*: b\nC-raw: say \\x61\\r\\nsay b\\r\\n\nS: a\n\
        S*: b\nC: <starttls>\nS: tls\nwait: 5m\nC: quit\nS: <closed>\n";
    assert_eq!(play(content), Ok(()));
}

#[test]
fn failures_say_where_and_what() {
    fails("C: say a\nS: b", 2, "a");
    fails("C: say a\nS: a\nS: a", 3, "nothing");
    fails("C: quit now\nS: a", 2, "the server closed");
    fails("C: say a\nS: <closed>", 2, "a");
    fails("C: say a\nS: a\nS: <closed>", 3, "the connection stays open, nothing is said");
    fails("C: two a\nS: a", 2, "on connection 1: a\\r\\n");
    fails("C: two a\nC: say b\n!: a\nS*: b", 4, "a (forbidden by a `!` line)");
    fails("C: say a\nS: a\n!: b", 3, "a `!` line that no expectation follows");
    fails("C: say a\nS*: b", 2, "nothing, the last line being a");
    fails("C-raw: say a\\n\nS: a", 2, "a with a bare LF at its end");
    fails("C: $x", 1, "$x is not bound");
    fails("config: colour=red\nC: say a", 1, "unknown key colour");
    let failure = play("C: say a\nS: a\nC: say b\nS: c").unwrap_err();
    let shown = failure.to_string();
    assert!(shown.starts_with("test.t:4\n  expected  S: c\n  got       b\n"), "{shown}");
    assert!(shown.ends_with("    S1: a\n    C1: say b\\r\\n\n    S1: b\n"), "{shown}");
}

/// The same runner over TCP, where a server is on another thread.
struct Network(std::net::SocketAddr);
impl World for Network {
    fn config(&mut self, key: &str, _value: &str) -> Result<(), String> {
        Err(format!("unknown key {key}"))
    }
    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(TcpConnection::connect(self.0, None, false)?))
    }
    fn wait(&mut self, _time: Duration) -> Result<(), String> {
        Err("this clock is real".into())
    }
}

#[test]
fn over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"+OK ready\r\n").unwrap();
        let mut line = [0; 6];
        socket.read_exact(&mut line).unwrap();
        socket.write_all(b"+OK bye\r\n").unwrap();
        line
    });
    let script = Script::parse("tcp.t", "S: +OK ready\nC: QUIT\nS: +OK bye\nS: <closed>").unwrap();
    assert_eq!(run(&script, &mut Network(address)), Ok(()));
    assert_eq!(&server.join().unwrap(), b"QUIT\r\n");
}
