//! The mail side.

pub(crate) mod accept;
pub(crate) mod bulk;
pub(crate) mod mailboxes;
pub(crate) mod maildrop;
pub(crate) mod messages;
pub(crate) mod model;
pub(crate) mod pending;
pub(crate) mod views;
pub(crate) mod whole;
pub(crate) mod world;
