//! NAMESPACE (RFC 2342 5).

use posthorn_base::MailboxName;

/// `* NAMESPACE (("" "/")) NIL NIL`: every mailbox is one's own.
pub fn namespace(out: &mut Vec<u8>) {
    let separator = MailboxName::SEPARATOR;
    out.extend_from_slice(format!("* NAMESPACE ((\"\" \"{separator}\")) NIL NIL\r\n").as_bytes());
}
