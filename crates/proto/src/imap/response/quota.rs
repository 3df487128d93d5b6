//! QUOTA and QUOTAROOT (RFC 9208 4.2). An account has one quota root, of the empty name.

use super::name;

/// What is used of a resource, and how much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// STORAGE or MESSAGE (RFC 9208 5).
    pub resource: &'static str,
    /// STORAGE in units of 1024 octets.
    pub used: u64,
    /// In the same units.
    pub limit: u64,
}

/// `* QUOTA "" (STORAGE 10 512)`. A resource that is not limited is not named (RFC 9208 4.2.1).
pub fn quota(out: &mut Vec<u8>, uses: &[QuotaUse]) {
    let uses: Vec<String> =
        uses.iter().map(|of| format!("{} {} {}", of.resource, of.used, of.limit)).collect();
    out.extend_from_slice(format!("* QUOTA \"\" ({})\r\n", uses.join(" ")).as_bytes());
}

/// `* QUOTAROOT "INBOX" ""`.
pub fn quota_root(out: &mut Vec<u8>, mailbox: &str) {
    out.extend_from_slice(b"* QUOTAROOT ");
    name::mailbox(out, mailbox);
    out.extend_from_slice(b" \"\"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        quota(&mut out, &[]);
        let of = |resource, used, limit| QuotaUse { resource, used, limit };
        quota(&mut out, &[of("STORAGE", 10, 512), of("MESSAGE", 1, 2)]);
        quota_root(&mut out, "INBOX");
        let want = "* QUOTA \"\" ()\r\n* QUOTA \"\" (STORAGE 10 512 MESSAGE 1 2)\r\n\
            * QUOTAROOT \"INBOX\" \"\"\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
