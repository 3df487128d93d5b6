//! A PostgreSQL cluster of our own in a temporary directory, reached by a Unix socket only.
//!
//! It dies with the test: it is stopped when dropped, and the kernel signals it should the test be
//! killed. It does not fsync: what is tested is behaviour, not the disk.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Cluster {
    server: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts it.
    pub(crate) fn start() -> Self {
        // Without TCP the port is only part of the socket's name.
        Self::start_at(5432, |_, _| vec!["-c".into(), "listen_addresses=".into()])
    }

    /// The same on loopback with TLS; answers the file of the authority that issued its
    /// certificate, and that of another.
    pub(crate) fn start_with_tls() -> (Self, PathBuf, PathBuf) {
        // Free now; whoever takes it before PostgreSQL does makes the test fail with its log.
        let port = {
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            taken.local_addr().unwrap().port()
        };
        let cluster = Self::start_at(port, |dir, user| {
            certify(dir, user);
            let file = |name: &str| dir.join(name).display().to_string();
            let settings = [
                "listen_addresses=127.0.0.1".into(),
                "ssl=on".into(),
                format!("ssl_cert_file={}", file("server.pem")),
                format!("ssl_key_file={}", file("server.key")),
            ];
            settings.into_iter().flat_map(|setting| ["-c".into(), setting]).collect()
        });
        let authorities =
            ["authority.pem", "stranger.pem"].map(|name| cluster.dir.path().join(name));
        let [authority, stranger] = authorities;
        (cluster, authority, stranger)
    }

    fn start_at(
        port: u16,
        settings: impl FnOnce(&Path, Option<(u32, u32)>) -> Vec<String>,
    ) -> Self {
        let programs = programs();
        let dir = tempfile::Builder::new().prefix("posthorn-pg-").tempdir().unwrap();
        let data = dir.path().join("data");
        let user = server_user();
        if let Some((uid, gid)) = user {
            chown(dir.path(), Some(uid), Some(gid)).unwrap();
        }
        let made = as_user(user, &programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=posthorn", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata"])
            .arg(&data)
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let server = as_user(user, &programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-p", &port.to_string()])
            .args(settings(dir.path(), user))
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "max_connections=60", "-c", "shared_buffers=32MB"])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut cluster = Cluster { server, dir, port };
        cluster.wait_until_ready(&data);
        cluster
    }

    /// The server writes `ready` into its own file; it answers nothing before.
    fn wait_until_ready(&mut self, data: &Path) {
        loop {
            let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return;
            }
            if let Some(status) = self.server.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                panic!("PostgreSQL ended with {status}:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How to connect to one of its databases.
    pub(crate) fn address(&self, database: &str) -> String {
        let (dir, port) = (self.dir.path().display(), self.port);
        format!("host={dir} port={port} user=posthorn dbname={database}")
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Reads a number outside of any store.
    pub(crate) async fn ask(&self, sql: &str) -> i64 {
        let address = self.address("postgres");
        let (client, connection) =
            tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        let task = tokio::spawn(connection);
        let number = client.query_one(sql, &[]).await.unwrap().get(0);
        drop(client);
        task.await.unwrap().unwrap();
        number
    }

    /// Runs a command outside of any store.
    pub(crate) async fn command(&self, sql: &str) {
        let address = self.address("postgres");
        let (client, connection) =
            tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        let task = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        task.await.unwrap().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGQUIT: an immediate shutdown, which frees what the server shares with its children.
        let pid = nix::unistd::Pid::from_raw(self.server.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}

/// Writes a certificate for `localhost`, its key, and the authorities.
fn certify(dir: &Path, user: Option<(u32, u32)>) {
    let authority = |name: &str| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(dir.join(format!("{name}.pem")), pem).unwrap();
        rcgen::Issuer::new(params, key)
    };
    authority("stranger");
    let issuer = authority("authority");
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    for (name, pem) in [("server.pem", certificate.pem()), ("server.key", key.serialize_pem())] {
        let path = dir.join(name);
        std::fs::write(&path, pem).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }
}

/// Where `initdb` and `postgres` are: Debian keeps them out of PATH.
fn programs() -> PathBuf {
    let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    places.sort();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places
        .into_iter()
        .find(|place| place.join("initdb").exists() && place.join("postgres").exists())
        .expect(
            "PostgreSQL's server programs are missing: `apt-get install postgresql-15` (or another \
             version), or put `initdb` and `postgres` into PATH",
        )
}

/// The server refuses to run as root: then it runs as somebody who may do nothing else.
fn server_user() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = ["postgres", "nobody"]
        .iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())
        .expect("as root, the user `postgres` or `nobody` is needed to run PostgreSQL");
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if let Some((uid, gid)) = user {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
    }
    command.arg(program);
    command
}
