//! The configuration in the words of `server`, whose parts have settings of their own.

use super::Config;
use posthorn_server::listen::LimitsConfig;
use posthorn_server::network::Exemptions;
use posthorn_server::throttle::ThrottleConfig;
use posthorn_server::tls::TlsConfig;

impl Config {
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
    }
}
