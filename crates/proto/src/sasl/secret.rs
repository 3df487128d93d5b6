//! Passwords in memory.

use std::fmt;
use zeroize::Zeroizing;

/// A password. Overwritten when dropped, never shown by `Debug`, compared in constant time.
///
/// What the allocator or a move on the stack left behind elsewhere cannot be reached from safe
/// code; so passwords go straight from the decoding buffer (also overwritten) into one of these.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a password.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }
    /// The password itself, to hash or to compare. Never log or store it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Takes time by the length only, not by the content.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes())
            .is_ok()
    }
}
impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_password_and_equality_sees_it() {
        let secret = Secret::new("tanstaaf".into());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "tanstaaf");
        assert_eq!(secret, Secret::new("tanstaaf".into()));
        assert_ne!(secret, Secret::new("tanstaag".into()));
        assert_ne!(secret, Secret::new("tanstaa".into()));
    }
}
