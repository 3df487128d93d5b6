//! What commands say when they refuse: each says what would help, to people and to programs.

#![cfg(test)]

mod common;

use common::{command, good, run, run_with};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Whoever refuses says these words, with this exit code.
#[track_caller]
fn refused(dir: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let (got, out, err) = run(dir, arguments);
    assert_eq!((got, out.as_str()), (code, ""), "{arguments:?}: {err}");
    for word in words {
        assert!(err.contains(word), "{word:?} is not in {err}");
    }
}

fn store() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    good(home.path(), &["domain", "add", "example.com"]);
    for who in ["alice@example.com", "bob@example.com"] {
        good(home.path(), &["account", "add", who, "--no-password"]);
    }
    home
}

#[test]
fn what_is_not_there_comes_with_where_to_look() {
    let home = store();
    let dir = home.path();
    let no_domain = ["there is no domain example.net", "posthorn domain add example.net"];
    refused(dir, &["account", "add", "a@example.net", "--no-password"], 67, &no_domain);
    refused(dir, &["alias", "add", "a@example.net", "discard"], 67, &no_domain);
    refused(dir, &["account", "show", "carol"], 67, &["posthorn account list"]);
    refused(dir, &["account", "password", "carol"], 67, &["posthorn account list"]);
    refused(dir, &["list", "remove", "l@example.com"], 67, &["posthorn list list"]);
    refused(dir, &["alias", "remove", "l@example.com"], 67, &["posthorn alias list"]);
    refused(dir, &["message", "list", "bob@example.com", "Nope"], 67, &["posthorn mailbox list"]);
    refused(dir, &["grant", "remove", "bob@example.com", "x@y.example"], 67, &["grant list"]);
    refused(dir, &["account", "remove-login", "nobody"], 67, &["posthorn account show"]);
    let gone = "0000000000001";
    refused(dir, &["message", "show", gone], 67, &["posthorn message list ACCOUNT"]);
    refused(dir, &["message", "story", gone], 67, &["posthorn message stories"]);
    refused(dir, &["queue", "show", gone], 67, &["posthorn queue list"]);
    refused(dir, &["message", "show", "1"], 64, &["13 characters", "message list ACCOUNT"]);
    refused(dir, &["queue", "show", "1"], 64, &["posthorn queue list"]);
    refused(dir, &["account", "quota", "bob@example.com", "--bytes", "5"], 64, &["'2 GiB'"]);
    refused(dir, &["import", "bob@example.com"], 64, &["--mbox <FILE>", "--maildir <DIR>"]);
    refused(dir, &["export", "bob@example.com"], 64, &["--mbox <FILE>", "--maildir <DIR>"]);
    let nofile = ["import", "bob@example.com", "--mbox", "/nofile"];
    refused(dir, &nofile, 66, &["cannot read /nofile", "No such file"]);
    let nodir = ["import", "bob@example.com", "--maildir", "/proc"];
    refused(dir, &nodir, 65, &["/proc is no Maildir", "cur and new"]);
}

#[test]
fn nobody_types_a_password_for_an_account_that_cannot_be() {
    let home = store();
    let dir = home.path();
    // There is no terminal here: had it been asked for, that would be the complaint.
    refused(dir, &["account", "add", "a@example.net"], 67, &["there is no domain"]);
    refused(dir, &["account", "add", "BOB@example.com"], 73, &["exists already"]);
    let taken = ["account", "add", "c@example.com", "--login", "bob@example.com"];
    refused(dir, &taken, 73, &["login name bob@example.com exists already"]);
    // A bare name that nobody was granted is free, though it leads to bob of the default domain.
    good(dir, &["domain", "add", "example.org"]);
    let add = ["account", "add", "bob@example.org", "--login", "bob", "--password-stdin"];
    assert_eq!(run_with(dir, &add, "secret\n").0, 0);
}

#[test]
fn a_mailbox_is_an_argument_or_an_option() {
    let home = store();
    let dir = home.path();
    for arguments in [&["Sent"][..], &["--mailbox", "Sent"], &[]] {
        let list = [&["message", "list", "bob@example.com"], arguments].concat();
        assert_eq!(good(dir, &list), "no messages\n");
        let to = dir.join(format!("out{}", arguments.len()));
        let export = ["export", "bob@example.com", "--mbox", to.to_str().unwrap()];
        good(dir, &[&export, arguments].concat());
        let import = ["import", "bob@example.com", "--mbox", to.to_str().unwrap()];
        good(dir, &[&import, arguments].concat());
    }
    let both = ["message", "list", "bob@example.com", "Sent", "--mailbox", "Sent"];
    assert_eq!(run(dir, &both).0, 64);
}

