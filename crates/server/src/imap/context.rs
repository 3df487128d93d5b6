//! A session after its login: what its commands work on.

use super::Selected;
use crate::conn::CloseReason;
use crate::node::Node;
use posthorn_base::{AccountId, MailboxName, Time};
use posthorn_proto::imap::command::Enabled;
use posthorn_proto::imap::value::MailboxArgument;
use posthorn_proto::imap::{Code, Completion, Status};
use posthorn_store::mail::{FindMailbox, Mailbox};
use posthorn_store::{EngineError, StoreError};
use std::sync::Arc;

/// Why a command has no completion of its own.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is refused.
    Refused(Completion),
    /// The store failed.
    Store(StoreError),
    /// The connection ends.
    Close(CloseReason),
}

impl Fault {
    /// True when the client is told BAD.
    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Fault::Refused(completion) if completion.status == Status::Bad)
    }
}

impl From<Completion> for Fault {
    fn from(completion: Completion) -> Self {
        Fault::Refused(completion)
    }
}
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}
impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        Fault::Store(StoreError::Engine(error))
    }
}
impl From<CloseReason> for Fault {
    fn from(reason: CloseReason) -> Self {
        Fault::Close(reason)
    }
}

/// A logged-in session.
#[derive(Debug)]
pub(crate) struct Context {
    /// What all sessions share.
    pub(crate) node: Arc<Node>,
    /// Whose mail it is.
    pub(crate) account: AccountId,
    /// What the client has enabled.
    pub(crate) enabled: Enabled,
    /// The mailbox that is selected.
    pub(crate) selected: Option<Selected>,
}

impl Context {
    /// A session of this account, with nothing selected.
    pub(crate) fn new(node: Arc<Node>, account: AccountId) -> Self {
        Context { node, account, enabled: Enabled::default(), selected: None }
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Time {
        self.node.now()
    }

    /// The name that a command gave, or the refusal for a name that no mailbox can have.
    pub(crate) fn name<'a>(
        &self,
        argument: &'a MailboxArgument,
    ) -> Result<&'a MailboxName, Completion> {
        match argument {
            MailboxArgument::Name(name) => Ok(name),
            MailboxArgument::Impossible(error) => {
                Err(Completion::no(error.to_string()).with(Code::Cannot))
            }
        }
    }

    /// The mailbox of this name; `missing` is the refusal when there is none.
    pub(crate) async fn mailbox(
        &self,
        argument: &MailboxArgument,
        missing: Code,
    ) -> Result<Mailbox, Fault> {
        let no = || Completion::no("there is no such mailbox").with(missing.clone());
        let MailboxArgument::Name(name) = argument else { return Err(no().into()) };
        let find = FindMailbox::Name(self.account, name.clone());
        let found = self.node.engine.read(&find).await?;
        Ok(found.ok_or_else(no)?)
    }

    /// The selected mailbox. The session lets no command come here that needs one and has none.
    pub(crate) fn selected(&mut self) -> Result<&mut Selected, Completion> {
        self.selected.as_mut().ok_or_else(|| Completion::bad("no mailbox is selected"))
    }
}
