//! A session after its login: what its commands work on.

use super::keywords::{Dictionaries, Dictionary};
use super::pinned::{Pinned, Share};
use super::recent::Marks;
use super::{Output, Selected};
use crate::conn::CloseReason;
use crate::node::Node;
use crate::run::Settings;
use posthorn_base::{AccountId, MailboxName, Time};
use posthorn_proto::imap::command::Enabled;
use posthorn_proto::imap::value::MailboxArgument;
use posthorn_proto::imap::{Code, Completion, Status};
use posthorn_proto::sasl::{Identity, LoginMethod};
use posthorn_store::directory::Scopes;
use posthorn_store::mail::{FindMailbox, KeywordSet, Mailbox, free_keywords};
use posthorn_store::view::View;
use posthorn_store::{EngineError, StoreError};
use std::net::IpAddr;
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

/// What all IMAP sessions of a process share, beside the node.
#[derive(Debug)]
pub struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) dictionaries: Dictionaries,
    pub(super) marks: Marks,
    pinned: Arc<Pinned>,
    /// The largest message that APPEND takes.
    pub(super) message_bytes_max: u64,
}

impl Shared {
    /// For the sessions of this node.
    pub fn new(node: Arc<Node>, settings: &Settings) -> Self {
        let (dictionaries, marks) = (Dictionaries::default(), Marks::default());
        let pinned = Pinned::new(settings.pinned_views);
        let message_bytes_max = settings.message_bytes_max;
        Shared { node, dictionaries, marks, pinned, message_bytes_max }
    }
}

/// Where a login came from, for stories.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) peer: IpAddr,
    /// How it logged in.
    pub(crate) method: LoginMethod,
}

/// A logged-in session.
#[derive(Debug)]
pub(crate) struct Context {
    /// What all IMAP sessions share.
    pub(super) shared: Arc<Shared>,
    /// What all sessions share.
    pub(crate) node: Arc<Node>,
    /// Whose mail it is.
    pub(crate) account: AccountId,
    /// What the client has enabled.
    pub(crate) enabled: Enabled,
    /// The mailbox that is selected.
    pub(crate) selected: Option<Selected>,
    /// The account's keywords, as far as they were needed.
    dictionary: Arc<Dictionary>,
    /// The login, to be looked at again when the directory changes.
    identity: Identity,
    /// Where it came from, and how.
    origin: Origin,
    /// The state of the directory in which it was good.
    directory: u64,
    /// What it holds of a mailbox that has moved on.
    share: Share,
}

impl Context {
    /// A session of this login, with nothing selected. `directory` is the state of the directory
    /// in which the login was found good.
    pub(super) fn new(
        shared: Arc<Shared>,
        identity: Identity,
        origin: Origin,
        directory: u64,
    ) -> Self {
        Context {
            origin,
            node: Arc::clone(&shared.node),
            share: Share::new(Arc::clone(&shared.pinned)),
            shared,
            account: identity.account,
            enabled: Enabled::default(),
            selected: None,
            dictionary: Arc::default(),
            identity,
            directory,
        }
    }

    /// The name of the login, for stories.
    pub(crate) fn login(&self) -> &str {
        &self.identity.login
    }

