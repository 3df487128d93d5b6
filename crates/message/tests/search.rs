//! What a search finds in real messages, compared with what Python's email package finds in them
//! (`tests/vectors/search-python.tsv`, written by `tests/interop/search_vectors.py`).
//!
//! Where we differ on purpose, [`DIFFERENCES`] says why, and the test fails when such a line no
//! longer differs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, its helpers too"
)]

use posthorn_message::parse;
use posthorn_message::part::Range;
use posthorn_message::text::{SearchText, fold_for_search, search_text};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// RFC 2045 6.4 forbids to encode a message within a message. Python shows its base64, we decode it
/// and look through the text that comes out, its header included.
const ENCODED: &[usize] =
    &[324, 327, 328, 331, 333, 335, 673, 675, 679, 684, 715, 717, 718, 721, 725];
/// Python lets the body begin at a line in the header that is no field; we, like Dovecot, let it be
/// a line without a name.
const HEADER_STARTS_BODY: &[usize] =
    &[841, 851, 862, 866, 869, 870, 871, 876, 877, 884, 887, 888, 891];
/// RFC 5322 4.5: white space before the colon of a field. To Python such a line is no field.
const OBSOLETE: &[usize] = &[1023, 1025, 1029, 1035];
/// RFC 5322 4.2: a line of white space goes on with the field. To Python it ends the header.
const WHITE_LINE: &[usize] = &[234];
/// No delimiter is found in a multipart: we search its text as it stands, Python has nothing.
const NO_DELIMITER: &[usize] = &[57, 63, 65, 70];
/// RFC 2231: parameters are there once more as they read, without quotes.
const PARAMETER: &[usize] = &[365];
/// A delimiter follows another at once. To Python the epilogue is a part.
const EMPTY_PART: &[usize] = &[972];

/// Lines of the vector, counted from 1, that we answer otherwise.
const DIFFERENCES: &[&[usize]] =
    &[ENCODED, HEADER_STARTS_BODY, OBSOLETE, WHITE_LINE, NO_DELIMITER, PARAMETER, EMPTY_PART];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn messages(dir: &Path, found: &mut HashMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            messages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "msg") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(path).unwrap());
        }
    }
}

fn holds(text: &SearchText, place: &str, query: &str) -> bool {
    if place == "BODY" {
        return text.body_contains(query);
    }
    let Some(name) = place.strip_prefix("HEADER ") else {
        return text.body_contains(query) || text.header_contains(query);
    };
    let (query, name) = (fold_for_search(query), format!("{}:", name.to_lowercase()));
    text.header.lines().filter_map(|line| line.strip_prefix(&name)).any(|v| v.contains(&query))
}

/// A string in JSON with four-digit escapes, as Python writes it.
fn unescape(json: &str) -> String {
    let inner = json.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let (mut units, mut rest) = (Vec::new(), inner.chars());
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match rest.next().unwrap() {
                'u' => {
                    let digits: String = rest.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap());
                    continue;
                }
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                c => c,
            },
            c => c,
        };
        units.extend(c.encode_utf16(&mut [0; 2]).iter());
    }
    String::from_utf16_lossy(&units)
}

#[test]
fn finds_what_python_finds() {
    let mut raw = HashMap::new();
    messages(&vectors().join("mime-mime4j"), &mut raw);
    let texts: HashMap<&str, SearchText> = raw
        .iter()
        .map(|(name, octets)| {
            let parsed = parse(octets);
            let read = |range: Range| range.of(octets).map(Cow::Borrowed);
            (name.as_str(), search_text(b"", parsed.map(), 1 << 30, read))
        })
        .collect();
    let lines = std::fs::read_to_string(vectors().join("search-python.tsv")).unwrap();
    let mut wrong = Vec::new();
    for (line, number) in lines.lines().zip(1..) {
        let fields: Vec<&str> = line.split('\t').collect();
        let query = unescape(fields[2]);
        let differs = holds(&texts[fields[0]], fields[1], &query) != (fields[3] == "1");
        if differs != DIFFERENCES.iter().any(|known| known.contains(&number)) {
            wrong.push(format!("{number}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
    assert!(lines.lines().count() > 1000);
}
