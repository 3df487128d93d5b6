//! What a demo tells once it is ready.

use super::Demo;
use posthorn_server::run::ServiceKind;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::net::SocketAddr;

/// Accounts that are listed for people; a crowd is only counted.
const LISTED: usize = 4;

/// The line for programs: an object per protocol with host and port, the accounts, the certificate.
pub fn json(demo: &Demo) -> Value {
    let mut line = Map::new();
    for (kind, address) in demo.serving.addresses() {
        let place = serde_json::json!({ "host": address.ip().to_string(), "port": address.port() });
        line.insert(kind.name().to_owned(), place);
    }
    line.insert("accounts".to_owned(), serde_json::json!(demo.accounts));
    line.insert("certificate".to_owned(), serde_json::json!(demo.certificate));
    line.insert("dir".to_owned(), serde_json::json!(demo.dir));
    line.insert("pid".to_owned(), serde_json::json!(std::process::id()));
    Value::Object(line)
}

/// The text for people: ports, passwords, and what to type.
pub fn text(demo: &Demo) -> String {
    let mut text = String::from("A mail server for this machine alone. Ctrl-C ends it.\n\n");
    // Writing to a String cannot fail.
    for (kind, address) in demo.serving.addresses() {
        let _ = writeln!(text, "  {:<12} {:<16} {}", kind.name(), address, meaning(*kind));
    }
    text.push('\n');
    for account in demo.accounts.iter().take(LISTED) {
        let _ = write!(
            text,
            "  {:<12} {:<18} password {}",
            account.login, account.address, account.password
        );
        if let Some(password) = &account.app_password {
            let _ = write!(text, ", for reading mail also {password}");
        }
        text.push('\n');
    }
    if demo.accounts.len() > LISTED {
        let _ = writeln!(text, "  ... {} accounts in all", demo.accounts.len());
    }
    let _ = writeln!(text, "\n  store        {}", demo.dir.display());
    let _ = writeln!(text, "  certificate  {}", demo.certificate.display());
    text.push_str(&lines_to_paste(demo));
    text
}

const fn meaning(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Smtp => "mail from other servers, STARTTLS",
        ServiceKind::Submission => "mail from users, STARTTLS",
        ServiceKind::Submissions => "mail from users, TLS from the first byte",
        ServiceKind::Pop3 => "fetching mail, STLS",
        ServiceKind::Pop3s => "fetching mail, TLS from the first byte",
        ServiceKind::Imap => "reading mail, STARTTLS",
        ServiceKind::Imaps => "reading mail, TLS from the first byte",
    }
}

fn lines_to_paste(demo: &Demo) -> String {
    let port = |wanted: &str| {
        let found = demo.serving.addresses().iter().find(|(kind, _)| kind.name() == wanted);
        found.map(|(_, address): &(_, SocketAddr)| address.port())
    };
    let certificate = demo.certificate.display();
    let mut text = String::new();
    if let Some(port) = port("submission") {
        let _ = write!(
            text,
            "\nSend from alice to bob:\n\n  \
             printf 'From: alice@example.com\\nTo: bob@example.org\\nSubject: Hello\\n\\nHello \
             Bob\\n' |\n    \
             curl -s --ssl-reqd --cacert {certificate} smtp://localhost:{port} -u alice:password \\\n    \
             --mail-from alice@example.com --mail-rcpt bob@example.org --crlf -T -\n\n  \
             swaks -s 127.0.0.1:{port} -tls -a PLAIN -au alice -ap password \\\n    \
             -f alice@example.com -t bob@example.org\n"
        );
    }
    if let Some(port) = port("pop3s") {
        let _ = write!(
            text,
            "\nRead it as bob:\n\n  \
             curl -s --cacert {certificate} pop3s://localhost:{port}/1 -u bob:secret\n"
        );
    }
    let dir = demo.dir.display();
    let _ = write!(
        text,
        "\nSee what became of it:\n\n  \
         posthorn --dir {dir} message list bob@example.org\n  \
         posthorn --dir {dir} queue list\n"
    );
    text
}
