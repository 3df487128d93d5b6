//! Who may log in: passwords, app passwords, SCRAM keys and certificates, checked against the
//! store.
//!
//! Invariants
//! * A wrong password, an unknown name and a disabled login cost the same: one argon2id. A right
//!   app password costs one keyed hash, and who knows it learns nothing by that.
//! * argon2id runs on blocking threads, so many at once as there are permits: it takes 19 MiB each.
//! * No password is logged or kept. What a success leaves behind for some minutes is a keyed hash
//!   (`Remembered`), forgotten as soon as the directory changes.
//! * The salt that a SCRAM client is shown follows from the store's secret and the login name in
//!   full, whether the name exists or not, so that nobody can tell which ones do. SCRAM keys are
//!   therefore kept for each name that an account had when the password was set. Under a name that
//!   it got later they are looked up by the salt of another of its names: somebody who guesses both
//!   could see that they belong together, but who has the right password gets in.

mod password;
mod remembered;
#[cfg(test)]
mod tests;
mod verify;

pub use password::{
    AppPassword, Hashing, PasswordError, app_credential, certificate_credential, main_credential,
};
pub use posthorn_proto::sasl::Secret;
pub use verify::{AuthConfig, Authenticator};
