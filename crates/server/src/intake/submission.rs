//! What submission demands and adds (RFC 6409).

use crate::node::Node;
use posthorn_base::{AccountId, Address, limits};
use posthorn_message::Parsed;
use posthorn_message::address::AddressList;
use posthorn_message::part::Damage;
use posthorn_proto::smtp::{Reply, ReversePath};
use posthorn_store::directory::{MayUse, Uses};

use super::recipients::failed;

/// MAIL FROM: the login must have been granted the address. The null path is for reports that mail
/// programs make (RFC 8098); their From field is checked all the same.
pub(super) async fn check_sender(
    node: &Node,
    account: AccountId,
    from: &ReversePath,
) -> Result<(), Reply> {
    match from.address() {
        None => Ok(()),
        Some(address) => check_grant(node, account, address, Uses::MAIL_FROM).await,
    }
}

/// The From and Sender fields (RFC 6409 6.1): every address in them must have been granted, so that
/// nobody writes in the name of a colleague.
pub(super) async fn check_authors(
    node: &Node,
    account: AccountId,
    parsed: &Parsed,
) -> Result<(), Reply> {
    for (address, uses) in authors(parsed)? {
        check_grant(node, account, &address, uses).await?;
    }
    Ok(())
}

/// Every author that a mail program could show. What we do not look at to its end, or cannot make
/// an address of, could show anybody: it is refused.
fn authors(parsed: &Parsed) -> Result<Vec<(Address, Uses)>, Reply> {
    let root = parsed.map().parts().first().map_or(Damage::NONE, |part| part.damage);
    if root.has(Damage::HEADER_TOO_LONG) || root.has(Damage::TOO_MANY_FIELDS) {
        return Err(Reply::new(552, 3, 4, "The header is too long to look for its authors"));
    }
    let mut authors = Vec::new();
    for (name, uses) in [("From", Uses::FROM), ("Sender", Uses::SENDER)] {
        let mut fields = parsed.header().all(name);
        let Some(field) = fields.next() else { continue };
        // RFC 5322 3.6: once. Programs differ in which of several they show.
        if fields.next().is_some() {
            let text = format!("The message has more than one {name} field");
            return Err(Reply::new(550, 6, 0, text));
        }
        let list = AddressList::parse(field.raw_value());
        if list.truncated || field.raw().len() > limits::HEADER_FIELD_BYTES_MAX {
            return Err(Reply::new(552, 3, 4, format!("The {name} field is too long")));
        }
        // RFC 6854 allows a group without members here; what is shown then is its name, which can
        // be anybody's address.
        if list.mailboxes().next().is_none() && !field.raw_value().trim_ascii().is_empty() {
            return Err(Reply::new(550, 1, 7, format!("The {name} field has no address")));
        }
        for mailbox in list.mailboxes() {
            let address = mailbox.to_address().map_err(|_| {
                let text = format!("The {name} field has an address that is not valid");
                Reply::new(550, 1, 7, text)
            })?;
            if !authors.iter().any(|known| *known == (address.clone(), uses)) {
                authors.push((address, uses));
            }
        }
    }
    Ok(authors)
}

async fn check_grant(
    node: &Node,
    account: AccountId,
    address: &Address,
    uses: Uses,
) -> Result<(), Reply> {
    let question = MayUse { account, address: address.clone(), uses };
    if node.engine.read(&question).await.map_err(failed)? {
        return Ok(());
    }
    Err(Reply::SENDER_NOT_GRANTED.with_text(format!("This login may not send as {address}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_message::parse;

    #[track_caller]
    fn check(header: &str, want: Result<&[&str], &str>) {
        let authors = authors(&parse(format!("{header}\r\nFrom: body@example.com\r\n").as_bytes()));
        let authors = authors.map(|all| all.iter().map(|(a, _)| a.to_string()).collect::<Vec<_>>());
        let start: String = header.chars().take(80).collect();
        match (authors, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{start}"),
            (Err(reply), Err(want)) => assert_eq!(reply.text(), want, "{start}"),
            (got, want) => panic!("{start}: {got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn all_authors_are_found() {
        check("", Ok(&[]));
        check("From: a@b.example\r\n", Ok(&["a@b.example"]));
        check(
            "FROM : g: a@b.example, A <c@d.example>;\r\nsender: a@b.example\r\n",
            Ok(&["a@b.example", "c@d.example", "a@b.example"]),
        );
        check("From: <a@b.example> <c@d.example>\r\n", Ok(&["a@b.example", "c@d.example"]));
        check("From: a@b.example, a@b.example\r\nSender:\r\n", Ok(&["a@b.example"]));
    }

    #[test]
    fn nobody_hides_behind_what_is_not_looked_at() {
        let from = "From: a@b.example\r\n";
        let fields = "X: y\r\n".repeat(limits::HEADER_FIELDS_MAX);
        let too_long = Err("The header is too long to look for its authors");
        check(&format!("{fields}{from}"), too_long);
        check(&format!("{from}{fields}{from}"), too_long);
        let line = format!("X: {}\r\n", "y".repeat(990));
        check(&format!("{}{from}", line.repeat(limits::HEADER_BYTES_MAX / 990 + 1)), too_long);
        let fold =
            format!("{}\r\n", " ".repeat(990)).repeat(limits::HEADER_FIELD_BYTES_MAX / 990 + 1);
        check(
            &format!("From: a@b.example,\r\n{fold} c@d.example\r\n"),
            Err("The From field is too long"),
        );
        let many = "a@b.example,\r\n ".repeat(limits::ADDRESSES_PER_FIELD_MAX);
        check(&format!("From: {many}c@d.example\r\n"), Err("The From field is too long"));
    }

    #[test]
    fn one_author_field_with_an_address() {
        let from = "From: a@b.example\r\n";
        check(&format!("{from}{from}"), Err("The message has more than one From field"));
        let sender = "Sender: a@b.example\r\n";
        check(&format!("{sender}{sender}"), Err("The message has more than one Sender field"));
        for nobody in ["\"c@d.example\":;", "(c@d.example)", "<>", ","] {
            check(&format!("From: {nobody}\r\n"), Err("The From field has no address"));
        }
        for broken in ["c", "\"c@d.example\"", "c@", "=?utf-8?q?c=40d.example?="] {
            let want = "The From field has an address that is not valid";
            check(&format!("From: {broken}\r\n"), Err(want));
        }
    }
}
