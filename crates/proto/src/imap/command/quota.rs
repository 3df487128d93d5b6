//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};
use crate::imap::value::MailboxArgument;
use posthorn_base::limits;

/// GETQUOTA.
#[derive(Clone, Debug, PartialEq)]
pub struct GetQuota {
    /// The name of the quota root, as written.
    pub root: Box<[u8]>,
}

/// GETQUOTAROOT.
#[derive(Clone, Debug, PartialEq)]
pub struct GetQuotaRoot {
    /// Of which mailbox.
    pub mailbox: MailboxArgument,
}

/// SETQUOTA: always refused, for quotas are the operator's.
#[derive(Clone, Debug, PartialEq)]
pub struct SetQuota {
    /// The name of the quota root, as written.
    pub root: Box<[u8]>,
}

/// Reads GETQUOTA's argument.
pub(super) fn parse_get(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let root = cursor.astring()?.as_ref().into();
    Ok(Command::Request(Request::GetQuota(GetQuota { root })))
}

/// Reads GETQUOTAROOT's argument.
pub(super) fn parse_get_root(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    Ok(Command::Request(Request::GetQuotaRoot(GetQuotaRoot { mailbox })))
}

/// Reads SETQUOTA's arguments; the limits are checked and dropped.
pub(super) fn parse_set(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let root = cursor.astring()?.as_ref().into();
    cursor.space()?;
    cursor.list(limits::IMAP_COMMAND_BYTES_MAX, |cursor| {
        cursor.atom("a resource is missing")?;
        cursor.space()?;
        cursor.number64()
    })?;
    Ok(Command::Request(Request::SetQuota(SetQuota { root })))
}
