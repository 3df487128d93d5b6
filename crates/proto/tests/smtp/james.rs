//! The SMTP dialogues of Apache James' protocol tests: their codes, and where ours differ, why.

use crate::world::MemoryWorld;
use posthorn_testkit::transcript::{Connection, Received, World};
use std::path::Path;

/// Their accounts in our words.
const TRANSLATIONS: [(&str, &str); 4] = [
    ("bob@mydomain.tld", "bob@example.org"),
    ("starttls@mydomain.tld", "alice@example.com"),
    ("Ym9iQG15ZG9tYWluLnRsZA==", "Ym9iQGV4YW1wbGUub3Jn"),
    (r"\r\n", "\r\n"),
];

/// One script: the lines of the client and the codes that the server is expected to answer with, as
/// blocks that alternate.
struct Dialogue(Vec<(Vec<String>, Vec<String>)>);

impl Dialogue {
    fn read(path: &Path) -> Dialogue {
        let mut blocks = vec![(Vec::new(), Vec::new())];
        for line in std::fs::read_to_string(path).unwrap().lines() {
            if let Some(text) = line.strip_prefix("C:") {
                if !blocks.last().unwrap().1.is_empty() {
                    blocks.push((Vec::new(), Vec::new()));
                }
                let mut text = text.strip_prefix(' ').unwrap_or(text).to_owned();
                for (theirs, ours) in TRANSLATIONS {
                    text = text.replace(theirs, ours);
                }
                blocks.last_mut().unwrap().0.push(text);
            } else if let Some(text) = line.strip_prefix("S: ") {
                blocks.last_mut().unwrap().1.push(text.to_owned());
            }
        }
        Dialogue(blocks)
    }

    /// The codes of whole replies: of each reply its last line counts. Their first line of EHLO's
    /// reply is written `250.*`.
    fn codes(lines: &[String]) -> Vec<String> {
        let is_last = |line: &&String| line.as_bytes().get(3) == Some(&b' ');
        lines.iter().filter(is_last).filter_map(|line| line.get(..3)).map(str::to_owned).collect()
    }

    fn play(&self, mut world: MemoryWorld) -> (Vec<String>, Vec<String>) {
        let mut connection = world.connect().unwrap();
        let (mut want, mut got) = (Vec::new(), Vec::new());
        for (client, server) in &self.0 {
            for line in client {
                let end = if line.ends_with("\r\n") { "" } else { "\r\n" };
                connection.send(format!("{line}{end}").as_bytes()).unwrap();
            }
            want.extend(Dialogue::codes(server));
            got.extend(Dialogue::codes(&replies(&mut *connection)));
        }
        (want, got)
    }
}

fn replies(connection: &mut dyn Connection) -> Vec<String> {
    let mut lines = Vec::new();
    while let Received::Bytes(bytes) = connection.receive().unwrap() {
        lines.extend(String::from_utf8(bytes).unwrap().lines().map(str::to_owned));
    }
    lines
}

#[test]
fn dialogues_of_apache_james() {
    #[track_caller]
    fn check(name: &str, config: &[(&str, &str)], difference: Option<(&str, &str)>) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/smtp-james-mpt");
        let mut world = MemoryWorld::new();
        for (key, value) in config {
            world.config(key, value).unwrap();
        }
        let (want, got) = Dialogue::read(&dir.join(name)).play(world);
        assert!(want.len() >= 3, "{name} is a dialogue");
        match difference {
            None => assert_eq!(got, want, "{name}"),
            Some((ours, theirs)) => {
                assert_eq!(want.join(" "), theirs, "{name}: what the script expects");
                assert_eq!(got.join(" "), ours, "{name}: what we answer");
            }
        }
    }
    let submission = [("service", "submission"), ("insecure-auth", "yes")];
    check("helo.test", &[], None);
    check("data_with_starttls.test", &[], None);
    check("data_starts_with_starttls.test", &[], None);
    check("rcpt_with_starttls.test", &[], None);
    check("starttls.test", &[], None);
    // They log in without EHLO. RFC 4954 3: the extension is found by EHLO, so we ask for it; the
    // lines that follow are then no commands.
    check("authplain.test", &submission, Some(("220 503 500 500", "220 334 334 235")));
    // STARTTLS within a message: out of order is 503 (RFC 5321 4.2.4), 501 is for arguments.
    let codes = |last: &str| format!("220 250 334 334 235 250 250 {last}");
    check("starttls_session_fixation.test", &submission, Some((&codes("503"), &codes("501"))));
    // They refuse STARTTLS with commands behind it. We say yes and throw the commands away (RFC
    // 3207 4.2), which tells an attacker in the middle nothing and costs an honest client nothing.
    check("starttls_with_injection.test", &[], Some(("220 250 220", "220 250 451")));
}
