//! The log: to standard error, as text or JSON, at a level that a reload can change.

use crate::config::{Log, LogFormat};
use crate::exit::{Exit, Explain};
use std::io::IsTerminal;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// The log cannot be started, or its level cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is written wrongly.
    #[error("the log level {level:?} cannot be understood")]
    Level {
        /// As it was written.
        level: String,
        /// What is wrong in it.
        source: ParseError,
    },
    /// There is a log already.
    #[error("the log was started twice")]
    Twice(#[from] TryInitError),
    /// The log is gone.
    #[error("the log level cannot be changed")]
    Reload(#[from] reload::Error),
}

impl Explain for LogError {
    fn exit(&self) -> Exit {
        match self {
            LogError::Level { .. } => Exit::Config,
            LogError::Twice(_) | LogError::Reload(_) => Exit::Software,
        }
    }
}

/// The log that was started.
#[derive(Debug, Clone)]
pub struct LogControl {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Starts the log of this process.
pub fn start(log: &Log) -> Result<LogControl, LogError> {
    let (filter, handle) = reload::Layer::new(parse(&log.level)?);
    let lines = lines(log.format, std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    Ok(LogControl { filter: handle })
}

impl LogControl {
    /// Changes the level. On an error it stays as it was.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        Ok(self.filter.reload(parse(level)?)?)
    }
}

fn parse(level: &str) -> Result<EnvFilter, LogError> {
    let wrong = |source| LogError::Level { level: level.to_owned(), source };
    EnvFilter::try_new(level).map_err(wrong)
}

fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        // The journal notes the time itself (systemd.exec(5), `JOURNAL_STREAM`).
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            Box::new(lines.without_time())
        }
        LogFormat::Text => Box::new(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);
    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_lines_are_json_whatever_is_logged_and_the_level_can_change() {
        let captured = Captured::default();
        let writer = captured.clone();
        let (filter, filter_handle) = reload::Layer::new(parse("info").unwrap());
        let layer = lines(LogFormat::Json, move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(filter).with(layer);
        let control = LogControl { filter: filter_handle };
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(peer = "a\"b\n", "first");
            tracing::debug!("not yet");
            control.set_level("debug").unwrap();
            tracing::debug!("second");
            assert!(matches!(control.set_level("a=b=c"), Err(LogError::Level { .. })));
        });
        let bytes = captured.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!((&lines[0]["message"], &lines[0]["peer"]), (&"first".into(), &"a\"b\n".into()));
        assert_eq!(lines[1]["message"], "second");
    }
}
