//! LSUB (RFC 3501 6.3.9).

use super::super::context::Fault;
use super::super::{Context, Output};
use super::list::{Names, Pattern, above, read};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Lsub;
use posthorn_proto::imap::response::{self, MailboxAttribute};
use std::collections::HashSet;

/// Carries LSUB out.
pub(super) async fn run(
    lsub: Lsub,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let done = Completion::ok("LSUB completed");
    // No modified UTF-7: no name is meant.
    let Some(pattern) = lsub.pattern else { return Ok(done) };
    if pattern.is_empty() {
        // As LIST answers it: the separator is asked for.
        response::lsub(output.bytes(), "", &[MailboxAttribute::Noselect]);
        return Ok(done);
    }
    let Some(pattern) = Pattern::new(&lsub.reference, &pattern) else { return Ok(done) };
    let names = read(context).await?;
    for (name, is_subscribed) in told(&names, &pattern) {
        let attributes: &[_] = if is_subscribed { &[] } else { &[MailboxAttribute::Noselect] };
        response::lsub(output.bytes(), name, attributes);
        output.room().await?;
    }
    Ok(done)
}

/// The names that are told, and whether they are subscribed. RFC 3501 6.3.9: `%` at the end tells a
/// name that is not, when one below it is that the pattern does not match.
fn told<'a>(names: &'a Names, pattern: &Pattern) -> Vec<(&'a str, bool)> {
    let subscribed = names.iter().filter(|(_, name)| name.is_subscribed);
    let mut levels: HashSet<&str> = HashSet::new();
    if pattern.ends_with_level() {
        for (key, _) in subscribed.filter(|(key, _)| !pattern.matches(&key.name)) {
            levels.extend(above(&key.name));
        }
    }
    names
        .iter()
        .filter(|(key, name)| name.is_subscribed || levels.contains(key.name.as_str()))
        .filter(|(key, _)| pattern.matches(&key.name))
        .map(|(key, name)| (key.name.as_str(), name.is_subscribed))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::list::names;
    use super::*;
    use posthorn_base::MailboxName;

    #[test]
    fn names_that_are_told() {
        let subscribed =
            ["INBOX", "foo/bar", "foo/bar/baz", "x", "x/y"].map(|n| MailboxName::parse(n).unwrap());
        let names = names(Vec::new(), &subscribed);
        #[track_caller]
        fn check(names: &Names, pattern: &str, want: &[(&str, bool)]) {
            let pattern = Pattern::new("", pattern).unwrap();
            assert_eq!(told(names, &pattern), want);
        }
        check(&names, "%", &[("INBOX", true), ("foo", false), ("x", true)]);
        check(&names, "foo/%", &[("foo/bar", true)]);
        check(&names, "foo", &[]);
        check(
            &names,
            "*",
            &[
                ("INBOX", true),
                ("foo/bar", true),
                ("foo/bar/baz", true),
                ("x", true),
                ("x/y", true),
            ],
        );
    }
}
