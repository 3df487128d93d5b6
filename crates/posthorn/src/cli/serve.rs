//! `posthorn serve`

use super::{Context, Outcome};
use crate::config::{Config, LoadError, Loaded};
use crate::exit::Failure;
use crate::serving::{Parts, Serving, ServingError};
use crate::startup::listeners::{Bound, bind_all};
use crate::startup::logging::LogControl;
use crate::startup::privileges::Identity;
use crate::startup::systemd::Inherited;
use crate::startup::{logging, runtime};
use posthorn_server::control::{Refusal, RefusalKind};
use posthorn_server::listen::Listener;
use posthorn_server::run::{Running, ServiceKind, StartError};
use std::path::{Path, PathBuf};

/// Arguments of `posthorn serve`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Serve\n\n\
        Started as root, it binds its ports, reads its certificates and then becomes the user \
        that the \
        configuration names, for good. It logs to standard error and stays in the foreground.\n\n\
        SIGTERM and SIGINT let sessions come to their end, then stop it. SIGHUP has it read its \
        configuration and certificates again, like `posthorn reload`.",
    after_help = "Examples:\n  \
        posthorn serve\n  \
        posthorn serve --config ./posthorn.toml"
)]
pub struct Args {}

pub(super) fn run(_args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    let Loaded { config, .. } = context.config()?;
    let log = logging::start(&config.log)?;
    let inherited = Inherited::from_environment()?;
    let identity = Identity::look_up(&config.server)?;
    let listeners = services(bind_all(&config.listen, inherited)?);
    identity.make_store_dir(&config.store.dir)?;
    let settings = config.server_settings();
    // A key is often for root's eyes only. The self-signed certificate is made as whom we will be.
    let tls = match settings.tls.certificates.is_empty() {
        true => None,
        false => Some(
            Running::load_certificates(&settings)
                .map_err(|error| ServingError::Start(StartError::Tls(error)))?,
        ),
    };
    let unprivileged = identity.assume()?;
    let parts = Parts { settings, store: config.store_settings(), tls, listeners };
    let path = context.config_path().to_owned();
    let mut reload = Reload { path, dir: context.globals.dir.clone(), log, config };
    runtime(&unprivileged)?.block_on(async move {
        let serving = Serving::start(parts).await?;
        serving.until_told(|running| reload.carry_out(running)).await
    })?;
    Ok(Outcome::Success)
}

/// The sockets of each service.
fn services(bound: Vec<Bound>) -> Vec<(ServiceKind, Listener)> {
    let mut services = Vec::new();
    for Bound { protocol, listeners } in bound {
        // `[listen]` and the server name the same protocols.
        let Some(kind) = ServiceKind::named(protocol) else { continue };
        services.extend(listeners.into_iter().map(|listener| (kind, listener)));
    }
    services
}

/// What it takes to reload.
struct Reload {
    path: PathBuf,
    dir: Option<PathBuf>,
    log: LogControl,
    /// What is in force.
    config: Config,
}

impl Reload {
    /// Reads the configuration again and puts into force what can change while the server runs: the
    /// certificates and the log level. What else has changed is named in the log.
    fn carry_out(&mut self, running: &Running) -> Result<(), Refusal> {
        let config = self.read().map_err(|error| refused(&self.path, &error))?;
        running.reload_certificates(config.tls_settings()).map_err(|error| {
            Refusal::because(RefusalKind::Configuration, &error)
                .hint("the certificates in use stay in use; the server reads as its own user")
        })?;
        if config.log.level != self.config.log.level {
            self.log
                .set_level(&config.log.level)
                .map_err(|error| Refusal::because(RefusalKind::Configuration, &error))?;
        }
        self.config.log.level.clone_from(&config.log.level);
        self.config.tls.clone_from(&config.tls);
        for key in changed(&self.config, &config) {
            tracing::warn!(%key, "this setting has changed; it is used after the next start");
        }
        Ok(())
    }

    fn read(&self) -> Result<Config, LoadError> {
        let mut config = Loaded::from_file(&self.path)?.config;
        if let Some(dir) = &self.dir {
            config.store.dir.clone_from(dir);
        }
        Ok(config)
    }
}

fn refused(path: &Path, error: &LoadError) -> Refusal {
    Refusal::because(RefusalKind::Configuration, error)
        .hint(format!("posthorn check --config {}", path.display()))
}

/// The settings in which two configurations differ.
fn changed(before: &Config, after: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    for ((section, before), (_, after)) in before.values().into_iter().zip(after.values()) {
        for ((key, before), (_, after)) in before.into_iter().zip(after) {
            if before != after {
                keys.push(format!("{section}.{key}"));
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_settings_are_named() {
        let before = Config::default();
        let mut after = before.clone();
        assert!(changed(&before, &after).is_empty());
        after.submission.show_client_address = true;
        after.server.user = "mail".to_owned();
        assert_eq!(changed(&before, &after), ["server.user", "submission.show_client_address"]);
    }
}
