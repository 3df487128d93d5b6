//! How a section of the configuration is declared: once, with everything there is to say about each
//! of its settings. The struct, its defaults, its reader and the reference page all come from
//! there.

use super::reader::Reader;
use toml::de::DeTable;

/// What the reference says of one setting.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// Its documentation, line by line.
    pub doc: &'static [&'static str],
    /// What is written there.
    pub kind: String,
    /// Its default as TOML; `None` when it is unset.
    pub default: Option<String>,
    /// The rule it must keep to; empty when there is none.
    pub rule: String,
    /// True when its value is never shown.
    pub secret: bool,
}

/// A `[section]` of the file.
pub trait Section: Default {
    /// Its documentation, line by line.
    const ABOUT: &'static [&'static str];

    /// Its settings in the order of the reference.
    fn fields() -> Vec<Field>;

    /// Reads it. What is wrong is told to `reader`, and the default stands in for it.
    fn read(name: &'static str, table: &DeTable<'_>, reader: &mut Reader<'_>) -> Self;

    /// Its settings with their values as TOML, `None` for what is unset.
    fn values(&self) -> Vec<(&'static str, Option<String>)>;
}

/// Declares a section:
///
/// ```text
/// section! {
///     /// What it is about.
///     pub struct Pop3 {
///         /// What it does, and why this default and these bounds.
///         idle: Span = Span::seconds(600), in Span::seconds(600)..=Span::seconds(3600);
///     }
/// }
/// ```
macro_rules! section {
    ($(#[doc = $about:literal])* pub struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $type:ty = $default:expr $(, in $bound:expr)?;)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[doc = $doc])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $crate::config::section::Section for $name {
            const ABOUT: &'static [&'static str] = &[$($about),*];

            fn fields() -> Vec<$crate::config::section::Field> {
                use $crate::config::value::{Bound, Setting};
                vec![$($crate::config::section::Field {
                    name: stringify!($field),
                    doc: &[$($doc),*],
                    kind: <$type as Setting>::kind().into_owned(),
                    default: { let default: $type = $default; default.toml() },
                    rule: Bound::<$type>::rule(&$crate::config::section::bound!($($bound)?)),
                    secret: <$type as Setting>::SECRET,
                },)*]
            }

            fn read(
                name: &'static str,
                table: &toml::de::DeTable<'_>,
                reader: &mut $crate::config::reader::Reader<'_>,
            ) -> Self {
                reader.refuse_unknown_keys(name, table, &[$(stringify!($field)),*]);
                $name {$(
                    $field: reader.setting(
                        name,
                        table,
                        stringify!($field),
                        &$crate::config::section::bound!($($bound)?),
                    ).unwrap_or_else(|| $default),
                )*}
            }

            fn values(&self) -> Vec<(&'static str, Option<String>)> {
                use $crate::config::value::Setting;
                vec![$((stringify!($field), self.$field.toml()),)*]
            }
        }
    };
}

/// The bound of a setting in [`section!`]; none when it names none.
macro_rules! bound {
    () => {
        ()
    };
    ($bound:expr) => {
        $bound
    };
}
pub(crate) use {bound, section};
