//! The configuration in the words of `server`, whose parts have settings of their own.

use super::{Config, Engine};
use posthorn_base::{Domain, limits};
use posthorn_server::auth::AuthConfig;
use posthorn_server::conn::ConnectionTimeouts;
use posthorn_server::listen::LimitsConfig;
use posthorn_server::maintenance::Retention;
use posthorn_server::network::Exemptions;
use posthorn_server::open::{EngineSettings, StoreSettings};
use posthorn_server::run::Settings;
use posthorn_server::throttle::ThrottleConfig;
use posthorn_server::tls::{SelfSigned, TlsConfig};

/// The self-signed certificate and its key, in the store's directory.
const SELF_SIGNED: &str = "self-signed.pem";
/// Messages while they arrive, in the store's directory.
const SPOOL: &str = "spool";

impl Config {
    /// For [`posthorn_server::run::Running`].
    pub fn server_settings(&self) -> Settings {
        let hostname = self.hostname();
        Settings {
            message_bytes_max: self.smtp.message_size_max.get(),
            recipients_max: usize::try_from(self.smtp.recipients_max).unwrap_or(usize::MAX),
            smtp_idle: self.smtp.idle.get(),
            pop3_idle: self.pop3.idle.get(),
            imap_idle: self.imap.idle.get(),
            shows_client: self.submission.show_client_address,
            plaintext_on_loopback: self.login.plaintext_on_loopback,
            limits: self.connection_settings(),
            throttle: self.throttle_settings(),
            message_memory: whole(self.limits.message_memory),
            pinned_views: limits::IMAP_PINNED_VIEWS_BYTES_MAX,
            tls: self.tls_settings(),
            self_signed: SelfSigned {
                path: self.store.dir.join(SELF_SIGNED),
                names: vec![hostname.ascii().to_owned()],
            },
            retention: Retention {
                expunged: self.retention.expunged.get(),
                stories_accepted: self.retention.stories_accepted.get(),
                stories_refused: self.retention.stories_refused.get(),
            },
            auth: AuthConfig::default(),
            drain: self.server.drain.get(),
            spool_dir: self.store.dir.join(SPOOL),
            spool_reserve: self.store.disk_reserve.get(),
            timeouts: ConnectionTimeouts::default(),
            hostname,
        }
    }

    /// For [`posthorn_server::open::OpenStore`].
    pub fn store_settings(&self) -> StoreSettings {
        let engine = match (self.store.engine, &self.store.url) {
            (Engine::Postgres, Some(url)) => EngineSettings::Postgres {
                address: url.reveal().to_owned(),
                connections: usize::try_from(self.store.postgres_connections).unwrap_or(usize::MAX),
                migrate_to: self.store.postgres_migrate_to.into(),
            },
            // A configuration for PostgreSQL without its address is not valid.
            (Engine::Sqlite, _) | (Engine::Postgres, None) => EngineSettings::Sqlite {
                reserve_bytes: self.store.disk_reserve.get(),
                cache_bytes: self.store.sqlite_cache.get(),
            },
        };
        StoreSettings {
            dir: self.store.dir.clone(),
            engine,
            inline_bytes_max: whole(self.store.inline_size_max),
            views_memory: whole(self.store.views_memory),
        }
    }

    /// What the server calls itself: what is configured, else what the machine calls itself, else
    /// `localhost` (`posthorn check` warns of both).
    pub fn hostname(&self) -> Domain {
        let machine = || {
            let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
            Domain::parse(&name).ok()
        };
        let configured = self.server.hostname.clone();
        configured.or_else(machine).unwrap_or_else(Domain::localhost)
    }

    /// For [`posthorn_server::tls::Tls`].
    pub fn tls_settings(&self) -> TlsConfig {
        TlsConfig {
            certificates: self.tls.certificate.clone(),
            client_authorities: self.tls.client_ca.clone(),
        }
    }

    /// For [`posthorn_server::listen::ConnectionLimits`].
    pub fn connection_settings(&self) -> LimitsConfig {
        let limits = &self.limits;
        LimitsConfig {
            total: limits.connections,
            per_service: limits.connections_per_protocol,
            per_network: limits.connections_per_network,
            per_address: limits.connections_per_address,
            exempt: Exemptions(limits.exempt_networks.clone()),
        }
    }

    /// For [`posthorn_server::throttle::Throttle`].
    pub fn throttle_settings(&self) -> ThrottleConfig {
        let throttle = &self.throttle;
        // The bounds of the settings lie far below the bounds of the types.
        let number = |wide: u128| u32::try_from(wide).unwrap_or(u32::MAX);
        let seconds = |span: super::Span| number(span.get().as_secs().into());
        ThrottleConfig {
            exempt: Exemptions(self.limits.exempt_networks.clone()),
            connections_per_minute: throttle.connections_per_minute,
            login_failures_per_hour: throttle.login_failures_per_hour,
            account_login_failures_per_hour: throttle.account_login_failures_per_hour,
            offences_per_hour: throttle.offences_per_hour,
            tarpit_ms: number(throttle.tarpit.get().as_millis()),
            tarpit_ms_max: number(throttle.tarpit_max.get().as_millis()),
            block_seconds: seconds(throttle.block),
            block_seconds_max: seconds(throttle.block_max),
            trust_days: seconds(throttle.trust) / 86_400,
            recipients_per_hour: self.submission.recipients_per_hour,
            recipients_per_day: self.submission.recipients_per_day,
            entries: usize::try_from(throttle.remembered).unwrap_or(usize::MAX),
        }
    }
}

/// A size that memory is measured in.
fn whole(size: super::Size) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two places would otherwise each have a default, and drift apart.
    #[test]
    fn an_empty_file_gives_the_defaults_of_the_server() {
        let config = Config::default();
        assert_eq!(config.tls_settings(), TlsConfig::default());
        assert_eq!(config.connection_settings(), LimitsConfig::default());
        assert_eq!(config.throttle_settings(), ThrottleConfig::default());
        let engine = EngineSettings::sqlite(posthorn_base::limits::DISK_RESERVE_BYTES);
        let store = StoreSettings::new(config.store.dir.clone(), engine);
        assert_eq!(config.store_settings(), store);
    }
}
