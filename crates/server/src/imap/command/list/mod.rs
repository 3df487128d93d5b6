//! LIST (RFC 3501 6.3.8), with LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154), CHILDREN (RFC
//! 3348) and LIST-STATUS (RFC 5819).
//!
//! A name that no mailbox has stands in the hierarchy when there are mailboxes below it: DELETE
//! leaves it behind.

mod names;
mod pattern;

pub(super) use names::{Key, Names, above, names};
pub(super) use pattern::Pattern;

use super::super::context::Fault;
use super::super::{Context, Output};
use super::status;
use names::Name;
use posthorn_base::Role;
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::{List, ListSelection};
use posthorn_proto::imap::response::{self, MailboxAttribute};
use posthorn_store::mail::{ListMailboxes, ListSubscriptions};
use std::collections::HashSet;

/// Names between two looks whether the client has read what it was sent.
const NAMES_AT_ONCE: usize = 200;

/// Carries LIST out.
pub(super) async fn run(
    list: List,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let done = Completion::ok("LIST completed");
    // RFC 3501 6.3.8: a question for the separator; RFC 5258 3: but not in the extended form.
    if !list.is_extended && list.patterns.first().is_some_and(String::is_empty) {
        response::list(output.bytes(), "", &[MailboxAttribute::Noselect], &[]);
        return Ok(done);
    }
    let names = read(context).await?;
    let question = Question::new(&list);
    let below = question.children_that_meet(&names);
    for (at, (key, name)) in names.iter().enumerate() {
        if question.is_told(key, name, &below) {
            let attributes = question.attributes(name);
            let child_info = question.child_info(key, &below);
            response::list(output.bytes(), &key.name, &attributes, &child_info);
            if let Some(mailbox) = name.mailbox.as_ref().filter(|_| !list.returns.status.is_empty())
            {
                status::write(mailbox, &list.returns.status, context, output).await?;
            }
        }
        if at % NAMES_AT_ONCE == 0 {
            output.room().await?;
            tokio::task::yield_now().await;
        }
    }
    Ok(done)
}

/// The names of the account.
pub(super) async fn read(context: &Context) -> Result<Names, Fault> {
    let engine = &context.node.engine;
    let mailboxes = engine.read(&ListMailboxes(context.account)).await?;
    let subscriptions = engine.read(&ListSubscriptions(context.account)).await?;
    Ok(names(mailboxes, &subscriptions))
}

/// What is asked.
struct Question {
    patterns: Vec<Pattern>,
    selection: ListSelection,
    tells_subscribed: bool,
}

/// The names that have others below them which meet the selection.
#[derive(Default)]
struct Below<'a> {
    /// All of these names.
    all: HashSet<&'a str>,
    /// Those where one at least does not match a pattern itself, so that it is not told.
    untold: HashSet<&'a str>,
}

impl Question {
    fn new(list: &List) -> Self {
        // RFC 5258 3: an empty pattern among others matches nothing.
        let patterns = list.patterns.iter().filter(|pattern| !pattern.is_empty());
        Question {
            patterns: patterns.filter_map(|text| Pattern::new(&list.reference, text)).collect(),
            selection: list.selection,
            // RFC 5258 3.1: the selection option implies the return option.
            tells_subscribed: list.selection.subscribed || list.returns.subscribed,
        }
    }

    fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether a name meets the selection options but RECURSIVEMATCH.
    fn meets(&self, name: &Name) -> bool {
        let ListSelection { subscribed, special_use, .. } = self.selection;
        let role = name.mailbox.as_ref().and_then(|mailbox| mailbox.role);
        let has_use = role.is_some_and(|role| role != Role::Inbox);
        let is_meant = if subscribed { name.is_subscribed } else { name.mailbox.is_some() };
        is_meant && (!special_use || has_use)
    }

    fn children_that_meet<'a>(&self, names: &'a Names) -> Below<'a> {
        let mut below = Below::default();
        if self.selection.recursive_match {
            for (key, _) in names.iter().filter(|(_, name)| self.meets(name)) {
                below.all.extend(above(&key.name));
                if !self.matches(&key.name) {
                    below.untold.extend(above(&key.name));
                }
            }
        }
        below
    }

    /// RFC 5258 3.3: a name that matches is told when it meets the selection; with RECURSIVEMATCH
    /// also when a name below it does that is not told itself.
    fn is_told(&self, key: &Key, name: &Name, below: &Below<'_>) -> bool {
        // RFC 3501 6.3.8: `%` at the end also tells levels of hierarchy that are no mailboxes.
        let is_level = name.mailbox.is_none() && name.has_children && self.is_unselective();
        if self.meets(name) || below.untold.contains(key.name.as_str()) {
            self.matches(&key.name)
        } else {
            is_level && self.patterns.iter().any(|p| p.ends_with_level() && p.matches(&key.name))
        }
    }

    fn is_unselective(&self) -> bool {
        !self.selection.subscribed && !self.selection.special_use
    }

    fn attributes(&self, name: &Name) -> Vec<MailboxAttribute> {
        use MailboxAttribute::{
            HasChildren, HasNoChildren, NonExistent, Noselect, Subscribed, Use,
        };
        let mut attributes = Vec::with_capacity(4);
        if name.mailbox.is_none() {
            // RFC 5258 3: the first says the second, but not to clients that only know RFC 3501.
            attributes.extend([NonExistent, Noselect]);
        }
        if self.tells_subscribed && name.is_subscribed {
            attributes.push(Subscribed);
        }
        attributes.push(if name.has_children { HasChildren } else { HasNoChildren });
        attributes.extend(name.mailbox.as_ref().and_then(|mailbox| mailbox.role).map(Use));
        attributes
    }

    /// RFC 5258 3.5.
    fn child_info(&self, key: &Key, below: &Below<'_>) -> Vec<&'static str> {
        if !below.all.contains(key.name.as_str()) {
            return Vec::new();
        }
        let options = [
            ("SUBSCRIBED", self.selection.subscribed),
            ("SPECIAL-USE", self.selection.special_use),
        ];
        options.into_iter().filter(|(_, is_asked)| *is_asked).map(|(option, _)| option).collect()
    }
}

#[cfg(test)]
mod tests;
