//! What may stand behind a key: how each type of setting is read, shown and described.

use super::units::{Size, Span};
use posthorn_base::Domain;
use posthorn_server::network::Cidr;
use std::borrow::Cow;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeValue;

/// Why a value cannot be used, and which part of the file says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault of the whole value.
    pub fn of(value: &Spanned<DeValue<'_>>, message: String, hint: Option<String>) -> Fault {
        Fault { span: value.span(), message, hint }
    }

    /// `value` is of another type than wanted.
    pub fn wrong_type(value: &Spanned<DeValue<'_>>, want: &str) -> Fault {
        let got = value.get_ref().type_str();
        Fault::of(value, format!("this is a TOML {got}"), Some(format!("expected a {want}")))
    }
}

/// A type that a setting can have.
pub trait Setting: Sized {
    /// True when the value must not be shown, not even to say what is wrong with it.
    const SECRET: bool = false;

    /// What is written there, for the reference: `"true or false"`.
    fn kind() -> Cow<'static, str>;

    /// Reads a value. Each thing that is wrong is put into `faults`; then the answer is `None`.
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self>;

    /// The value as TOML; `None` for one that is unset.
    fn toml(&self) -> Option<String>;
}

/// What a value must keep to, beyond its type.
pub trait Bound<T> {
    /// The rule, for the reference and for whoever breaks it. Empty when there is none.
    fn rule(&self) -> String;
    /// True when the value keeps to it.
    fn holds(&self, value: &T) -> bool;
}

/// No bound.
impl<T> Bound<T> for () {
    fn rule(&self) -> String {
        String::new()
    }
    fn holds(&self, _: &T) -> bool {
        true
    }
}

impl<T: PartialOrd + fmt::Display> Bound<T> for RangeInclusive<T> {
    fn rule(&self) -> String {
        format!("from {} to {}", self.start(), self.end())
    }
    fn holds(&self, value: &T) -> bool {
        self.contains(value)
    }
}

/// The greatest number of items in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtMost(pub usize);

impl<T> Bound<Vec<T>> for AtMost {
    fn rule(&self) -> String {
        format!("at most {} items", self.0)
    }
    fn holds(&self, value: &Vec<T>) -> bool {
        value.len() <= self.0
    }
}

/// A text in TOML's quotes.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Setting for bool {
    fn kind() -> Cow<'static, str> {
        "`true` or `false`".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            faults.push(Fault::wrong_type(value, "`true` or `false`, without quotes"));
        }
        read
    }
    fn toml(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for u32 {
    fn kind() -> Cow<'static, str> {
        "whole number".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(integer) = value.get_ref().as_integer() else {
            faults.push(Fault::wrong_type(value, "whole number, without quotes"));
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none() {
            let message = format!("the number is outside of 0 to {}", u32::MAX);
            faults.push(Fault::of(value, message, None));
        }
        number
    }
    fn toml(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Reads a string and turns it into a value; `hint` says how it is written.
pub(super) fn read_text<T, E: fmt::Display>(
    value: &Spanned<DeValue<'_>>,
    faults: &mut Vec<Fault>,
    hint: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let Some(text) = value.get_ref().as_str() else {
        faults.push(Fault::wrong_type(value, hint));
        return None;
    };
    match parse(text) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            faults.push(Fault::of(value, error.to_string(), Some(format!("expected a {hint}"))));
            None
        }
    }
}

/// A type that is written as a string and has `FromStr` and `Display`.
macro_rules! text_setting {
    ($($type:ty: $kind:expr;)*) => {$(
        impl Setting for $type {
            fn kind() -> Cow<'static, str> {
                $kind.into()
            }
            fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
                read_text(value, faults, $kind, str::parse::<$type>)
            }
            fn toml(&self) -> Option<String> {
                Some($crate::config::value::quoted(&self.to_string()))
            }
        }
    )*};
}
pub(crate) use text_setting;

text_setting! {
    Size: Size::SYNTAX;
    Span: Span::SYNTAX;
    Cidr: "network: an address, or an address and a prefix length such as `192.0.2.0/24`";
    Domain: "host name such as `mail.example.com`";
}

/// A text without control characters, not empty.
impl Setting for String {
    fn kind() -> Cow<'static, str> {
        "text".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        read_text(value, faults, "text in quotes", |text| match text {
            "" => Err("this is empty"),
            _ if text.chars().any(char::is_control) => Err("this has control characters"),
            _ => Ok(text.to_owned()),
        })
    }
    fn toml(&self) -> Option<String> {
        Some(quoted(self))
    }
}

/// A relative one begins at the configuration file's directory ([`super::Config::anchor`]), so that
/// it means the same wherever the server is started from. Relative paths are resolved rather than
/// refused because a configuration that lies beside its store can then be moved as a whole.
impl Setting for PathBuf {
    fn kind() -> Cow<'static, str> {
        "path; a relative one begins at the directory of this file".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        read_text(value, faults, "path such as `/etc/posthorn/key.pem`", |text| {
            let path = Path::new(text);
            match () {
                () if text.contains('\0') => Err("a path cannot contain NUL"),
                () if text.is_empty() => Err("the path is empty"),
                () => Ok(path.to_owned()),
            }
        })
    }
    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

/// A text that is never shown: not in a log, not by `Debug`, not in an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
impl Setting for Secret {
    const SECRET: bool = true;
    fn kind() -> Cow<'static, str> {
        "text, never shown".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        String::read(value, faults).map(Secret)
    }
    fn toml(&self) -> Option<String> {
        Some(quoted("***"))
    }
}

/// A setting that may be left out.
impl<T: Setting> Setting for Option<T> {
    const SECRET: bool = T::SECRET;
    fn kind() -> Cow<'static, str> {
        T::kind()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        T::read(value, faults).map(Some)
    }
    fn toml(&self) -> Option<String> {
        self.as_ref().and_then(T::toml)
    }
}

/// A list. Every faulty item is named, not only the first.
impl<T: Setting> Setting for Vec<T> {
    fn kind() -> Cow<'static, str> {
        format!("list of: {}", T::kind()).into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(items) = value.get_ref().as_array() else {
            let want = format!("list in square brackets, of: {}", T::kind());
            faults.push(Fault::wrong_type(value, &want));
            return None;
        };
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, faults)).collect();
        read.into_iter().collect()
    }
    fn toml(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(T::toml).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

/// Declares a setting that is one of a few words. Each variant stands with its word and its
/// documentation, which the reference repeats.
macro_rules! choice {
    ($(#[doc = $about:literal])* pub enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $crate::config::value::Setting for $name {
            fn kind() -> std::borrow::Cow<'static, str> {
                [$(concat!("`\"", $word, "\"`")),*].join(" or ").into()
            }
            fn read(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                faults: &mut Vec<$crate::config::value::Fault>,
            ) -> Option<Self> {
                let words = [$(concat!("\"", $word, "\"")),*].join(" or ");
                let hint = format!("word: {words}");
                $crate::config::value::read_text(value, faults, &hint, |text| match text {
                    $($word => Ok($name::$variant),)*
                    _ => Err("this word is not known here"),
                })
            }
            fn toml(&self) -> Option<String> {
                Some(match self { $($name::$variant => concat!("\"", $word, "\"").to_owned(),)* })
            }
        }
    };
}
pub(crate) use choice;
