//! SELECT and EXAMINE (RFC 3501 6.3.1 and 6.3.2, RFC 7162 3.1.8 and 3.2.5).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::{MailboxArgument, SequenceSet};
use posthorn_base::{ModSeq, UidValidity};

/// SELECT or EXAMINE.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Which.
    pub mailbox: MailboxArgument,
    /// EXAMINE.
    pub read_only: bool,
    /// (CONDSTORE).
    pub condstore: bool,
    /// (QRESYNC ...); the session has checked that it is enabled.
    pub qresync: Option<Qresync>,
}

/// What the client knows of the mailbox (RFC 7162 3.2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Qresync {
    /// The UIDVALIDITY it knew.
    pub uidvalidity: UidValidity,
    /// Up to which change it knows.
    pub mod_seq: ModSeq,
    /// The UIDs it knows; `None`: all below UIDNEXT. Without `*`.
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs they had: from where on the client is in step.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}

/// Reads the arguments of both.
pub(super) fn parse(cursor: &mut Cursor<'_>, read_only: bool) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    let (mut condstore, mut qresync) = (false, None);
    if cursor.has_more()? {
        let parameters = cursor.list(2, |cursor| {
            match cursor.word("a parameter is missing")?.as_str() {
                "CONDSTORE" if !condstore => condstore = true,
                "QRESYNC" if qresync.is_none() => {
                    cursor.space()?;
                    qresync = Some(parse_qresync(cursor)?);
                }
                "CONDSTORE" | "QRESYNC" => {
                    return Err(Fault::new("a parameter is given twice"));
                }
                // RFC 4466 2.1: BAD for what no extension of ours has.
                _ => return Err(Fault::new("a parameter is not known")),
            }
            Ok(())
        })?;
        if parameters.is_empty() {
            return Err(Fault::new("a parameter is missing"));
        }
    }
    Ok(Command::Request(Request::Select(Select { mailbox, read_only, condstore, qresync })))
}

/// `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` (RFC 7162 7).
fn parse_qresync(cursor: &mut Cursor<'_>) -> Parse<Qresync> {
    const WRONG: &str = "QRESYNC is not like (1234567 20 1:100 (1,50 3,90))";
    cursor.expect(b'(', WRONG)?;
    let uidvalidity = UidValidity::new(cursor.nz_number()?.get()).ok_or(Fault::new(WRONG))?;
    cursor.space()?;
    let mod_seq = cursor.mod_seq()?;
    let (mut known_uids, mut matches) = (None, None);
    if cursor.eat(b' ') {
        let mut has_matches = cursor.peek() == Some(b'(');
        if !has_matches {
            known_uids = Some(known(cursor)?);
            has_matches = cursor.eat(b' ');
        }
        if has_matches {
            cursor.expect(b'(', WRONG)?;
            let sequence = known(cursor)?;
            cursor.space()?;
            matches = Some((sequence, known(cursor)?));
            cursor.expect(b')', WRONG)?;
        }
    }
    cursor.expect(b')', WRONG)?;
    Ok(Qresync { uidvalidity, mod_seq, known_uids, matches })
}

/// A set of what the client knows. RFC 7162 7: there is no `*` in it.
fn known(cursor: &mut Cursor<'_>) -> Parse<SequenceSet> {
    let set = SequenceSet::parse(cursor)?;
    if set.has_star() { Err(Fault::new("there is no * among known messages")) } else { Ok(set) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(text: &str) -> Option<Select> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse(&mut cursor, false).ok()?;
        cursor.end().ok()?;
        match command {
            Command::Request(Request::Select(select)) => Some(select),
            _ => None,
        }
    }

    #[test]
    fn parameters() {
        let plain = select(" INBOX").unwrap();
        assert!(!plain.condstore && plain.qresync.is_none() && !plain.read_only);
        assert!(select(" \"in box\" (condstore)").unwrap().condstore);
        // RFC 7162 3.2.5
        let qresync = |text| select(text).and_then(|select| select.qresync);
        let known = qresync(" INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))");
        let known = known.unwrap();
        assert_eq!(known.uidvalidity.get(), 67_890_007);
        assert_eq!(known.mod_seq.get(), 20_050_715_194_045_000);
        assert_eq!(known.known_uids.map(|set| set.ranges.len()), Some(3));
        assert_eq!(known.matches, None);
        let matched = qresync(" x (QRESYNC (6 2 1:29997 (5000,7500 15000,22500)) CONDSTORE)");
        assert!(matched.is_some_and(|q| q.known_uids.is_some() && q.matches.is_some()));
        let matched = qresync(" x (QRESYNC (6 2 (1 1)))");
        assert!(matched.is_some_and(|q| q.known_uids.is_none() && q.matches.is_some()));
        for wrong in [
            "",
            " ",
            " x ",
            " x ()",
            " x (CONDSTORE CONDSTORE)",
            " x (FOO)",
            " x (QRESYNC)",
            " x (QRESYNC ())",
            " x (QRESYNC (6))",
            " x (QRESYNC (0 1))",
            " x (QRESYNC (6 2 ))",
            " x (QRESYNC (6 2 1:*))",
            " x (QRESYNC (6 2 $))",
            " x (QRESYNC (6 2 1 ))",
            " x (QRESYNC (6 2 1 (1)))",
            " x (QRESYNC (6 2 (1 *)))",
            " x (QRESYNC (6 2 (1 1) 1))",
            " x CONDSTORE",
        ] {
            assert_eq!(select(wrong), None, "{wrong}");
        }
    }
}
