//! What became of every message: one durable timeline per arrival.
//!
//! The events up to the commit are one compact row, written by the transaction that accepts (or by
//! one that records a refusal); what happens later (moves, deletions, attempts to send on) is
//! appended as rows of its own. Everything is keyed by the arrival's id, which stands in the 250,
//! in our Received field, in the log and in the queue rows.
//!
//! Invariants
//! * An event says what happened, not what somebody may read: who may is decided on reading, by
//!   [`Reader`], from the event's kind and branch.
//! * Remote text in events is bounded when it goes in, and shown through [`posthorn_base::shown`]
//!   when it comes out.

mod event;
mod operations;

pub use event::{Audience, Event, Kind, Label, Reader};
pub(crate) use operations::point;
pub use operations::{
    CountRefusal, ListStories, NewStory, PurgeStories, ReadStory, RecordEvent, RecordStory, Story,
    StoryKind, later_event,
};
