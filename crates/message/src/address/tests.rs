use super::*;
use proptest::prelude::*;

/// Writes a list as `name|route|local@domain`, members of groups behind `Group:` up to `;`.
fn show(list: &AddressList) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mailbox = |m: &Mailbox| {
        let name = m.name_raw.as_deref().map(|n| text(n) + "|").unwrap_or_default();
        let route = m.route.as_deref().map(|r| text(r) + "|").unwrap_or_default();
        format!("{name}{route}{}@{}", text(&m.local), text(&m.domain))
    };
    let mut out = Vec::new();
    for item in &list.items {
        match item {
            AddressItem::Mailbox(m) => out.push(mailbox(m)),
            AddressItem::Group { name_raw, members } => {
                out.push(text(name_raw) + ":");
                out.extend(members.iter().map(mailbox));
                out.push(";".into());
            }
        }
    }
    out
}

#[track_caller]
fn check(wire: &str, want: &[&str]) {
    assert_eq!(show(&AddressList::parse(wire.as_bytes())), want, "{wire}");
}

#[test]
fn rfc_5322_appendix_a() {
    check("John Doe <jdoe@machine.example>", &["John Doe|jdoe@machine.example"]);
    check(
        "\"Joe Q. Public\" <john.q.public@example.com>",
        &["Joe Q. Public|john.q.public@example.com"],
    );
    check(
        "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
        &["Mary Smith|mary@x.test", "jdoe@example.org", "Who?|one@y.test"],
    );
    check(
        "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
        &["boss@nil.test", "Giant; \"Big\" Box|sysservices@example.net"],
    );
    check(
        "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
        &["A Group:", "Ed Jones|c@a.test", "joe@where.test", "John|jdoe@one.test", ";"],
    );
    check("Undisclosed recipients:;", &["Undisclosed recipients:", ";"]);
    check(
        "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
        &["Pete|pete@silly.test"],
    );
    check(
        "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
        &["A Group:", "Chris Jones|c@public.example", "joe@example.org", "John|jdoe@one.test", ";"],
    );
    check(
        "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
        &["Hidden recipients:", ";"],
    );
    check(
        "Joe Q. Public <john.q.public@example.com>",
        &["Joe Q. Public|john.q.public@example.com"],
    );
    check(
        "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
        &["Mary Smith|@node.test|mary@example.net", "jdoe@test.example"],
    );
    check("John Doe <jdoe@machine(comment).  example>", &["John Doe|jdoe@machine.example"]);
}

#[test]
fn forms() {
    check("", &[]);
    check(" , ;, ", &[]);
    check("a@b (Joe (x) Bloggs)", &["Joe (x) Bloggs|a@b"]);
    check("\"a b\"@c", &["a b@c"]);
    check("\"a@b\" <c@[192.0.2.1]>", &["a@b|c@[192.0.2.1]"]);
    check("a@[IPv6:2001:db8::1]", &["a@[IPv6:2001:db8::1]"]);
    check("<@a,@b.c:d@e>", &["@a,@b.c|d@e"]);
    check("\"\" <a@b>", &["a@b"]);
    check("john . doe @ example . com", &["john.doe@example.com"]);
    check("=?utf-8?Q?Doe,_John?= <a@b>", &["=?utf-8?Q?Doe,_John?=|a@b"]);
    check("=?utf-8?Q?Doe, John <x@y>?= <a@b>", &["=?utf-8?Q?Doe, John <x@y>?=|a@b"]);
    check("jörg@bücher.example", &["jörg@bücher.example"]);
    check("a: b@c; d@e", &["a:", "b@c", ";", "d@e"]);
    check("a: b@c", &["a:", "b@c", ";"]);
}

