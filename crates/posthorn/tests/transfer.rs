//! Import and export, offline and through a running server.

#![expect(clippy::expect_used, reason = "a panic is how tests fail")]

mod common;

use common::{Demo, good, json, run};
use std::fmt::Write;

/// An mbox of so many messages, the first of them number `from`.
fn mbox(from: usize, count: usize) -> String {
    let mut text = String::new();
    for n in from..from + count {
        write!(
            text,
            "From a@example.com Fri Jul  8 12:{:02}:{:02} 2011\nFrom: A <a@example.com>\n\
             Subject: message {n}\nMessage-ID: <{n}@example.com>\nStatus: {}\n\n\
             Hello\n>From {n}\n\n",
            n / 60 % 60,
            n % 60,
            if n % 2 == 0 { "RO" } else { "O" },
        )
        .expect("a String takes everything");
    }
    text
}

#[test]
fn an_mbox_comes_in_once_and_goes_out_again() {
    let mut demo = Demo::start();
    let dir = demo.dir.path().to_owned();
    let dir = dir.as_path();
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("old.mbox");
    std::fs::write(&path, mbox(0, 250)).unwrap();
    let file = path.to_str().unwrap();
    let import = ["import", "alice", "--mbox", file, "--mailbox", "Old/2011"];
    assert_eq!(json(dir, &import)[0]["imported"], 250);
    let messages = json(dir, &["message", "list", "alice", "Old/2011"]);
    assert_eq!(messages.len(), 250);
    assert_eq!(messages[1]["subject"], "message 1");
    assert_eq!(messages[61]["received_at"], "2011-07-08T12:01:01.000Z");
    assert_eq!(messages[0]["flags"], serde_json::json!(["\\Seen"]));
    assert_eq!(messages[1]["flags"], serde_json::json!([]));
    let story = good(dir, &["message", "story", messages[0]["arrival"].as_str().unwrap()]);
    assert!(story.contains("appended") && story.contains("old.mbox"), "{story}");

    // Again: nothing. Grown: what is new.
    assert_eq!(json(dir, &import)[0]["imported"], 0);
    std::fs::write(&path, mbox(0, 260)).unwrap();
    assert_eq!(good(dir, &import), "10 messages imported\n");
    // Another file under the same name is not taken for the rest of the old one.
    std::fs::write(&path, mbox(0, 3)).unwrap();
    let (code, _, err) = run(dir, &import);
    assert!(code == 65 && err.contains("has changed"), "{err}");
    demo.stop();

    let out = files.path().join("out.mbox");
    let export = ["export", "alice", "--mbox", out.to_str().unwrap(), "--mailbox", "Old/2011"];
    assert_eq!(good(dir, &export), "260 messages exported\n");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), mbox(0, 260));
    let (code, _, err) = run(dir, &export);
    assert!(code == 73 && err.contains("exists already"), "{err}");
    assert!(good(dir, &["store", "check", "--deep"]).contains("found 0 faults"));
}

#[test]
fn a_maildir_comes_in_with_its_folders_and_goes_out_again() {
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("store");
    good(dir, &["domain", "add", "example.com"]);
    for account in ["alice@example.com", "bob@example.com"] {
        good(dir, &["account", "add", account, "--no-password"]);
    }
    let root = home.path().join("Maildir");
    for folder in ["", ".Sent", ".Lists.Rust &- C"] {
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(root.join(folder).join(part)).unwrap();
        }
    }
    let message = |name: &str, n: usize| {
        std::fs::write(root.join(name), format!("Subject: message {n}\n\nHello\n")).unwrap();
    };
    message("cur/1000000001.a.host:2,FSa", 1);
    message("new/1000000002.b.host", 2);
    message(".Sent/cur/1000000003.c.host:2,S", 3);
    message(".Lists.Rust &- C/cur/1000000004.d.host:2,", 4);
    std::fs::write(root.join("dovecot-keywords"), "0 work\n").unwrap();
    let import = ["import", "alice@example.com", "--maildir", root.to_str().unwrap()];
    assert_eq!(good(dir, &import), "4 messages imported\n");
    assert_eq!(good(dir, &import), "0 messages imported\n");
    message("new/1000000005.e.host", 5);
    assert_eq!(good(dir, &import), "1 messages imported\n");
    let inbox = json(dir, &["message", "list", "alice@example.com"]);
    assert_eq!(inbox.len(), 3);
    assert_eq!(inbox[0]["flags"], serde_json::json!(["\\Seen", "\\Flagged", "work"]));
    assert_eq!(json(dir, &["message", "list", "alice@example.com", "Lists/Rust & C"]).len(), 1);

    let out = home.path().join("out");
    let export = ["export", "alice@example.com", "--maildir", out.to_str().unwrap()];
    assert_eq!(good(dir, &export), "5 messages exported\n");
    assert_eq!(good(dir, &export), "0 messages exported\n");
    let back = ["import", "bob@example.com", "--maildir", out.to_str().unwrap()];
    assert_eq!(good(dir, &back), "5 messages imported\n");
    let subjects = |account: &str| -> Vec<(String, String)> {
        let list = json(dir, &["message", "list", account]);
        list.iter().map(|one| (one["subject"].to_string(), one["flags"].to_string())).collect()
    };
    let (mut alice, mut bob) = (subjects("alice@example.com"), subjects("bob@example.com"));
    alice.sort();
    bob.sort();
    assert_eq!(alice, bob);
    assert_eq!(run(dir, &["import", "bob@example.com", "--mbox", "/nonexistent"]).0, 66);
    assert_eq!(run(dir, &["export", "bob@example.com"]).0, 64);
    assert!(good(dir, &["store", "check", "--deep"]).contains("found 0 faults"));
}
