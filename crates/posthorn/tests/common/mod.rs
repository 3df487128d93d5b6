//! What tests of commands on a store share: the binary, and a demo that runs.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "not every test uses all of it")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthorn"));
    command.env_remove("POSTHORN_CONFIG").env_remove("POSTHORN_DIR");
    command.args(arguments).arg("--dir").arg(dir);
    command
}

/// The exit code, standard output and standard error.
pub fn run_with(dir: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = command(dir, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    run_with(dir, arguments, "")
}

#[track_caller]
pub fn good(dir: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = run(dir, arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

/// The JSON lines that a command prints.
#[track_caller]
pub fn json(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let lines = good(dir, &arguments);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A demo on a directory of its own.
pub struct Demo {
    child: Child,
    facts: Value,
    pub dir: tempfile::TempDir,
}

impl Demo {
    pub fn start() -> Demo {
        let dir = tempfile::tempdir().unwrap();
        let (child, facts) = Demo::start_in(dir.path());
        Demo { child, facts, dir }
    }

    /// On a file system of its own that nobody else sees, of this size (tmpfs(5)).
    pub fn on_small_disk(size: &str) -> Demo {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let script =
            "mount -t tmpfs -o size=$1 tmpfs \"$2\" && exec \"$3\" demo --json --dir \"$2\"";
        command.args(["sh", "-c", script, "sh", size]).arg(dir.path());
        command.arg(env!("CARGO_BIN_EXE_posthorn"));
        let (child, facts) = Demo::ready(&mut command);
        Demo { child, facts, dir }
    }

    pub fn start_in(dir: &Path) -> (Child, Value) {
        Demo::ready(&mut command(dir, &["demo", "--json"]))
    }

    fn ready(command: &mut Command) -> (Child, Value) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (child, serde_json::from_str(&line).unwrap())
    }

    pub fn stop(&mut self) {
        stop(&mut self.child);
    }

    /// With SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The port of a service.
    pub fn port(&self, service: &str) -> u16 {
        let port = self.facts.pointer(&format!("/{service}/port")).and_then(Value::as_u64).unwrap();
        u16::try_from(port).unwrap()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Says these lines to a port and returns what it says.
    pub fn talk(&self, service: &str, lines: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port(service))).unwrap();
        let mut replies = BufReader::new(stream.try_clone().unwrap());
        let mut said = String::new();
        replies.read_line(&mut said).unwrap();
        for line in lines {
            stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            loop {
                let mut reply = String::new();
                replies.read_line(&mut reply).unwrap();
                let goes_on = reply.as_bytes().get(3) == Some(&b'-');
                said.push_str(&reply);
                if !goes_on {
                    break;
                }
            }
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        replies.read_to_string(&mut said).unwrap();
        said
    }

    /// Delivers a message and returns its arrival.
    pub fn deliver(&self, recipient: &str) -> String {
        let said = self.talk(
            "smtp",
            &[
                "EHLO client.example",
                "MAIL FROM:<sender@elsewhere.example>",
                &format!("RCPT TO:<{recipient}>"),
                "DATA",
                "From: Sender <sender@elsewhere.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\
                 \r\nMessage-ID: <1@elsewhere.example>\r\n\r\nHello\r\n.",
                "QUIT",
            ],
        );
        let reply = said.lines().find(|line| line.starts_with("250 2.0.0")).unwrap_or(&said);
        reply.rsplit(' ').next().unwrap().to_owned()
    }
}

pub fn stop(child: &mut Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already stopped, or a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
