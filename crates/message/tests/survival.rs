//! Every file of the message vectors, whole and in pieces: nothing panics, and every part fetched
//! by its number lies where its offsets say.
//!
//! The folders of `../shared` are not part of the repository (some of their licences do not
//! allow it), so the tests that read them run where they are: `cargo test -- --ignored`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::panic, reason = "a test may panic")]

mod common;
mod content;

use common::{check, parse_in_pieces};
use posthorn_message::Limits;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A place below the root of the repository.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn survive(folder: &Path, at_least: usize) {
    let files = files(folder);
    assert!(files.len() >= at_least, "{} has {} files only", folder.display(), files.len());
    for file in files {
        let message = std::fs::read(&file).unwrap();
        let whole = check(&message);
        content::check(&message, &whole);
        for size in [1, 61, 4096] {
            let pieces = parse_in_pieces(&message, size, Limits::default());
            assert_eq!(pieces, whole, "{} in pieces of {size}", file.display());
        }
    }
}

#[test]
fn mime4j() {
    survive(&place("tests/vectors/mime-mime4j"), 80);
}

/// The same messages with pieces taken out, doubled, moved and bent, the same way in every run.
#[test]
fn mutilated_messages() {
    let mut state = 1u64;
    let mut random = move |below: usize| {
        // Knuth's MMIX generator; its upper bits are good enough to break mails with.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for file in files(&place("tests/vectors/mime-mime4j")) {
        let original = std::fs::read(&file).unwrap();
        if file.extension().is_none_or(|extension| extension != "msg") || original.len() > 20_000 {
            continue;
        }
        for _ in 0..10 {
            let mut message = original.clone();
            for _ in 0..3 {
                let from = random(message.len());
                let to = (from + random(200)).min(message.len());
                match random(4) {
                    0 => drop(message.drain(from..to)),
                    1 => {
                        let piece = message[from..to].to_vec();
                        let at = random(message.len());
                        message.splice(at..at, piece).for_each(drop);
                    }
                    2 => message.truncate(to.max(1)),
                    _ => {
                        if let Some(octet) = message.get_mut(from) {
                            *octet = b"\r\n-:;\"=\0 \xe9"[random(10)];
                        }
                    }
                }
            }
            let whole = check(&message);
            assert_eq!(parse_in_pieces(&message, 1, Limits::default()), whole, "{file:?}");
        }
    }
}

#[test]
#[ignore = "reads ../shared/vectors"]
fn shared_vectors() {
    for (folder, at_least) in [
        ("mime-enmime", 100),
        ("mime-rubymail", 100),
        ("mail-james-eml", 150),
        ("rspamd-messages", 200),
        ("dkim-flanker", 150),
        ("spam-spamassassin-own", 200),
    ] {
        survive(&place(&format!("../shared/vectors/{folder}")), at_least);
    }
}

#[test]
#[ignore = "reads ../shared/corpora"]
fn spamassassin_corpus() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spamassassin-corpus");
    std::fs::create_dir_all(&folder).unwrap();
    let archive = place("../shared/corpora/spamassassin.tar.xz");
    let unpacked =
        Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(&folder).status().unwrap();
    assert!(unpacked.success());
    survive(&folder, 6000);
    std::fs::remove_dir_all(&folder).unwrap();
}