    /// Where the login came from, for stories.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Time {
        self.node.now()
    }

    /// Whether the login is still good: its account is open, and what it logged in with still opens
    /// it. Asks the store only when the directory has changed since it was last asked.
    pub(super) async fn is_login_good(&mut self) -> bool {
        let directory = self.node.hub.directory_generation();
        if directory == self.directory {
            return true;
        }
        match self.node.auth.is_still_good(&self.identity, Scopes::IMAP).await {
            Ok(is_good) => {
                self.directory = directory;
                is_good
            }
            Err(error) => {
                // Asked again next time: a store that cannot be read gives out no mail either.
                tracing::warn!(%error, "a login cannot be checked again");
                true
            }
        }
    }

    /// For a session that has been silent for a while: false when it has to go, because it holds
    /// what others have changed since, and all such sessions together hold too much.
    pub(super) fn may_stay(&mut self) -> bool {
        let octets = self.selected.as_ref().map_or(0, |selected| {
            // Sessions that know the same share what they hold.
            self.unshared(selected) / Arc::strong_count(&selected.view).max(1)
        });
        self.share.set(octets)
    }

    /// The same for a session whose client has been taking a response for a while.
    pub(super) fn may_go_on(&mut self) -> bool {
        // The command has the view as well: the count of those who do says nothing.
        let octets = self.selected.as_ref().map_or(0, |selected| self.unshared(selected));
        self.share.set(octets)
    }

    fn unshared(&self, selected: &Selected) -> usize {
        self.node.views.unshared(self.account, &selected.view)
    }

    /// The session says something: its view moves on.
    pub(super) fn is_heard(&mut self) {
        self.share.set(0);
    }

    /// The name that a command gave, or the refusal for a name that no mailbox can have.
    pub(crate) fn name<'a>(
        &self,
        argument: &'a MailboxArgument,
    ) -> Result<&'a MailboxName, Completion> {
        match argument {
            MailboxArgument::Name(name) => Ok(name),
            MailboxArgument::Impossible(error) => {
                Err(Completion::no(super::reply::printable(&error.to_string())).with(Code::Cannot))
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

    /// The selected mailbox, for a command that changes it.
    pub(crate) fn writable(&mut self) -> Result<&mut Selected, Completion> {
        let selected = self.selected()?;
        match selected.read_only {
            false => Ok(selected),
            true => {
                Err(Completion::no("The mailbox was opened by EXAMINE: read-only")
                    .with(Code::NoPerm))
            }
        }
    }

    /// The selected mailbox as it is now, whatever its client knows of it.
    pub(crate) async fn newest(&mut self) -> Result<Arc<View>, Fault> {
        let mailbox = self.selected()?.mailbox;
        Ok(self.node.views.open(&self.node.engine, self.account, mailbox).await?)
    }

    /// The account's keywords, as far as they were needed so far.
    pub(crate) fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Reads the account's keywords, if that was not done yet.
    pub(super) async fn begin_dictionary(&mut self) -> Result<(), StoreError> {
        let get = self.shared.dictionaries.get(&self.node.engine, self.account);
        self.dictionary = get.await?;
        Ok(())
    }

    /// Sees to it that the dictionary has the names of these keywords. To be called before flags of
    /// a message are written; a client whose mailbox gets a new keyword is told of it first
    /// (RFC 3501 7.2.6).
    pub(crate) async fn learn(
        &mut self,
        set: &KeywordSet,
        output: &mut Output<'_>,
    ) -> Result<(), StoreError> {
        if set.is_empty() || self.dictionary.knows(set) {
            return Ok(());
        }
        let read = self.shared.dictionaries.read(&self.node.engine, self.account);
        self.dictionary = read.await?;
        if let Some(selected) = &self.selected {
            selected.tell_flags(&self.dictionary, output.bytes());
        }
        Ok(())
    }

    /// For a command that an account has no keyword left for: frees those that no message carries.
    /// True when it is worth trying again.
    pub(crate) async fn free_keywords(&mut self) -> Result<bool, StoreError> {
        // All mailboxes are gone through, as by a SEARCH.
        let _slice = self.node.large.slice(self.account).await;
        let freed = free_keywords(&self.node.engine, self.account).await?;
        tracing::info!(freed, "an account has too many keywords");
        if freed > 0 {
            let read = self.shared.dictionaries.read(&self.node.engine, self.account);
            self.dictionary = read.await?;
        }
        Ok(freed > 0)
    }

    /// CONDSTORE is enabled from now on. With a mailbox selected, its client hears from where on it
    /// gets modseqs (RFC 7162 3.1).
    pub(crate) fn enable_condstore(&mut self, output: &mut Output<'_>) {
        if self.enabled.condstore {
            return;
        }
        self.enabled.condstore = true;
        if let Some(selected) = &self.selected {
            selected.tell_highest_modseq(output.bytes());
        }
    }
}
