//! What systemd gives and wants to hear: sockets, readiness, the watchdog. Without systemd,
//! nothing.

use crate::exit::{Exit, Explain};
use listenfd::ListenFd;
use posthorn_server::listen::Listener;
use sd_notify::NotifyState;
use std::io;
use std::time::Duration;

/// A socket that systemd hands over cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the socket {name:?} from systemd cannot be used")]
pub struct InheritError {
    name: String,
    source: io::Error,
}

impl Explain for InheritError {
    fn exit(&self) -> Exit {
        Exit::Config
    }
    fn hint(&self) -> Option<String> {
        Some("the socket unit needs ListenStream= with a TCP address".to_owned())
    }
}

/// Sockets that were bound for us, by name (sd_listen_fds(3)).
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(String, Listener)>,
}

impl Inherited {
    /// No sockets.
    pub fn none() -> Inherited {
        Inherited::default()
    }

    /// These sockets.
    pub fn of(sockets: Vec<(String, Listener)>) -> Inherited {
        Inherited { sockets }
    }

    /// The sockets that this process was started with. They are given out once; no thread may run
    /// yet.
    pub fn from_environment() -> Result<Inherited, InheritError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..fds.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let failed = |source| InheritError { name: name.clone(), source };
            if let Some(socket) = fds.take_tcp_listener(index).map_err(failed)? {
                let listener = Listener::from_socket(socket).map_err(failed)?;
                sockets.push((name, listener));
            }
        }
        Ok(Inherited { sockets })
    }

    /// Takes the sockets of this name.
    pub fn take(&mut self, name: &str) -> Vec<Listener> {
        let all = std::mem::take(&mut self.sockets);
        let (wanted, rest) = all.into_iter().partition(|(given, _)| given == name);
        self.sockets = rest;
        let wanted: Vec<(String, Listener)> = wanted;
        wanted.into_iter().map(|(_, listener)| listener).collect()
    }

    /// The names of those that nobody took.
    pub fn into_names(self) -> Vec<String> {
        self.sockets.into_iter().map(|(name, _)| name).collect()
    }
}

/// Everything is ready; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload begins. [`ready`] ends it.
pub fn reloading() {
    // sd_notify(3): without the time of the call, systemd 253 and newer take the reload for failed.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the clock for systemd cannot be read"),
    }
}

/// The server stops.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// The server lives. To be said more often than every [`watchdog`].
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How long systemd waits for [`alive`] before it restarts us; `None` when it does not.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn notify(state: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell; with it, a lost word is no reason to stop serving.
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};

    /// Runs one of the tests below that are ignored in a process of its own.
    fn child(name: &str) -> Vec<String> {
        let test = format!("startup::systemd::tests::{name}");
        let program = std::env::current_exe().unwrap().into_os_string().into_string().unwrap();
        vec![program, "--exact".to_owned(), test, "--ignored".to_owned()]
    }

    #[test]
    #[ignore = "run by sockets_come_by_name in a process of its own"]
    fn inherits() {
        let mut inherited = Inherited::from_environment().unwrap();
        assert!(inherited.take("pop3").is_empty());
        let listeners = inherited.take("smtp");
        assert_eq!(listeners.len(), 1);
        assert_eq!(listeners[0].address().to_string(), std::env::var("WANT").unwrap());
        assert!(inherited.into_names().is_empty());
        assert!(Inherited::from_environment().unwrap().into_names().is_empty(), "only once");
    }

    #[test]
    fn sockets_come_by_name() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let output = Command::new("sh")
            // The shell turns its input into descriptor 3, and keeps its process id.
            .args(["-c", "exec 3<&0 0</dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\""])
            .args(child("inherits"))
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "smtp")
            .env("WANT", address.to_string())
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }

    #[test]
    #[ignore = "run by systemd_hears_how_it_goes in a process of its own"]
    fn tells() {
        assert_eq!(watchdog(), Some(Duration::from_secs(30)));
        ready("serving");
        reloading();
        alive();
        stopping();
    }

    #[test]
    fn systemd_hears_how_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let arguments = child("tells");
        let output = Command::new(&arguments[0])
            .args(&arguments[1..])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "30000000")
            .env_remove("WATCHDOG_PID")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        socket.set_nonblocking(true).unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(length) = socket.recv(&mut buffer) {
            heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        let words =
            ["READY=1\nSTATUS=serving", "RELOADING=1\nMONOTONIC_USEC=", "WATCHDOG=1", "STOPPING=1"];
        assert_eq!(heard.len(), words.len(), "{heard:?}");
        for (heard, words) in heard.iter().zip(words) {
            assert!(heard.starts_with(words), "{heard:?}");
        }
    }
}
