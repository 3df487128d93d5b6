//! The session's tests: a driver that plays the server's part, and what is shown with it.

mod play;

mod auth;
mod data;
mod dialogues;
mod limits;
mod property;
