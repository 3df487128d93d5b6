//! What submission demands and adds (RFC 6409).

use crate::node::Node;
use posthorn_base::{AccountId, Address};
use posthorn_message::address::AddressList;
use posthorn_message::header::Header;
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
    header: Header<'_>,
) -> Result<(), Reply> {
    for (name, uses) in [("From", Uses::FROM), ("Sender", Uses::SENDER)] {
        for field in header.all(name) {
            for mailbox in AddressList::parse(field.raw_value()).mailboxes() {
                let address = mailbox.to_address().map_err(|_| {
                    Reply::new(
                        550,
                        1,
                        7,
                        format!("The {name} field has an address that is not valid"),
                    )
                })?;
                check_grant(node, account, &address, uses).await?;
            }
        }
    }
    Ok(())
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