#[test]
fn nothing_leads_to_an_address_of_ours_that_is_not_there() {
    let home = store();
    let dir = home.path();
    let insist = "--allow-dangling";
    let dangling = ["carol@example.com is in a domain of ours", "account add carol", insist];
    let add = ["alias", "add", "info@example.com", "alice@example.com", "carol@example.com"];
    refused(dir, &add, 67, &dangling);
    let set = ["alias", "set", "info@example.com", "carol@example.com"];
    good(dir, &["alias", "add", "info@example.com", "alice+x@example.com", "x@else.example"]);
    refused(dir, &set, 67, &dangling);
    good(dir, &[&set[..], &[insist]].concat());
    let list = ["list", "add", "team@example.com", "--owner", "bob@example.com"];
    refused(dir, &[&list[..], &["carol@example.com"]].concat(), 67, &dangling);
    good(dir, &[&list[..], &["alice+team@example.com"]].concat());
    let members = ["list", "set", "team@example.com", "alice@example.com", "c@example.com"];
    refused(dir, &members, 67, &["c@example.com is in a domain of ours"]);

    let remove = ["account", "remove", "alice@example.com", "--with-all-mail"];
    refused(dir, &remove, 65, &["team@example.com leads to alice@example.com", insist]);
    good(dir, &["alias", "add", "all@example.com", "team@example.com", "alice@example.com"]);
    refused(dir, &remove, 65, &["all@example.com, team@example.com lead to"]);
    let remove_list = ["list", "remove", "team@example.com"];
    refused(dir, &remove_list, 65, &["all@example.com leads to team@example.com"]);
    good(dir, &[&remove[..], &[insist]].concat());
    good(dir, &[&remove_list[..], &[insist]].concat());
    // What a catch-all takes exists.
    good(dir, &["alias", "add", "@example.com", "bob@example.com"]);
    good(dir, &["alias", "set", "info@example.com", "whoever@example.com"]);
    assert!(good(dir, &["store", "check"]).contains("found 0 faults"));
}

#[test]
fn the_store_is_not_copied_onto_itself_and_sql_only_reads() {
    let home = store();
    let dir = home.path();
    let within = dir.join("new/copy");
    for target in [dir, &within] {
        let snapshot = ["store", "snapshot", target.to_str().unwrap()];
        refused(dir, &snapshot, 65, &["is the store itself, or lies within it", "of the copy's"]);
    }
    assert!(good(dir, &["store", "check"]).contains("found 0 faults"));
    for change in ["DELETE FROM account", "drop table email", "PRAGMA user_version = 7"] {
        let only_reads = ["store sql only reads", "posthorn --help"];
        refused(dir, &["store", "sql", change], 77, &only_reads);
    }
    refused(dir, &["store", "sql", "SELEKT 1"], 65, &["syntax error"]);
}

#[test]
fn errors_are_json_when_json_is_asked_for() {
    let home = store();
    #[track_caller]
    fn check(mut command: Command, code: i32, error: &str, hint: Option<&str>) {
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(code), 1), "{text}");
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["exit"], code, "{text}");
        assert!(told["error"].as_str().unwrap().contains(error), "{text}");
        let told = told.as_object().unwrap();
        match hint {
            Some(hint) => assert!(told["hint"].as_str().unwrap().contains(hint), "{text}"),
            None => assert!(!told.contains_key("hint"), "{text}"),
        }
    }
    let run = |arguments: &[&str]| command(home.path(), arguments);
    check(
        run(&["acount", "list", "--json"]),
        64,
        "unrecognized subcommand 'acount'",
        Some("account"),
    );
    check(run(&["--json", "account"]), 64, "", Some("posthorn account"));
    check(run(&["account", "show", "--json"]), 64, "<ACCOUNT>", Some("account show"));
    check(run(&["message", "show", "1", "--json"]), 64, "invalid value '1'", Some("message list"));
    check(
        run(&["--json", "account", "show", "x"]),
        67,
        "there is no account",
        Some("account list"),
    );
    check(run(&["--json", "domain", "add", "example.com"]), 73, "exists already", None);
}
