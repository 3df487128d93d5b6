//! Commands on a store: offline, and against a server that has it.

mod common;

use common::{Demo, good, json, run, run_with, stop};

#[test]
fn the_directory_offline() {
    let home = tempfile::tempdir().unwrap();
    let dir = &home.path().join("store");
    let (code, _, err) = run(dir, &["account", "list"]);
    assert!(code == 66 && err.contains("there is no store in"), "{err}");
    good(dir, &["domain", "add", "example.com"]);
    good(dir, &["domain", "add", "example.org"]);
    let (code, _, err) = run(dir, &["domain", "add", "EXAMPLE.com"]);
    assert!(code == 73 && err.contains("exists already"), "{err}");
    let add = ["account", "add", "alice@example.com", "--name", "Alice", "--login", "alice"];
    let more = ["--quota", "1 GiB", "--password-stdin"];
    let (code, out, _) = run_with(dir, &[&add[..], &more[..]].concat(), "wonder land\n");
    assert_eq!((code, out.as_str()), (0, "alice@example.com added\n"));
    good(dir, &["account", "add", "bob@example.org", "--no-password"]);
    let shown = &json(dir, &["account", "show", "alice"])[0];
    assert_eq!(shown["logins"], serde_json::json!(["alice", "alice@example.com"]));
    assert_eq!(shown["quota_bytes"], 1 << 30);
    assert_eq!(shown["credentials"][0]["kind"], "main password");
    assert!(!shown.to_string().contains("argon2"), "{shown}");
    assert!(good(dir, &["account", "show", "alice"]).contains("of 1.0 GiB"));
    assert_eq!(run(dir, &["account", "show", "carol"]).0, 67);

    good(dir, &["account", "disable", "bob@example.org"]);
    assert!(good(dir, &["account", "list"]).contains("disabled"));
    good(dir, &["account", "enable", "bob@example.org"]);
    good(dir, &["account", "quota", "alice", "--messages", "10"]);
    assert!(json(dir, &["account", "show", "alice"])[0]["quota_bytes"].is_null());
    good(dir, &["account", "rename", "bob@example.org", "Bob"]);
    good(dir, &["account", "add-login", "bob@example.org", "bobby"]);
    good(dir, &["account", "remove-login", "bobby"]);
    assert_eq!(run(dir, &["account", "remove-login", "bobby"]).0, 67);

    let info = "info@example.com";
    good(dir, &["alias", "add", info, "alice@example.com", "x@elsewhere.example"]);
    good(dir, &["alias", "set", info, "discard"]);
    let listed = json(dir, &["alias", "list"]);
    assert_eq!(listed, [serde_json::json!({ "name": info, "targets": ["discard"] })]);
    let (code, _, err) = run(dir, &["list", "remove", info]);
    assert!(code == 65 && err.contains("is no list, but alias"), "{err}");
    let team = ["list", "add", "team@example.com", "--owner", "alice", "--posting", "members"];
    good(dir, &[&team[..], &["alice@example.com", "bob@example.org"]].concat());
    assert!(good(dir, &["list", "list", "example.com"]).contains("members"));
    assert_eq!(good(dir, &["list", "list", "example.org"]), "no lists\n");
    good(dir, &["list", "remove", "team@example.com"]);
    good(dir, &["alias", "remove", info]);

    good(dir, &["grant", "add", "alice", "@example.org", "--use", "from"]);
    let grants = json(dir, &["grant", "list", "alice"]);
    assert_eq!(grants[0], serde_json::json!({ "address": "@example.org", "uses": ["from"] }));
    good(dir, &["grant", "remove", "alice", "@example.org"]);

    let made = &json(dir, &["app-password", "add", "alice", "phone", "--scope", "pop3"])[0];
    assert_eq!(made["password"].as_str().unwrap().len(), 29);
    assert!(good(dir, &["app-password", "list", "alice"]).contains("pop3"));
    good(dir, &["app-password", "remove", "alice", "phone"]);
    let (code, _, err) = run(dir, &["app-password", "add", "alice", "x", "--scope", "telnet"]);
    assert!(code == 65 && err.contains("managesieve"), "{err}");

    assert!(good(dir, &["mailbox", "list", "alice"]).contains("INBOX"));
    good(dir, &["account", "remove", "bob@example.org", "--with-all-mail"]);
    good(dir, &["domain", "default", "example.com"]);
    good(dir, &["domain", "remove", "example.org"]);
    assert_eq!(json(dir, &["domain", "list"]).len(), 1);
    assert!(good(dir, &["store", "check", "--deep"]).contains("found 0 faults"));
    assert_eq!(run(dir, &["block", "list"]).0, 69, "only a server has blocks");
}

