//! `posthorn config show|defaults|reference`

use super::{Context, Outcome};
use crate::config::{self, Config};
use crate::exit::Failure;
use std::fmt::Write;

/// The commands below `posthorn config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show every setting with the value it has, defaults included
    Show,
    /// Print a configuration file in which every setting stands with its default and meaning
    #[command(after_help = "Example:\n  posthorn config defaults > /etc/posthorn/posthorn.toml")]
    Defaults,
    /// Print the reference of all settings, in Markdown
    Reference,
}

pub(super) fn run(command: &Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::Show => {
            let loaded = context.config()?;
            if context.output.is_json() {
                context.output.json_line(&json(&loaded.config))?;
            } else {
                context.output.text(&toml(&loaded.config))?;
            }
        }
        Command::Defaults => context.output.text(&config::defaults())?,
        Command::Reference => context.output.text(&config::reference())?,
    }
    Ok(Outcome::Success)
}

fn toml(config: &Config) -> String {
    let mut text = String::new();
    for (section, values) in config.values() {
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{gap}[{section}]");
        for (key, value) in values {
            let _ = match value {
                Some(value) => writeln!(text, "{key} = {value}"),
                None => writeln!(text, "# {key} is unset"),
            };
        }
    }
    text
}

fn json(config: &Config) -> serde_json::Value {
    let sections = config.values().into_iter().map(|(section, values)| {
        let values = values.into_iter().map(|(key, value)| {
            let parsed = value.and_then(|toml| {
                let document: toml::Table = toml::from_str(&format!("value = {toml}")).ok()?;
                serde_json::to_value(document.get("value")?).ok()
            });
            (key.to_owned(), parsed.unwrap_or(serde_json::Value::Null))
        });
        (section.to_owned(), serde_json::Value::Object(values.collect()))
    });
    serde_json::Value::Object(sections.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        let file =
            b"[smtp]\nidle = \"1 min\"\n[[tls.certificate]]\nchain = \"/a\\\"b\"\nkey = \"/k\"\n";
        let path = std::path::Path::new("t.toml");
        let config = config::Loaded::from_bytes(path, file).unwrap().config;
        let again = config::Loaded::from_bytes(path, toml(&config).as_bytes()).unwrap().config;
        assert_eq!(again, config);
        let json = json(&config);
        assert_eq!(json["smtp"]["idle"], "1 min");
        assert_eq!(json["smtp"]["recipients_max"], 1000);
        assert_eq!(json["server"]["hostname"], serde_json::Value::Null);
        assert_eq!(json["tls"]["certificate"][0]["chain"], "/a\"b");
    }
}
