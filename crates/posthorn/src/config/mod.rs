//! The configuration file: what the machine is. Whom it serves lives in the store.
//!
//! Each setting is declared once ([`section!`](section)), with its default, its bounds and its
//! documentation, and the reference page (`docs/configuration.md`) is made from that.
//!
//! Invariants
//! * A [`Config`] is valid: every setting within its bounds, all of them consistent with each
//!   other.
//! * Everything that is wrong in a file is told at once, each with its line and column.
//! * A key that nobody reads is an error: a slip of the fingers must not silently mean the default.
//! * Secrets appear neither in errors nor in what is shown of a configuration.

mod inspect;
mod listen;
mod machine;
mod mail;
mod problem;
mod reader;
mod reference;
mod rules;
mod section;
mod settings;
mod tls;
mod units;
mod value;

pub use inspect::inspect;
pub use listen::{Endpoint, EndpointError, Listen};
pub use machine::{Engine, Log, LogFormat, Retention, Server, Store};
pub use mail::{Imap, Limits, Login, Pop3, Smtp, Submission, Throttle};
pub use problem::{Place, Problem, Problems, Severity};
pub use reader::Places;
pub use reference::{defaults, reference};
pub use section::{Field, Section};
pub use tls::Tls;
pub use units::{Size, Span, UnitError};
pub use value::Secret;

use crate::exit::{Exit, Explain};
use posthorn_base::limits::CONFIG_BYTES_MAX;
use reader::Reader;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A section's name, its documentation line by line, and its settings.
pub type SectionInfo = (&'static str, &'static [&'static str], Vec<Field>);

/// Declares the configuration as a list of its sections.
macro_rules! config {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty,)*) => {
        /// A whole configuration; its default is an empty file.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Config { $($(#[doc = $doc])* pub $name: $type,)* }

        impl Config {
            const SECTIONS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Every section.
            pub fn sections() -> Vec<SectionInfo> {
                vec![$((stringify!($name), <$type>::ABOUT, <$type>::fields())),*]
            }

            /// Every section with the values it has.
            pub fn values(&self) -> Vec<(&'static str, Vec<(&'static str, Option<String>)>)> {
                vec![$((stringify!($name), self.$name.values())),*]
            }

            fn read(root: &toml::de::DeTable<'_>, reader: &mut Reader<'_>) -> Config {
                reader.refuse_unknown_sections(root, Self::SECTIONS);
                Config {$(
                    $name: match reader.section(root, stringify!($name)) {
                        Some(table) => Section::read(stringify!($name), table, reader),
                        None => <$type>::default(),
                    },
                )*}
            }
        }
    };
}

config! {
    /// The server as a whole.
    server: Server,
    /// Where each protocol listens.
    listen: Listen,
    /// Certificates.
    tls: Tls,
    /// Where accounts and mail are kept.
    store: Store,
    /// SMTP.
    smtp: Smtp,
    /// Submission.
    submission: Submission,
    /// POP3.
    pop3: Pop3,
    /// IMAP.
    imap: Imap,
    /// Logging in.
    login: Login,
    /// Bounds of the whole process.
    limits: Limits,
    /// How attackers are slowed down and shut out.
    throttle: Throttle,
    /// How long things are kept.
    retention: Retention,
    /// What is logged.
    log: Log,
}

impl Config {
    /// Has every relative path in it begin at `dir`.
    fn anchor(&mut self, dir: &Path) {
        let files = self.tls.certificate.iter_mut();
        let files = files.flat_map(|files| [&mut files.chain, &mut files.key]);
        let others = [&mut self.store.dir].into_iter().chain(&mut self.tls.client_ca);
        for path in files.chain(others) {
            // An absolute path stays what it is.
            *path = dir.join(&path);
        }
    }
}

/// A configuration that was read, and where its settings stand.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub config: Config,
    /// Where it says so.
    pub places: Places,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Larger than [`CONFIG_BYTES_MAX`].
    #[error("{} is larger than {CONFIG_BYTES_MAX} bytes: not a configuration", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Something in it is wrong.
    #[error("the configuration has errors:\n\n{0}")]
    Wrong(Problems),
}

impl Explain for LoadError {
    fn exit(&self) -> Exit {
        match self {
            LoadError::Read { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::NoInput,
            },
            LoadError::TooLarge { .. } => Exit::DataError,
            LoadError::Wrong(_) => Exit::Config,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            LoadError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some(
                    "give its place with --config FILE, or write one: posthorn config defaults"
                        .into(),
                )
            }
            LoadError::Read { .. } | LoadError::TooLarge { .. } | LoadError::Wrong(_) => None,
        }
    }
}

impl Loaded {
    /// Reads a file.
    pub fn from_file(path: &Path) -> Result<Loaded, LoadError> {
        let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > CONFIG_BYTES_MAX {
            return Err(LoadError::TooLarge { path: path.to_owned() });
        }
        Loaded::from_bytes(path, &bytes).map_err(LoadError::Wrong)
    }

    /// Reads the content of a file; `path` only names it.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Loaded, Problems> {
        let wrong = |list| Problems { path: path.to_owned(), list };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (good, _) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
                let good = String::from_utf8_lossy(good);
                return Err(wrong(vec![Problem {
                    severity: Severity::Error,
                    place: Some(Place::of(&good, &(good.len()..good.len()))),
                    key: String::new(),
                    message: "the file is not UTF-8 from here on".to_owned(),
                    hint: None,
                }]));
            }
        };
        let (root, syntax) = toml::de::DeTable::parse_recoverable(text);
        let mut reader = Reader::new(text, &Config::sections());
        let syntax_is_good = syntax.is_empty();
        for error in syntax {
            reader.error(error.span(), "", error.message().to_owned(), None);
        }
        let mut config = Config::read(root.get_ref(), &mut reader);
        if let Some(dir) = std::path::absolute(path).ok().as_deref().and_then(Path::parent) {
            config.anchor(dir);
        }
        let (mut list, places) = reader.finish();
        // Rules between settings would complain about defaults that stand in for faulty values.
        if list.is_empty() && syntax_is_good {
            list.extend(rules::broken(&config, &places));
        }
        if list.is_empty() {
            return Ok(Loaded { path: path.to_owned(), config, places });
        }
        let mut problems = wrong(list);
        problems.sort();
        Err(problems)
    }
}

#[cfg(test)]
mod tests;
