//! Address fields: From, To, Reply-To and their kin (RFC 5322 3.4, the obsolete syntax of 4.4, and
//! RFC 6532's UTF-8).
//!
//! What people and programs write goes far beyond the grammar, and an address that is not
//! understood is an answer that cannot be sent. So the reader takes the field apart into words and
//! marks, and makes of them the addresses that were meant.
//!
//! Invariants
//! * Reading never fails, and never recurses: groups do not nest, comments nest by a counter.
//! * At most [`limits::ADDRESSES_PER_FIELD_MAX`] mailboxes are read.
//! * Each name is kept raw, which is what IMAP's ENVELOPE hands on, and decoded, which is what
//!   people read and search. Decoded names hold no line ends and no NUL.

mod parse;
mod words;
mod write;

pub use write::{write_address, write_mailbox};

use crate::{charset, encoded_word};
use posthorn_base::address::{Address, AddressError, Domain, LocalPart};
use posthorn_base::limits;

/// One person's or program's address in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, or the comment that stands for one, quotes and quoted pairs resolved,
    /// encoded words as they came.
    pub name_raw: Option<Box<[u8]>>,
    /// The source route, `@a,@b`, of RFC 5322 4.4 (IMAP's `addr-adl`).
    pub route: Option<Box<[u8]>>,
    /// The part before the `@`, quotes and quoted pairs resolved. Empty for `<>`.
    pub local: Box<[u8]>,
    /// The domain or `[literal]`, without white space and comments. Empty when there is none.
    pub domain: Box<[u8]>,
}

impl Mailbox {
    /// The display name, decoded.
    pub fn name(&self) -> Option<String> {
        self.name_raw.as_deref().map(encoded_word::decode)
    }

    /// The address as text, `local@domain`, for showing and searching. Without a domain, the local
    /// part alone.
    pub fn address_text(&self) -> String {
        let local = charset::decode(&self.local, None);
        if self.domain.is_empty() {
            return local.text.into_owned();
        }
        format!("{}@{}", local.text, charset::decode(&self.domain, None).text)
    }

    /// The address as one to deliver to, if it is one.
    pub fn to_address(&self) -> Result<Address, AddressError> {
        if self.domain.is_empty() {
            return Err(AddressError::NoAt);
        }
        let local = charset::decode(&self.local, None);
        let domain = charset::decode(&self.domain, None);
        Ok(Address::new(LocalPart::new(&local.text)?, Domain::parse(&domain.text)?))
    }
}

/// An element of an address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressItem {
    /// A mailbox.
    Mailbox(Mailbox),
    /// A named group, often an empty one: `undisclosed-recipients:;`.
    Group {
        /// Its name, as [`Mailbox::name_raw`].
        name_raw: Box<[u8]>,
        /// Its members. RFC 5322 3.4 has no groups in groups.
        members: Vec<Mailbox>,
    },
}

/// What a field holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList {
    /// Its mailboxes and groups, in order.
    pub items: Vec<AddressItem>,
    /// True when there were more than are read.
    pub truncated: bool,
}

impl AddressList {
    /// Reads a field's value, folded or not.
    pub fn parse(value: &[u8]) -> AddressList {
        parse::parse(value, limits::ADDRESSES_PER_FIELD_MAX)
    }

    /// All mailboxes, those in groups too.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.items.iter().flat_map(|item| match item {
            AddressItem::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            AddressItem::Group { members, .. } => members.as_slice(),
        })
    }
}

#[cfg(test)]
mod tests;
