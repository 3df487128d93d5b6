//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). An account has one quota root, of the empty
//! name, for all of its mailboxes.

use super::super::context::Fault;
use super::super::{Context, Output};
use posthorn_proto::imap::command::{GetQuota, GetQuotaRoot};
use posthorn_proto::imap::response::{self, QuotaUse};
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::directory::ReadQuota;

/// RFC 9208 5.1: octets of a unit.
const UNIT: u64 = 1024;

/// Carries GETQUOTA out.
pub(super) async fn get(
    get: GetQuota,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    if !get.root.is_empty() {
        return Ok(Completion::no("there is no such quota root").with(Code::NonExistent));
    }
    write(context, output).await?;
    Ok(Completion::ok("GETQUOTA completed"))
}

/// Carries GETQUOTAROOT out. RFC 9208 4.1.2: the mailbox need not exist.
pub(super) async fn get_root(
    get: GetQuotaRoot,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let name = context.name(&get.mailbox)?;
    response::quota_root(output.bytes(), name.as_str());
    write(context, output).await?;
    Ok(Completion::ok("GETQUOTAROOT completed"))
}

/// Refuses SETQUOTA: QUOTASET is not announced.
pub(super) fn set() -> Completion {
    Completion::no("quotas are set by the operator").with(Code::NoPerm)
}

async fn write(context: &Context, output: &mut Output<'_>) -> Result<(), Fault> {
    let quota = context.node.engine.read(&ReadQuota { account: context.account }).await?;
    let mut uses = Vec::new();
    if let Some(limit) = quota.limit_bytes {
        let (used, limit) = (quota.used_bytes.div_ceil(UNIT), limit / UNIT);
        uses.push(QuotaUse { resource: "STORAGE", used, limit });
    }
    if let Some(limit) = quota.limit_messages {
        uses.push(QuotaUse { resource: "MESSAGE", used: quota.used_messages, limit });
    }
    response::quota(output.bytes(), &uses);
    Ok(())
}
