//! The binary as a user meets it: arguments, output, exit codes.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how they fail")]

use std::path::Path;
use std::process::{Command, Output};

fn posthorn(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthorn"));
    command.env_remove("POSTHORN_CONFIG").env_remove("POSTHORN_DIR");
    command.args(arguments).output().unwrap()
}

/// The exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = posthorn(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn write(dir: &Path, text: &str) -> String {
    let path = dir.join("posthorn.toml");
    std::fs::write(&path, text).unwrap();
    path.into_os_string().into_string().unwrap()
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    let (code, out, err) = run(&["chekc"]);
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("check"), "no suggestion in {err}");
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for words in ["completions", "Options of every command:\n", "65 wrong data", "67 no such"] {
        assert!(out.contains(words), "{words:?} is not in {out}");
    }
    assert_eq!(run(&["--version"]).0, 0);
}

#[test]
fn a_missing_configuration_ends_with_66_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let missing = missing.to_str().unwrap();
    let (code, out, err) = run(&["check", "--config", missing]);
    assert_eq!((code, out.as_str()), (66, ""));
    assert!(err.contains(missing) && err.contains("  because: No such file"), "{err}");
    assert!(err.contains("posthorn config defaults"), "{err}");
    let (code, _, err) = run(&["check", "--json", "--config", missing]);
    assert_eq!(code, 66);
    let error: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["exit"], 66);
}

#[test]
fn check_tells_every_error_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "[smtp]\nidel = \"5 min\"\n\n[pop3]\nidle = 3\n");
    let (code, out, err) = run(&["check", "--config", &file]);
    assert_eq!((code, err.as_str()), (78, ""));
    for words in [":2:1: error:", "did you mean `idle`?", ":5:8: error:", ": 2 errors\n"] {
        assert!(out.contains(words), "{words} not in {out}");
    }
    let (code, out, _) = run(&["check", "--json", "--config", &file]);
    assert_eq!(code, 78);
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["line"], &lines[0]["column"]), (&2.into(), &1.into()));
    assert_eq!(lines[0]["key"], "smtp.idel");
}

#[test]
fn check_warns_of_what_the_machine_lacks() {
    let dir = tempfile::tempdir().unwrap();
    // The user who runs the tests exists, whoever it is; root is not served as.
    let text =
        format!("[server]\nuser = \"nobody\"\n[store]\ndir = {:?}\n", dir.path().join("none"));
    let file = write(dir.path(), &text);
    let (code, out, _) = run(&["check", "--config", &file]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(":4:7: warning:") && out.contains("does not exist"), "{out}");
    assert!(out.ends_with("the server would start\n"), "{out}");
    assert_eq!(run(&["check", "--strict", "--config", &file]).0, 78);
}

#[test]
fn a_user_to_become_is_asked_for_only_where_one_is_become() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "[server]\nuser = \"no-such-user\"\n[store]\ndir = \"store\"\n");
    let (code, out, _) = run(&["check", "--config", &file]);
    let is_root = nix::unistd::Uid::effective().is_root();
    assert_eq!((code == 78, out.contains("no-such-user\"")), (is_root, is_root), "{out}");
    // The relative path was understood, wherever the test runs.
    let store = dir.path().join("store");
    assert!(out.contains(&format!("the directory {} does not exist", store.display())), "{out}");
}

#[test]
fn config_shows_and_prints() {
    let (code, defaults, _) = run(&["config", "defaults"]);
    assert_eq!(code, 0);
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), &defaults);
    let (code, shown, _) = run(&["config", "show", "--config", &file, "--dir", "/elsewhere"]);
    assert_eq!(code, 0);
    assert!(shown.contains("dir = \"/elsewhere\""), "{shown}");
    assert!(run(&["config", "reference"]).1.contains("### `smtp.idle`"));
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = run(&["completions", shell]);
        assert!(code == 0 && script.contains("posthorn"), "{shell}");
    }
    assert!(run(&["man", "check"]).1.contains(".TH"));
    assert_eq!(run(&["man", "nothing"]).0, 64);
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) = run(&["man", "--out", dir.path().to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(out.contains("posthorn-config-show.1"), "{out}");
    assert_eq!(run(&["man", "--out", "/nonexistent/place"]).0, 73);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthorn"));
    command.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}