#[test]
fn mail_online_and_offline() {
    let mut demo = Demo::start();
    let arrival = demo.deliver("alice@example.com");
    let dir = demo.dir.path().to_owned();
    let dir = dir.as_path();
    let messages = json(dir, &["message", "list", "alice"]);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["subject"], "Gr\u{fc}\u{df}e");
    assert_eq!(messages[0]["from"], "Sender <sender@elsewhere.example>");
    assert_eq!(messages[0]["arrival"], arrival.as_str());
    let id = messages[0]["id"].as_str().unwrap();
    let shown = good(dir, &["message", "show", id]);
    assert!(shown.starts_with("Return-Path: <sender@elsewhere.example>\r\n"), "{shown}");
    assert!(shown.ends_with("\r\n\r\nHello\r\n") && shown.contains(&arrival), "{shown}");
    let story = good(dir, &["message", "story", &arrival]);
    for word in ["connected", "greeted", "resolved", "placed", "committed", "[alice@example.com]"] {
        assert!(story.contains(word), "{word} not in {story}");
    }
    assert_eq!(run(dir, &["message", "story", "0000000000001"]).0, 67);

    // What is submitted for elsewhere waits in the queue.
    let said = demo.talk(
        "submission",
        &[
            "EHLO client.example",
            "AUTH PLAIN AGFsaWNlAHBhc3N3b3Jk",
            "MAIL FROM:<alice@example.com>",
            "RCPT TO:<carol@elsewhere.example>",
            "DATA",
            "From: alice@example.com\r\nSubject: hi\r\n\r\nHello\r\n.",
            "QUIT",
        ],
    );
    assert!(said.contains("\r\n221 "), "{said}");
    let queue = json(dir, &["queue", "list", "--domain", "elsewhere.example"]);
    assert_eq!(queue.len(), 1, "{said}");
    assert_eq!(queue[0]["to"], "carol@elsewhere.example");
    let row = queue[0]["id"].as_str().unwrap();
    good(dir, &["queue", "hold", row]);
    assert!(good(dir, &["queue", "show", row]).contains("held since"));
    good(dir, &["queue", "release", row]);
    good(dir, &["queue", "remove", row]);
    assert_eq!(good(dir, &["queue", "list"]), "the queue is empty\n");
    assert_eq!(run(dir, &["queue", "show", row]).0, 67);
    let story = good(dir, &["message", "story", queue[0]["arrival"].as_str().unwrap()]);
    for word in ["logged-in", "routed", "queued", "held", "removed"] {
        assert!(story.contains(word), "{word} not in {story}");
    }
    let stories = json(dir, &["message", "stories", "--limit", "5"]);
    assert_eq!(stories.len(), 2);

    let answer = json(dir, &["store", "sql", "SELECT COUNT(*) AS n FROM email"]);
    assert_eq!(answer[0]["n"], 1);
    assert_eq!(run(dir, &["store", "sql", "DELETE FROM email"]).0, 77);
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join("copy");
    good(dir, &["store", "snapshot", target.to_str().unwrap()]);
    assert_eq!(json(&target, &["message", "list", "alice"]).len(), 1);
    assert!(good(&target, &["store", "check", "--deep"]).contains("found 0 faults"));

    assert_eq!(good(dir, &["message", "expunged", "alice"]), "nothing can be restored\n");
    assert_eq!(run(dir, &["message", "restore", "alice", id]).0, 67);
    assert_eq!(good(dir, &["store", "purge", "--now"]), "0 purged\n");
    demo.stop();
    // The same store without its server.
    assert_eq!(json(dir, &["message", "list", "alice"]).len(), 1);
    assert!(good(dir, &["store", "check", "--deep"]).contains("found 0 faults"));
    let (mut again, _) = Demo::start_in(dir);
    assert_eq!(json(dir, &["message", "list", "alice@example.com"]).len(), 1);
    assert_eq!(json(dir, &["account", "list"]).len(), 2);
    stop(&mut again);
}
