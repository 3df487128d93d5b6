//! `posthorn certificate list|add|remove`

use super::argument::{AccountName, CredentialName};
use super::{Context, Outcome};
use crate::exit::{Exit, Explain, Failure};
use crate::output::{self, Cell, Column, Row};
use posthorn_base::limits::CONTROL_CHUNK_BYTES_MAX;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{AddedCertificate, CertificateRequest, CredentialItem};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The commands below `posthorn certificate`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the client certificates that open an account
    List(AccountName),
    /// Let a client certificate open an account (SASL EXTERNAL)
    #[command(
        long_about = "Let a client certificate open an account (SASL EXTERNAL)\n\n\
            The configuration must name the authority that issued it (tls.client_ca), and the \
            client must present it in the TLS handshake. Another certificate of the same authority \
            opens nothing: each one is added by itself, and a renewed one is another one.",
        after_help = "Examples:\n  \
            posthorn certificate add alice@example.com --file laptop.pem\n  \
            posthorn certificate add alice@example.com --file scanner.pem --name scanner \
            --scope smtp"
    )]
    Add(Add),
    /// Remove a client certificate: nobody logs in with it any more
    Remove(CredentialName),
}

/// Arguments of `posthorn certificate add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account: its address, a login name or its id
    account: String,
    /// The certificate as PEM, without its key
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// What to call it [default: its common name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A protocol that it opens: smtp, imap, pop3...; can be repeated. All without it
    #[arg(long = "scope", value_name = "PROTOCOL")]
    scopes: Vec<String>,
    /// Days after which it ends by itself, if it does not expire before
    #[arg(long, value_name = "NUMBER")]
    days: Option<u32>,
}

/// A certificate as it is listed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Listed(CredentialItem);

impl Row for Listed {
    const COLUMNS: &'static [Column] = &[
        Column::left("NAME"),
        Column::left("OPENS"),
        Column::left("SINCE"),
        Column::left("LAST USED"),
        Column::left("ENDS"),
        Column::left("SHA-256"),
    ];
    const EMPTY: &'static str = "no certificate opens this account";

    fn cells(&self) -> Vec<Cell> {
        let text = |text: &Option<String>| text.as_deref().map_or_else(Cell::none, Cell::text);
        vec![
            Cell::text(&self.0.name),
            Cell::text(&self.0.scopes.join(", ")),
            Cell::text(&self.0.created_at),
            text(&self.0.last_used_at),
            text(&self.0.expires_at),
            text(&self.0.sha256),
        ]
    }
}

/// The certificate's file cannot be used.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than any certificate", .0.display())]
    TooLarge(PathBuf),
}

impl Explain for FileError {
    fn exit(&self) -> Exit {
        match self {
            FileError::Read { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::NoInput,
            },
            FileError::TooLarge(_) => Exit::DataError,
        }
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let ask = Request::Certificate;
    match command {
        Command::List(AccountName { account }) => {
            context.list::<Listed>(&ask(CertificateRequest::List { account }))
        }
        Command::Add(add) => make(add, context),
        Command::Remove(CredentialName { account, name }) => {
            let people = format!("{} removed", Shown::text(&name));
            context.order(&ask(CertificateRequest::Remove { account, name }), &people)
        }
    }
}

fn make(add: Add, context: &mut Context) -> Result<Outcome, Failure> {
    let Add { account, file, name, scopes, days } = add;
    // The server says what is no PEM: so DER gets the same answer as any other file.
    let pem = String::from_utf8_lossy(&read(&file)?).into_owned();
    let who = Shown::text(&account).to_string();
    let request = CertificateRequest::Add { account, pem, name, scopes, days };
    let added: AddedCertificate = context.store()?.ask(&Request::Certificate(request))?;
    let people = format!("{} opens {who} until {}", Shown::text(&added.name), added.expires_at);
    context.output.value(&added, &people)?;
    if added.addresses.is_empty() && !context.output.is_json() {
        output::notice(&format!(
            "It holds no mail address (subjectAltName rfc822Name): the client has to say as whom \
             it logs in ({who})."
        ));
    }
    Ok(Outcome::Success)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let most = CONTROL_CHUNK_BYTES_MAX as u64;
    let mut octets = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut octets).map_err(failed)?;
    match octets.len() as u64 > most {
        true => Err(FileError::TooLarge(path.to_owned())),
        false => Ok(octets),
    }
}
