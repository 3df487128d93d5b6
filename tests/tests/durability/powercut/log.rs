//! The recorder's log, read.

use std::path::Path;

/// One call of the recorded process.
#[derive(Debug)]
pub(crate) enum Call {
    Created { inode: u64, path: String, is_dir: bool },
    Written { inode: u64, at: u64, data: Vec<u8> },
    Truncated { inode: u64, length: u64 },
    SyncBegun { inode: u64, number: u64, dir: Option<String> },
    SyncDone { number: u64 },
    Renamed { from: String, to: String },
    Unlinked { path: String },
    Said { text: Vec<u8> },
}

/// Reads a whole log. A record that is cut short by the death of its writer ends it.
pub(crate) fn read(log: &Path) -> Vec<Call> {
    let bytes = std::fs::read(log).expect("the log can be read");
    let mut rest = bytes.as_slice();
    let mut calls = Vec::new();
    while let Some((call, more)) = next(rest) {
        calls.push(call);
        rest = more;
    }
    calls
}

fn next(bytes: &[u8]) -> Option<(Call, &[u8])> {
    let (head, rest) = bytes.split_at_checked(21)?;
    let number = |range: std::ops::Range<usize>| -> u64 {
        head[range].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (inode, a, length) = (number(1..9), number(9..17), number(17..21));
    let (data, rest) = rest.split_at_checked(usize::try_from(length).unwrap())?;
    let text = || String::from_utf8(data.to_vec()).expect("paths are UTF-8");
    let call = match head[0] {
        b'C' => Call::Created { inode, path: text(), is_dir: false },
        b'M' => Call::Created { inode, path: text(), is_dir: true },
        b'W' => Call::Written { inode, at: a, data: data.to_vec() },
        b'T' => Call::Truncated { inode, length: a },
        b'S' => {
            let dir = (!data.is_empty()).then(text);
            Call::SyncBegun { inode, number: a, dir }
        }
        b's' => Call::SyncDone { number: a },
        b'R' => {
            let both = text();
            let (from, to) = both.split_once('\0').expect("two paths");
            Call::Renamed { from: from.into(), to: to.into() }
        }
        b'U' => Call::Unlinked { path: text() },
        b'O' => Call::Said { text: data.to_vec() },
        other => panic!("a call that is not modelled: {:?} {}", char::from(other), text()),
    };
    Some((call, rest))
}