#[test]
fn broken_but_common() {
    check("Joe Bloggs joe@example.com", &["Joe Bloggs|joe@example.com"]);
    check("joe@example.com Joe Bloggs", &["Joe Bloggs|joe@example.com"]);
    check("Joe Q. Bloggs joe.b@example.com", &["Joe Q. Bloggs|joe.b@example.com"]);
    check("joe@example.com <joe@example.com>", &["joe@example.com|joe@example.com"]);
    check("Doe, John <j@d>", &["Doe, John|j@d"]);
    check("Doe, John <j@d>, Roe, Jane <r@d>", &["Doe, John|j@d", "Roe, Jane|r@d"]);
    check("Doe, John, PhD <j@d>", &["Doe, John, PhD|j@d"]);
    check("root, joe@d", &["root@", "joe@d"]);
    check("root, admin", &["root@", "admin@"]);
    check("root", &["root@"]);
    check("a@b; c@d;e@f", &["a@b", "c@d", "e@f"]);
    check("a@b c@d", &["a@b", "c@d"]);
    check("<a@b> <c@d>", &["a@b", "c@d"]);
    check("A <a@b> C <c@d>", &["A|a@b", "C|c@d"]);
    check("a@b (A) c@d (C)", &["A|a@b", "C|c@d"]);
    check("<a@b> Joe", &["Joe|a@b"]);
    check("Joe <a@b", &["Joe|a@b"]);
    check("Joe <a@b, Jane <c@d>", &["Joe|a@b", "Jane|c@d"]);
    check("Joe <<a@b>>", &["Joe|a@b"]);
    check("Joe <mailto:a@b>", &["Joe|a@b"]);
    check("mailto:a@b", &["a@b"]);
    check("\"Joe <a@b>", &["Joe|a@b"]);
    check("Joe (Sales <a@b>", &["Joe (Sales|a@b"]);
    check("Joe [Sales] <a@b>", &["Joe [Sales]|a@b"]);
    check("a@b@c", &["a@b@c"]);
    check("'a@b' <a@b>", &["'a@b'|a@b"]);
    check("<undisclosed-recipients:;>", &["undisclosed-recipients:", ";"]);
    check("<Undisclosed-Recipient:;@b.example>, <a@b>", &["Undisclosed-Recipient:", ";", "a@b"]);
    check("<C:`x@b>", &["C:`x@b"]);
    check("<>", &[]);
    check("Joe <>", &["Joe|@"]);
    check("joe@example.com.", &["joe@example.com."]);
    check("\\\"Joe\\\" <a@b>", &["\\Joe\\|a@b"]);
}

#[test]
fn decoded() {
    let list = AddressList::parse(
        "=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M.?= <j@bücher.example>, \"=?utf-8?q?=C3=A4?=\" <\"a b\"@c.example>, x"
            .as_bytes(),
    );
    let names: Vec<_> = list.mailboxes().map(Mailbox::name).collect();
    assert_eq!(names, [Some("Jörg M.".into()), Some("ä".into()), None]);
    let addresses: Vec<_> =
        list.mailboxes().map(|m| m.to_address().map(|a| a.to_string())).collect();
    assert_eq!(
        addresses,
        [Ok("j@bücher.example".into()), Ok("\"a b\"@c.example".into()), Err(AddressError::NoAt),]
    );
    let texts: Vec<_> = list.mailboxes().map(Mailbox::address_text).collect();
    assert_eq!(texts, ["j@bücher.example", "a b@c.example", "x"]);
}

#[test]
fn bounded() {
    let max = limits::ADDRESSES_PER_FIELD_MAX;
    let list = AddressList::parse("a@b,".repeat(max + 1).as_bytes());
    assert_eq!((list.mailboxes().count(), list.truncated), (max, true));
    let list = AddressList::parse("a@b,".repeat(max).as_bytes());
    assert_eq!((list.mailboxes().count(), list.truncated), (max, false));
    let long = |head: &str, piece: &str| {
        head.to_string() + &piece.repeat(limits::HEADER_FIELD_BYTES_MAX / piece.len())
    };
    for hostile in [
        long("<", "@,"),
        long("(x)", "a "),
        long("a@b (x)", "."),
        long("<", "a@"),
        long("", "a@b "),
        long("", "a@b (x) "),
        long("", "<a@b> x "),
        long("a:", "b:"),
    ] {
        let _ = AddressList::parse(hostile.as_bytes());
    }
    for hostile in ["\"", "(", "()", "<", ":", "a:", "@", "[", "=?", "\\\"", "a ", "a@", "a,", "."]
    {
        let _ = AddressList::parse(hostile.repeat(limits::HEADER_FIELD_BYTES_MAX / 4).as_bytes());
    }
}

proptest! {
    #[test]
    fn round_trip(name in "[ -~äß漢\t]{0,100}", local in "[a-z.\"\\\\ ä]{1,20}") {
        let Ok(local) = LocalPart::new(&local) else { return Ok(()) };
        let address = Address::new(local, Domain::parse("b.example").unwrap());
        let wire = write_mailbox(Some(&name), &address).join("\r\n ");
        let list = AddressList::parse(wire.as_bytes());
        prop_assert_eq!(list.items.len(), 1, "{}", wire);
        let got = list.mailboxes().next().unwrap();
        prop_assert_eq!(got.to_address(), Ok(address), "{}", wire);
        let want = Some(name).filter(|name| !name.trim().is_empty());
        prop_assert_eq!(got.name(), want, "{}", wire);
    }

    #[test]
    fn never_panics(wire in "[a@.,:;<>()\"\\\\\\[\\] =?]{0,60}") {
        AddressList::parse(wire.as_bytes());
    }
}
