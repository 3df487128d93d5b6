//! APPEND (RFC 3501 6.3.11), with APPENDUID (RFC 4315 3).
//!
//! Whether a message may come is decided before its octets are invited: the mailbox, the size, the
//! quota, the disk. They go where SMTP's go while they arrive. What is stored is what came, octet
//! for octet, with nothing of ours in front: clients look for what they appended.
//!
//! Invariants
//! * OK is said after the message is on stable storage.
//! * The quota is asked for again with the commit: two APPENDs that fit one by one do not both pass
//!   when they don't fit together.

use super::super::context::Fault;
use super::super::{Context, reply};
use crate::facts::email_facts;
use crate::intake::{Octets, heavy, load};
use crate::node::Node;
use crate::spool::{Spool, SpoolError, Spooled};
use bytes::Bytes;
use posthorn_base::{AccountId, ArrivalId, BodyId, EmailId, MailboxName, ZonedTime, limits};
use posthorn_message::parse;
use posthorn_proto::imap::command::Append;
use posthorn_proto::imap::value::FlagList;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::bodies::BodyWriter;
use posthorn_store::directory::ReadQuota;
use posthorn_store::mail::{
    self, EmailFacts, Mailbox, NewBody, NewMessage, ReadEmails, TOO_MANY_KEYWORDS,
};
use posthorn_store::story::{Event, Kind, Label, NewStory, StoryKind};
use posthorn_store::{EngineError, StoreError};
use std::sync::Arc;

/// A message that arrives.
#[derive(Debug)]
pub(in crate::imap) struct Appending {
    node: Arc<Node>,
    mailbox: Mailbox,
    flags: FlagList,
    received: Option<ZonedTime>,
    spool: Spool,
}

impl Appending {
    /// Decides whether the message may come.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::imap) async fn begin(
        context: &mut Context,
        append: Append,
    ) -> Result<Self, Fault> {
        // RFC 3501 6.3.11: TRYCREATE is for names that can be created.
        context.name(&append.mailbox)?;
        let mailbox = context.mailbox(&append.mailbox, Code::TryCreate).await?;
        let node = Arc::clone(&context.node);
        if append.size == 0 {
            // RFC 3502 6.3.11: a literal of no octets says that the client gave up.
            return Err(Completion::no("A message without an octet is not appended").into());
        }
        if append.size > limits::MESSAGE_BYTES_MAX {
            return Err(Completion::no("The message is too large").with(Code::TooBig).into());
        }
        let quota = node.engine.read(&ReadQuota { account: context.account }).await?;
        if !quota.has_room_for(append.size) {
            return Err(StoreError::OverQuota.into());
        }
        if !node.engine.has_room() {
            return Err(EngineError::Full.into());
        }
        let spool = node.spool.begin(context.account);
        Ok(Appending { node, mailbox, flags: append.flags, received: append.received, spool })
    }

    /// Takes octets of the message, as they come.
    ///
    /// # Errors
    /// Why no more of it is taken.
    pub(in crate::imap) async fn data(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.spool.push(octets).await.map_err(|error| spool_failed(&error))
    }

    /// The message is complete: puts it into its mailbox.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::imap) async fn end(self, context: &mut Context) -> Result<Completion, Fault> {
        let Appending { node, mailbox, flags, received, spool } = self;
        let spooled = spool.finish().await.map_err(|error| spool_failed(&error))?;
        let (facts, body) = stored_form(&node, context.account, spooled).await?;
        let now = node.zoned_now();
        let email = node.next_id();
        let arrival = node.next_id();
        let message = NewMessage {
            arrival,
            email,
            body,
            facts,
            received: received.unwrap_or(now),
            flags: flags.flags,
            keywords: flags.keywords,
            story: Some(story(context, arrival, &mailbox.name, now)),
        };
        let append = mail::Append {
            account: context.account,
            mailbox: mailbox.id,
            messages: vec![message],
            now: now.time,
            within_quota: true,
        };
        let done = Completion::ok("APPEND completed");
        let mut written = node.engine.write(append.clone()).await;
        if matches!(written, Err(StoreError::Limit { what: TOO_MANY_KEYWORDS, .. }))
            && context.free_keywords().await?
        {
            written = node.engine.write(append).await;
        }
        match written {
            Ok(appended) => match appended.uids.first() {
                Some(uid) => Ok(done.with(Code::AppendUid(appended.uidvalidity, *uid))),
                None => Ok(done),
            },
            Err(StoreError::Missing { what: "mailbox", .. }) => {
                Err(Completion::no("The mailbox is gone").with(Code::TryCreate).into())
            }
            // It may have been committed. A client that is told NO would append it again.
            Err(StoreError::Engine(EngineError::Ambiguous)) if is_there(context, email).await? => {
                Ok(done)
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn is_there(context: &Context, email: EmailId) -> Result<bool, StoreError> {
    let read = ReadEmails { account: context.account, emails: vec![email] };
    Ok(!context.node.engine.read(&read).await?.is_empty())
}

/// What the store keeps of a message: parsed and packed, a large one by the threads for large ones.
async fn stored_form(
    node: &Node,
    account: AccountId,
    spooled: Spooled,
) -> Result<(EmailFacts, NewBody), Fault> {
    let busy = || Completion::no("The server is busy, try again later").with(Code::Unavailable);
    // Held while the octets are in memory.
    let turn = match spooled.in_memory() {
        Some(_) => None,
        None => Some(node.large.turn(account, spooled.len()).await.map_err(|error| {
            tracing::warn!(%error, "a message that is appended is put off");
            busy()
        })?),
    };
    let octets = load(node, spooled).await.map_err(|_| busy())?;
    let (body_id, files): (BodyId, _) = (node.next_id(), node.files.clone());
    let work = move |octets: Octets| {
        let parsed = parse(octets.get());
        let facts = email_facts(&parsed, b"", octets.get())?;
        let body = BodyWriter::encode(&files, body_id, octets.get(), Bytes::new())?;
        Ok::<_, EngineError>((facts, body))
    };
    let made = heavy(node, octets, work).await.map_err(|_| busy())?;
    drop(turn);
    Ok(made?)
}

fn story(context: &Context, arrival: ArrivalId, mailbox: &MailboxName, now: ZonedTime) -> NewStory {
    let event = Event::new(now.time, Kind::Appended)
        .of(context.account)
        .with(Label::By, "imap")
        .with(Label::Peer, context.origin().peer.to_string())
        .with(Label::Login, context.login())
        .with(Label::Mechanism, context.origin().method.name())
        .with(Label::Mailbox, mailbox.as_str());
    NewStory { arrival, at: now.time, kind: StoryKind::Appended, events: vec![event] }
}

fn spool_failed(error: &SpoolError) -> Fault {
    match error {
        SpoolError::Full(_) => reply::failed(&EngineError::Full.into()).into(),
        SpoolError::Io { .. } => {
            tracing::error!(%error, "a message that is appended cannot be kept");
            Completion::no("The server cannot take the message now").with(Code::Unavailable).into()
        }
    }
}
