//! The examples of RFC 5258 5 and others, on names alone.

use super::*;
use posthorn_base::{MailboxId, MailboxName, ModSeq, Time, Uid, UidValidity};
use posthorn_proto::imap::command::ListReturn;
use posthorn_store::mail::{Counts, Mailbox};

fn mailbox(name: &str, role: Option<Role>, is_subscribed: bool) -> Mailbox {
    Mailbox {
        id: MailboxId::new(1).unwrap(),
        name: MailboxName::parse(name).unwrap(),
        role,
        uidvalidity: UidValidity::new(1).unwrap(),
        uidnext: Uid::FIRST,
        recent_from: Uid::FIRST,
        highest_modseq: ModSeq::ZERO,
        modseq: ModSeq::ZERO,
        created_modseq: ModSeq::ZERO,
        vanished_floor: ModSeq::ZERO,
        counts: Counts::default(),
        created_at: Time::EPOCH,
        is_subscribed,
    }
}

/// `mailboxes` and `subscribed` are lists of names.
fn account(mailboxes: &str, subscribed: &str) -> Names {
    let subscribed: Vec<MailboxName> =
        subscribed.split_whitespace().map(|name| MailboxName::parse(name).unwrap()).collect();
    let role = |name: &str| Role::ALL.into_iter().find(|role| role.default_name() == name);
    let mailboxes = mailboxes.split_whitespace().map(|name| {
        mailbox(name, role(name), subscribed.iter().any(|known| known.as_str() == name))
    });
    names(mailboxes.collect(), &subscribed)
}

#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    selection: &'a str,
    returns: &'a str,
    patterns: &'a str,
}

/// What LIST says, one name a line.
fn answer(names: &Names, asked: Asked<'_>) -> String {
    let has = |text: &str, word: &str| text.split_whitespace().any(|option| option == word);
    let list = List {
        selection: ListSelection {
            subscribed: has(asked.selection, "SUBSCRIBED"),
            remote: has(asked.selection, "REMOTE"),
            recursive_match: has(asked.selection, "RECURSIVEMATCH"),
            special_use: has(asked.selection, "SPECIAL-USE"),
        },
        reference: String::new(),
        patterns: asked.patterns.split_whitespace().map(str::to_owned).collect(),
        returns: ListReturn { subscribed: has(asked.returns, "SUBSCRIBED"), ..Default::default() },
        is_extended: true,
    };
    let question = Question::new(&list);
    let below = question.children_that_meet(names);
    let mut out = Vec::new();
    for (key, name) in names.iter().filter(|(key, name)| question.is_told(key, name, &below)) {
        let child_info = question.child_info(key, &below);
        response::list(&mut out, &key.name, &question.attributes(name), &child_info);
    }
    let text = String::from_utf8(out).unwrap();
    text.replace("* LIST ", "").replace("\"/\" ", "").replace("\r\n", "\n")
}

#[track_caller]
fn check(names: &Names, selection: &str, patterns: &str, want: &[&str]) {
    let got = answer(names, Asked { selection, patterns, returns: "" });
    assert_eq!(got.lines().collect::<Vec<_>>(), want, "LIST ({selection}) \"\" ({patterns})");
}

const FRUIT: &str =
    "INBOX Fruit Fruit/Apple Fruit/Banana Tofu Vegetable Vegetable/Broccoli Vegetable/Corn";
const FRUIT_SUBSCRIBED: &str = "INBOX Fruit/Banana Fruit/Peach Vegetable Vegetable/Broccoli";

#[test]
fn rfc_5258_5_subscribed() {
    let names = account(FRUIT, FRUIT_SUBSCRIBED);
    check(
        &names,
        "SUBSCRIBED",
        "*",
        &[
            r#"(\Subscribed \HasNoChildren) "INBOX""#,
            r#"(\Subscribed \HasNoChildren) "Fruit/Banana""#,
            r#"(\NonExistent \Noselect \Subscribed \HasNoChildren) "Fruit/Peach""#,
            r#"(\Subscribed \HasChildren) "Vegetable""#,
            r#"(\Subscribed \HasNoChildren) "Vegetable/Broccoli""#,
        ],
    );
    check(
        &names,
        "REMOTE",
        "%",
        &[
            r#"(\HasNoChildren) "INBOX""#,
            r#"(\HasChildren) "Fruit""#,
            r#"(\HasNoChildren) "Tofu""#,
            r#"(\HasChildren) "Vegetable""#,
        ],
    );
    let asked = Asked { returns: "SUBSCRIBED", patterns: "V* F*/P*", selection: "" };
    let want = "(\\Subscribed \\HasChildren) \"Vegetable\"\n\
        (\\Subscribed \\HasNoChildren) \"Vegetable/Broccoli\"\n\
        (\\HasNoChildren) \"Vegetable/Corn\"\n";
    assert_eq!(answer(&names, asked), want);
}

