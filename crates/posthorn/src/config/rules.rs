//! Rules that hold between settings.

use super::problem::{Problem, Severity};
use super::reader::Places;
use super::{Config, Endpoint, Engine};
use std::collections::BTreeMap;

/// Every rule that `config` breaks.
pub(super) fn broken(config: &Config, places: &Places) -> Vec<Problem> {
    let mut problems = Vec::new();
    engine(config, places, &mut problems);
    order(config, places, &mut problems);
    listeners(config, places, &mut problems);
    log(config, places, &mut problems);
    problems
}

fn error(places: &Places, key: &str, message: String, hint: &str) -> Problem {
    places.problem(Severity::Error, key, message, Some(hint.to_owned()))
}

fn engine(config: &Config, places: &Places, problems: &mut Vec<Problem>) {
    match (config.store.engine, &config.store.url) {
        (Engine::Postgres, None) => problems.push(error(
            places,
            "store.engine",
            "`engine = \"postgres\"` needs `store.url`".to_owned(),
            "add `url = \"postgres://user:password@host/database\"`",
        )),
        (Engine::Postgres, Some(url)) => {
            let schemes = ["postgres://", "postgresql://"];
            if !schemes.iter().any(|scheme| url.reveal().starts_with(scheme)) {
                let message = "`store.url` does not begin with `postgres://`".to_owned();
                let hint = "it looks like `postgres://user:password@host/database`";
                problems.push(error(places, "store.url", message, hint));
            }
        }
        (Engine::Sqlite, Some(_)) => problems.push(error(
            places,
            "store.url",
            "`store.url` means nothing to `engine = \"sqlite\"`".to_owned(),
            "set `engine = \"postgres\"`, or remove `url`",
        )),
        (Engine::Sqlite, None) => {}
    }
}

fn log(config: &Config, places: &Places, problems: &mut Vec<Problem>) {
    if let Err(cause) = tracing_subscriber::EnvFilter::try_new(&config.log.level) {
        let message = format!("`log.level` cannot be understood: {cause}");
        let hint = "it is like `info` or `info,posthorn_server::smtp=debug`";
        problems.push(error(places, "log.level", message, hint));
    }
}

/// Bounds of a part that exceed the bounds of the whole.
fn order(config: &Config, places: &Places, problems: &mut Vec<Problem>) {
    let (limits, submission, throttle) = (&config.limits, &config.submission, &config.throttle);
    let mut in_order = |part: &str, whole: &str, shown: Option<(String, String)>| {
        if let Some((part_value, whole_value)) = shown {
            // Blame the one that the file sets.
            let key = if places.sets(part) { part } else { whole };
            let message =
                format!("`{part}` ({part_value}) is greater than `{whole}` ({whole_value})");
            problems.push(error(places, key, message, "lower the first or raise the second"));
        }
    };
    let counts = [
        ("limits.connections_per_address", "limits.connections_per_network"),
        ("limits.connections_per_network", "limits.connections"),
        ("limits.connections_per_protocol", "limits.connections"),
        ("submission.recipients_per_hour", "submission.recipients_per_day"),
    ];
    let values = [
        (limits.connections_per_address, limits.connections_per_network),
        (limits.connections_per_network, limits.connections),
        (limits.connections_per_protocol, limits.connections),
        (submission.recipients_per_hour, submission.recipients_per_day),
    ];
    for ((part, whole), values) in counts.into_iter().zip(values) {
        in_order(part, whole, greater(values));
    }
    in_order(
        "throttle.tarpit",
        "throttle.tarpit_max",
        greater((throttle.tarpit, throttle.tarpit_max)),
    );
    in_order("throttle.block", "throttle.block_max", greater((throttle.block, throttle.block_max)));
}

/// Both as text, when the first is the greater.
fn greater<T: PartialOrd + ToString>((part, whole): (T, T)) -> Option<(String, String)> {
    (part > whole).then(|| (part.to_string(), whole.to_string()))
}

/// Two listeners at one place.
fn listeners(config: &Config, places: &Places, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<Endpoint, &str> = BTreeMap::new();
    let mut any_port: BTreeMap<u16, &str> = BTreeMap::new();
    let endpoints = config.listen.by_protocol();
    let all = || endpoints.iter().flat_map(|(name, list)| list.iter().map(move |at| (*name, *at)));
    for (name, endpoint) in all().filter(|(_, endpoint)| endpoint.port() != 0) {
        if let Endpoint::Any(port) = endpoint {
            any_port.entry(port).or_insert(name);
        }
        if let Some(earlier) = taken.insert(endpoint, name) {
            problems.push(collision(places, name, earlier, endpoint));
        }
    }
    for (name, endpoint) in all() {
        if let Endpoint::One(address) = endpoint
            && let Some(earlier) = any_port.get(&address.port())
        {
            problems.push(collision(places, name, earlier, endpoint));
        }
    }
    if endpoints.iter().all(|(_, list)| list.is_empty()) {
        let message = "nothing listens: all lists in [listen] are empty".to_owned();
        problems.push(error(places, "listen.smtp", message, "remove a list to get its default"));
    }
}

fn collision(places: &Places, name: &str, earlier: &str, endpoint: Endpoint) -> Problem {
    let message = format!("`listen.{name}` has {endpoint}, which `listen.{earlier}` takes already");
    error(places, &format!("listen.{name}"), message, "give each listener an address of its own")
}
