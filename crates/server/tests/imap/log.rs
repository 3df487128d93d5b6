//! What the servers of this process have logged.

use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// Only a failing test waits this long.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

static LOG: LazyLock<Log> = LazyLock::new(Log::default);

/// One line on its way.
struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lines.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
        LOG.grown.notify_all();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Writer {
    type Writer = Writer;
    fn make_writer(&self) -> Writer {
        Writer
    }
}

/// From now on lines are kept; to be called before the server starts.
pub(crate) fn keep() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Writer);
    // Another test of this process may have begun it.
    let _ = subscriber.with_max_level(tracing::Level::INFO).try_init();
}

/// Waits for a line about the connection from this address that has these words in it.
pub(crate) fn wait_for(peer: SocketAddr, words: &str) -> String {
    let peer = format!("peer={peer}}}");
    let end = Instant::now() + SILENCE;
    let mut lines = LOG.lines.lock().unwrap();
    loop {
        let mut of_peer = lines.iter().filter(|line| line.contains(&peer));
        if let Some(line) = of_peer.clone().find(|line| line.contains(words)) {
            return line.clone();
        }
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "no {words:?} in {:#?}", of_peer.by_ref().collect::<Vec<_>>());
        lines = LOG.grown.wait_timeout(lines, left).unwrap().0;
    }
}
