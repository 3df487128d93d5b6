//! Commands against a control socket that really listens, with the handler of the server behind it.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how they fail")]

use posthorn_server::control::{
    Listener, Operations, Refusal, RefusalKind, ServerParts, reload_orders,
};
use posthorn_server::open::{EngineSettings, OpenStore, StoreSettings};
use posthorn_server::shutdown::{self, ShutdownSource};
use posthorn_server::system::SystemClock;
use posthorn_server::throttle::{Offence, Throttle, ThrottleConfig};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A control socket in a directory of its own. The first reload is refused, later ones succeed.
struct Server {
    dir: tempfile::TempDir,
    throttle: Arc<Throttle>,
    source: Option<ShutdownSource>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let throttle = Arc::new(Throttle::new(ThrottleConfig::default()));
        let (source, shutdown) = shutdown::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (path, shared) = (dir.path().to_owned(), throttle.clone());
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (reload, mut orders) = reload_orders();
                let engine = EngineSettings::sqlite(0);
                let settings = StoreSettings::new(path.clone(), engine);
                let store = OpenStore::open(&settings, &SystemClock::new()).await.unwrap();
                let mut operations = Operations::offline(store);
                operations.server = Some(ServerParts { throttle: shared, reload });
                let listener = Listener::bind(&path).unwrap();
                tokio::spawn(async move {
                    let mut answer = Err(Refusal {
                        causes: vec!["line 3".to_owned()],
                        ..Refusal::new(RefusalKind::Configuration, "cannot be used")
                            .hint("check it")
                    });
                    while let Some(order) = orders.recv().await {
                        order.send(std::mem::replace(&mut answer, Ok(()))).unwrap();
                    }
                });
                ready.send(()).unwrap();
                listener.serve(Arc::new(operations), shutdown).await;
            });
        });
        is_ready.recv().unwrap();
        Server { dir, throttle, source: Some(source), thread: Some(thread) }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.dir.path(), arguments)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.source.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The exit code, standard output and standard error.
fn run(dir: &std::path::Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthorn"));
    let output = command.args(arguments).arg("--dir").arg(dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn blocks_are_listed_and_lifted() {
    let server = Server::start();
    assert_eq!(server.run(&["block", "list"]), (0, "nobody is blocked\n".into(), String::new()));
    for _ in 0..=ThrottleConfig::default().offences_per_hour {
        let now = posthorn_base::Clock::now(&SystemClock::new());
        server.throttle.offended("2001:db8:1:2::7".parse().unwrap(), Offence::Relay, now);
    }
    let (code, out, _) = server.run(&["block", "list"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("NETWORK") && out.contains("2001:db8:1:2::/64"), "{out}");
    let (_, out, _) = server.run(&["--json", "block", "list"]);
    let block: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(block["network"], "2001:db8:1:2::/64");
    assert!(block["login"].is_null());
    let (code, out, _) = server.run(&["block", "lift", "2001:db8:1:2::7"]);
    assert_eq!((code, out.as_str()), (0, "1 block lifted\n"));
    let (_, out, _) = server.run(&["block", "lift", "--all", "--json"]);
    assert_eq!(out, "{\"lifted\":0}\n");
    assert_eq!(server.run(&["block", "lift"]).0, 64, "one of the two is needed");
    let (code, _, err) = server.run(&["block", "lift", "192.0.2.1/24"]);
    assert!(code == 64 && err.contains("did you mean 192.0.2.0/24?"), "{err}");
}

#[test]
fn a_refused_reload_says_why_and_what_to_do() {
    let server = Server::start();
    let (code, out, err) = server.run(&["reload"]);
    assert_eq!((code, out.as_str()), (78, ""));
    assert_eq!(err, "posthorn: cannot be used\n  because: line 3\n  try: check it\n");
    assert_eq!(server.run(&["reload"]), (0, "reloaded\n".into(), String::new()));
}

#[test]
fn without_a_server_the_command_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = run(dir.path(), &["block", "list"]);
    assert_eq!((code, out.as_str()), (69, ""));
    assert!(err.contains("no server runs with the store in"), "{err}");
}
