//! What a configuration asks of this machine, and whether the machine has it: files, directories,
//! users, rights. Nothing is changed, and no port is bound.

use super::problem::{Problem, Severity};
use super::{Engine, Loaded};
use nix::unistd::{Group, Uid, User};
use posthorn_base::{Clock, Domain, limits};
use posthorn_server::control;
use posthorn_server::system::SystemClock;
use posthorn_server::tls::CertificateError;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// The bit that lets a process without root's rights bind low ports (`CAP_NET_BIND_SERVICE`).
const CAPABILITY_BIND_LOW_PORTS: u32 = 10;

/// Everything that this machine lacks, in the order of the file.
pub fn inspect(loaded: &Loaded) -> Vec<Problem> {
    let mut inspection = Inspection { loaded, problems: Vec::new() };
    inspection.user();
    inspection.hostname();
    inspection.store();
    inspection.certificates();
    inspection.ports();
    inspection.secrecy();
    inspection.problems
}

struct Inspection<'l> {
    loaded: &'l Loaded,
    problems: Vec<Problem>,
}

impl Inspection<'_> {
    fn add(&mut self, severity: Severity, key: &str, message: String, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problems.push(self.loaded.places.problem(severity, key, message, hint));
    }

    fn warn(&mut self, key: &str, message: String, hint: &str) {
        self.add(Severity::Warning, key, message, hint);
    }

    /// Started as root, the server becomes `server.user`; started as anybody else, it stays who it
    /// is, and whether that user exists is nobody's concern. As for ports and directories, whoever
    /// checks is taken for who starts the server.
    fn user(&mut self) {
        if !Uid::effective().is_root() {
            return;
        }
        let severity = Severity::Error;
        let user = self.loaded.config.server.user.clone();
        match User::from_name(&user) {
            Ok(Some(found)) if found.uid.is_root() => {
                let message = "`server.user` is root: mail is not served as root".to_owned();
                self.add(Severity::Error, "server.user", message, "name an ordinary user");
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                let hint = format!("useradd --system --home-dir /var/lib/posthorn {user}");
                self.add(severity, "server.user", format!("there is no user {user:?}"), &hint);
            }
            Err(error) => {
                let message = format!("cannot look up the user {user:?}: {error}");
                self.warn("server.user", message, "");
            }
        }
        if let Some(group) = self.loaded.config.server.group.clone()
            && matches!(Group::from_name(&group), Ok(None))
        {
            let hint = format!("groupadd --system {group}");
            self.add(severity, "server.group", format!("there is no group {group:?}"), &hint);
        }
    }

    fn hostname(&mut self) {
        if self.loaded.config.server.hostname.is_some() {
            return;
        }
        let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let name = name.unwrap_or_default();
        if !name.contains('.') || Domain::parse(&name).is_err() {
            let message = format!(
                "`server.hostname` is unset, and this machine calls itself {name:?}: other servers \
                 expect a full host name"
            );
            self.warn("server.hostname", message, "set it: hostname = \"mail.example.com\"");
        }
    }

    fn store(&mut self) {
        let dir = self.loaded.config.store.dir.clone();
        let socket = dir.join(control::SOCKET_NAME);
        if socket.as_os_str().len() > control::SOCKET_PATH_BYTES_MAX {
            let message = format!("the path {} is too long for a socket", socket.display());
            self.add(
                Severity::Error,
                "store.dir",
                message,
                "choose a directory with a shorter path",
            );
        }
        match std::fs::metadata(&dir) {
            Ok(metadata) if !metadata.is_dir() => {
                let message = format!("{} is not a directory", dir.display());
                self.add(Severity::Error, "store.dir", message, "");
            }
            Ok(metadata) => self.store_rights(&dir, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("the directory {} does not exist", dir.display());
                let hint = match &self.loaded.config.server.user {
                    user if Uid::effective().is_root() => {
                        format!("install -d -m 0700 -o {user} {}", dir.display())
                    }
                    _ => format!("mkdir -m 0700 {}", dir.display()),
                };
                self.warn("store.dir", message, &hint);
            }
            Err(error) => {
                let message = format!("cannot look at the directory {}: {error}", dir.display());
                self.warn("store.dir", message, "");
            }
        }
    }

    fn store_rights(&mut self, dir: &Path, metadata: &Metadata) {
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let message = format!("others may look into {} (mode {mode:04o})", dir.display());
            self.warn("store.dir", message, &format!("chmod 0700 {}", dir.display()));
        }
        let user = self.loaded.config.server.user.clone();
        if let Ok(Some(user)) = User::from_name(&user)
            && Uid::effective().is_root()
            && metadata.uid() != user.uid.as_raw()
        {
            let message = format!("{} does not belong to the user {}", dir.display(), user.name);
            let hint = format!("chown -R {} {}", user.name, dir.display());
            self.warn("store.dir", message, &hint);
        }
    }

    fn certificates(&mut self) {
        let tls = self.loaded.config.tls.clone();
        if tls.certificate.is_empty() {
            let message = "no certificate is configured: clients get a self-signed one".to_owned();
            let hint = "add [[tls.certificate]] with `chain` and `key`";
            self.warn("tls.certificate", message, hint);
        }
        for files in &tls.certificate {
            match files.load(SystemClock::new().now()) {
                Ok(loaded) => {
                    for warning in &loaded.warnings {
                        self.warn("tls.certificate", warning.to_string(), "");
                    }
                }
                Err(CertificateError::Read { path, source }) => {
                    self.unreadable("tls.certificate", &path, &source);
                }
                Err(error) => {
                    self.add(Severity::Error, "tls.certificate", error.to_string(), "");
                }
            }
        }
        if let Some(path) = &tls.client_ca {
            match read_bounded(path) {
                // RFC 7468 5.1: the label of a certificate.
                Ok(content) if !content.contains("-----BEGIN CERTIFICATE-----") => {
                    let message = format!("{} holds no PEM certificate", path.display());
                    self.add(Severity::Error, "tls.client_ca", message, "");
                }
                Ok(_) => {}
                Err(error) => self.unreadable("tls.client_ca", path, &error),
            }
        }
    }

    /// Whoever checks may have fewer rights than the server will start with.
    fn unreadable(&mut self, key: &str, path: &Path, error: &io::Error) {
        if error.kind() == io::ErrorKind::PermissionDenied {
            let message = format!("you may not read {}", path.display());
            self.warn(key, message, "run the check as the user who starts the server");
        } else {
            let message = format!("cannot read {}: {error}", path.display());
            self.add(Severity::Error, key, message, "");
        }
    }

    fn ports(&mut self) {
        if may_bind_low_ports() {
            return;
        }
        let first_free = first_unprivileged_port();
        for (name, endpoints) in self.loaded.config.listen.clone().by_protocol() {
            for endpoint in endpoints {
                if (1..first_free).contains(&endpoint.port()) {
                    let message =
                        format!("binding {endpoint} needs rights that you do not have here");
                    let hint = "start the server as root (it drops its rights by itself), or by \
                                systemd with sockets or AmbientCapabilities=CAP_NET_BIND_SERVICE";
                    self.warn(&format!("listen.{name}"), message, hint);
                }
            }
        }
    }

    /// A file with a password in it is nobody else's business.
    fn secrecy(&mut self) {
        if self.loaded.config.store.engine == Engine::Postgres
            && let Ok(metadata) = std::fs::metadata(&self.loaded.path)
            && metadata.permissions().mode() & 0o007 != 0
        {
            let message = "everybody may read this file, and `store.url` may hold a password";
            let hint = format!("chmod o= {}", self.loaded.path.display());
            self.warn("store.url", message.to_owned(), &hint);
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(limits::PEM_BYTES_MAX).read_to_end(&mut content)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Root may, and so may a process that was given the capability.
fn may_bind_low_ports() -> bool {
    if Uid::effective().is_root() {
        return true;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    bits & 1 << CAPABILITY_BIND_LOW_PORTS != 0
}

/// Linux lets an administrator lower the border of the privileged ports.
fn first_unprivileged_port() -> u16 {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    setting.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_server::tls::SelfSigned;

    fn inspect_file(dir: &Path, text: &str) -> Vec<Problem> {
        let path = dir.join("posthorn.toml");
        std::fs::write(&path, text).unwrap();
        inspect(&Loaded::from_file(&path).unwrap())
    }

    #[track_caller]
    fn find<'p>(problems: &'p [Problem], words: &str) -> &'p Problem {
        let found = problems.iter().find(|problem| problem.message.contains(words));
        found.unwrap_or_else(|| panic!("{words:?} not in {problems:#?}"))
    }

    #[test]
    fn files_and_directories() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
        let text = format!(
            "[store]\ndir = {store:?}\n[[tls.certificate]]\nchain = {chain:?}\nkey = {key:?}\n"
        );
        let problems = inspect_file(dir.path(), &text);
        let missing = find(&problems, "does not exist");
        assert_eq!(missing.place.as_ref().unwrap().line, 2);
        assert_eq!(missing.severity, Severity::Warning);
        let chain_missing = find(&problems, "chain.pem");
        assert_eq!(chain_missing.severity, Severity::Error);

        std::fs::create_dir(&store).unwrap();
        std::fs::set_permissions(&store, PermissionsExt::from_mode(0o755)).unwrap();
        let made = SelfSigned { path: chain.clone(), names: vec!["mail.example.com".to_owned()] };
        made.load_or_make(SystemClock::new().now()).unwrap();
        std::fs::copy(&chain, &key).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
        let problems = inspect_file(dir.path(), &text);
        find(&problems, "others may look into");
        find(&problems, "can read the key");
        assert!(
            !problems.iter().any(|p| p.severity == Severity::Error && p.key.starts_with("tls"))
        );

        std::fs::write(&key, "not a key").unwrap();
        let problems = inspect_file(dir.path(), &text);
        assert_eq!(find(&problems, "no private key").severity, Severity::Error);
    }

    #[test]
    fn users_and_paths() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("/{}", "d".repeat(120));
        let text = format!(
            "[server]\nuser = \"nobody-has-this-name\"\ngroup = \"nor-this\"\n\
             [store]\ndir = \"{long}\"\n"
        );
        let problems = inspect_file(dir.path(), &text);
        assert_eq!(find(&problems, "no user").place.as_ref().unwrap().line, 2);
        assert_eq!(find(&problems, "no group").place.as_ref().unwrap().line, 3);
        assert_eq!(find(&problems, "too long for a socket").severity, Severity::Error);
        find(&problems, "self-signed");
        let root = inspect_file(dir.path(), "[server]\nuser = \"root\"\n");
        assert_eq!(find(&root, "not served as root").severity, Severity::Error);
    }
}
