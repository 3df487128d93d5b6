//! A file system that is really full.

use posthorn_testkit::fixtures::temp_dir;
use std::process::Command;

/// Mounts a small file system where nobody else sees it, and runs a program on it.
#[test]
#[ignore = "needs the right to mount"]
fn a_full_disk_refuses_for_a_while_and_loses_nothing() {
    let dir = temp_dir();
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o size=32m tmpfs \"$1\" && exec \"$2\" \"$1\"";
    let status = command
        .args(["sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(env!("CARGO_BIN_EXE_full-disk"))
        .status()
        .expect("unshare (util-linux) is needed to mount where nobody else sees it");
    assert!(status.success(), "{status}");
}
