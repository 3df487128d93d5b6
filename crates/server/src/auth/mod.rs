//! Who may log in: passwords, app passwords, SCRAM keys and certificates, checked against the
//! store.
//!
//! Invariants
//! * A wrong password, an unknown name and a disabled login cost the same: one argon2id. A right
//!   app password costs one keyed hash, and who knows it learns nothing by that.
//! * argon2id runs on blocking threads, so many at once as there are permits: it takes 19 MiB each.
//! * No password is logged or kept. What a success leaves behind for some minutes is a keyed hash
//!   (`Remembered`), forgotten as soon as the directory changes.
//! * All of an account's SCRAM keys share one salt, which follows from the store's secret, as do
//!   those of names that do not exist.

mod password;
mod remembered;
mod verify;

pub use password::{
    AppPassword, Hashing, PasswordError, app_credential, certificate_credential, main_credential,
};
pub use posthorn_proto::sasl::Secret;
pub use verify::{AuthConfig, Authenticator};
