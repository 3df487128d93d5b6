//! Values that go into statements and come out of them.

use crate::EngineError;
use bytes::Bytes;
use posthorn_base::{
    AccountId, AddressKey, ArrivalId, BodyId, CredentialId, Domain, EmailId, EventId, Flags,
    MailboxId, MailboxName, ModSeq, QueueId, ThreadId, Time, Uid, UidValidity,
};

/// A value. Strings that come from messages or people are [`Value::Bytes`]; [`Value::Text`] is for
/// words of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// Every number.
    Int(i64),
    /// Octets.
    Bytes(Bytes),
    /// A short ASCII word of ours.
    Text(String),
    /// A set of integers, bound to a place written `IN {ints:?N}`. Only goes in, never comes out.
    Ints(Vec<i64>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}
impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Value::Int(i64::from(yes))
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Int(i64::from(number))
    }
}
impl From<i16> for Value {
    fn from(number: i16) -> Self {
        Value::Int(i64::from(number))
    }
}
impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Value::Bytes(bytes)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(bytes.into())
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(Bytes::copy_from_slice(bytes))
    }
}
/// Text of people and peers is kept as octets.
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::from(text.as_bytes())
    }
}
impl From<Vec<i64>> for Value {
    fn from(set: Vec<i64>) -> Self {
        Value::Ints(set)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// True for numbers each of which is one more than the one before.
pub(crate) fn is_run(set: &[i64]) -> bool {
    set.iter().zip(set.iter().skip(1)).all(|(one, next)| one.checked_add(1) == Some(*next))
}

/// A type that can be read from a column.
pub trait Decode: Sized {
    /// `None` when the value cannot be one.
    fn decode(value: &Value) -> Option<Self>;
}

impl Decode for i64 {
    fn decode(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}
impl Decode for bool {
    fn decode(value: &Value) -> Option<Self> {
        i64::decode(value).map(|number| number != 0)
    }
}
impl Decode for u64 {
    fn decode(value: &Value) -> Option<Self> {
        i64::decode(value).and_then(|number| u64::try_from(number).ok())
    }
}
impl Decode for u32 {
    fn decode(value: &Value) -> Option<Self> {
        i64::decode(value).and_then(|number| u32::try_from(number).ok())
    }
}
impl Decode for i16 {
    fn decode(value: &Value) -> Option<Self> {
        i64::decode(value).and_then(|number| i16::try_from(number).ok())
    }
}
impl Decode for Bytes {
    fn decode(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}
impl Decode for Vec<u8> {
    fn decode(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}
impl Decode for String {
    fn decode(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        }
    }
}
impl<T: Decode> Decode for Option<T> {
    fn decode(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::decode(value).map(Some),
        }
    }
}

/// Numbers of the base crate that are one column.
macro_rules! numbers {
    ($($name:ident: $get:expr, $new:expr;)*) => {$(
        impl From<$name> for Value {
            fn from(value: $name) -> Self {
                let get: fn($name) -> i64 = $get;
                Value::Int(get(value))
            }
        }
        impl Decode for $name {
            fn decode(value: &Value) -> Option<Self> {
                let new: fn(i64) -> Option<$name> = $new;
                i64::decode(value).and_then(new)
            }
        }
    )*};
}

numbers! {
    AccountId: AccountId::get, AccountId::new;
    ArrivalId: ArrivalId::get, ArrivalId::new;
    BodyId: BodyId::get, BodyId::new;
    CredentialId: CredentialId::get, CredentialId::new;
    EmailId: EmailId::get, EmailId::new;
    EventId: EventId::get, EventId::new;
    MailboxId: MailboxId::get, MailboxId::new;
    QueueId: QueueId::get, QueueId::new;
    ThreadId: ThreadId::get, ThreadId::new;
    ModSeq: ModSeq::get, ModSeq::new;
    Time: Time::millis, |millis| Some(Time::from_millis(millis));
    Uid: |uid| i64::from(uid.get()), |n| u32::try_from(n).ok().and_then(Uid::new);
    UidValidity: |v| i64::from(v.get()), |n| u32::try_from(n).ok().and_then(UidValidity::new);
    Flags: |flags| i64::from(flags.bits()), |n| u32::try_from(n).ok().map(Flags::from_bits);
}

impl From<&AddressKey> for Value {
    fn from(key: &AddressKey) -> Self {
        Value::from(key.as_str())
    }
}
impl From<&MailboxName> for Value {
    fn from(name: &MailboxName) -> Self {
        Value::from(name.as_str())
    }
}
impl Decode for MailboxName {
    fn decode(value: &Value) -> Option<Self> {
        String::decode(value).and_then(|name| MailboxName::parse(&name).ok())
    }
}

impl Decode for Domain {
    fn decode(value: &Value) -> Option<Self> {
        String::decode(value).and_then(|name| Domain::parse(&name).ok())
    }
}

/// The answer to one statement: rows of equal width in one piece of memory, and how many rows the
/// statement changed.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    width: usize,
    cells: Vec<Value>,
    changed: u64,
}

impl Rows {
    /// An answer. `cells` holds whole rows of `width` values, one row behind the other.
    pub fn new(width: usize, cells: Vec<Value>, changed: u64) -> Self {
        Rows { width, cells, changed }
    }
    /// Rows that an INSERT, UPDATE or DELETE touched.
    pub fn changed(&self) -> u64 {
        self.changed
    }
    /// How many rows came back.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }
    /// True when no row came back.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.cells.chunks_exact(self.width.max(1)).map(|cells| Row { cells })
    }
    /// The first row.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }
}

/// One row of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    cells: &'a [Value],
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when the column does not hold such a value: whoever wrote the row
    /// broke a rule of the schema.
    pub fn get<T: Decode>(&self, column: usize) -> Result<T, EngineError> {
        self.cells.get(column).and_then(T::decode).ok_or_else(|| {
            EngineError::Corrupt(format!(
                "column {column} cannot be read as {}",
                std::any::type_name::<T>()
            ))
        })
    }
}