#[test]
fn rfc_5258_5_recursive_match() {
    let both = "SUBSCRIBED RECURSIVEMATCH";
    let all = "INBOX Foo Foo/Bar Foo/Baz Moo";
    let names = account(all, "Foo/Baz");
    check(&names, "SUBSCRIBED", "%", &[]);
    let info = r#"(\HasChildren) "Foo" ("CHILDINFO" ("SUBSCRIBED"))"#;
    check(&names, both, "%", &[info]);
    check(
        &account(all, "Foo Foo/Baz"),
        both,
        "%",
        &[r#"(\Subscribed \HasChildren) "Foo" ("CHILDINFO" ("SUBSCRIBED"))"#],
    );
    check(
        &account("INBOX Foo/Bar Foo/Baz Moo", "Foo/Baz"),
        both,
        "%",
        &[r#"(\NonExistent \Noselect \HasChildren) "Foo" ("CHILDINFO" ("SUBSCRIBED"))"#],
    );
    check(&account(all, ""), both, "%", &[]);
    check(
        &account(all, "Foo Moo"),
        both,
        "%",
        &[r#"(\Subscribed \HasChildren) "Foo""#, r#"(\Subscribed \HasNoChildren) "Moo""#],
    );
    let names = account("INBOX foo", "foo/bar");
    let want = r#"(\HasNoChildren) "foo" ("CHILDINFO" ("SUBSCRIBED"))"#;
    check(&names, both, "foo", &[want]);
    check(
        &account("INBOX", "a/b/c"),
        both,
        "a",
        &[r#"(\NonExistent \Noselect \HasNoChildren) "a" ("CHILDINFO" ("SUBSCRIBED"))"#],
    );
}

#[test]
fn rfc_5258_5_example_9() {
    let names = account(
        "INBOX foo2 foo2/bar1 foo2/bar2 baz2 baz2/bar2 baz2/bar22 baz2/bar222 eps2 eps2/mamba \
         qux2/bar2",
        "foo2/bar1 foo2/bar2 baz2/bar2 baz2/bar22 baz2/bar222 eps2 eps2/mamba qux2/bar2",
    );
    check(
        &names,
        "RECURSIVEMATCH SUBSCRIBED",
        "*2",
        &[
            r#"(\Subscribed \HasNoChildren) "baz2/bar2""#,
            r#"(\Subscribed \HasNoChildren) "baz2/bar22""#,
            r#"(\Subscribed \HasNoChildren) "baz2/bar222""#,
            r#"(\Subscribed \HasChildren) "eps2" ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"(\HasChildren) "foo2" ("CHILDINFO" ("SUBSCRIBED"))"#,
            r#"(\Subscribed \HasNoChildren) "foo2/bar2""#,
            r#"(\Subscribed \HasNoChildren) "qux2/bar2""#,
        ],
    );
}

#[test]
fn levels_without_a_mailbox() {
    let names = account("INBOX music/rock/hard also", "");
    let also = r#"(\HasNoChildren) "also""#;
    let inbox = r#"(\HasNoChildren) "INBOX""#;
    let music = r#"(\NonExistent \Noselect \HasChildren) "music""#;
    let rock = r#"(\NonExistent \Noselect \HasChildren) "music/rock""#;
    check(&names, "", "%", &[inbox, also, music]);
    check(&names, "", "music/%", &[rock]);
    check(&names, "", "*", &[inbox, also, r#"(\HasNoChildren) "music/rock/hard""#]);
    check(&names, "", "music", &[]);
    check(&names, "SUBSCRIBED", "%", &[]);
}

#[test]
fn uses() {
    let names = account("INBOX Sent Trash Trash/Old Work", "");
    check(
        &names,
        "SPECIAL-USE",
        "*",
        &[r#"(\HasNoChildren \Sent) "Sent""#, r#"(\HasChildren \Trash) "Trash""#],
    );
}
