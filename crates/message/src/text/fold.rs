//! What "the same text, whatever its case" means.

use unicode_normalization::UnicodeNormalization;

/// Folds text for searching: two texts that a person would call the same, but for case and form,
/// fold to the same, and a folded query is searched for as a plain substring.
///
/// This finds all that `i;unicode-casemap` (RFC 5051, which RFC 5255 4.4 asks of SEARCH) finds: case
/// is mapped away and compatibility decomposition applied, so that `cafe` finds the start of `café`
/// and `é` finds both ways to write it. Beyond it we use full case folding (`ß` is `ss`, `ς` is `σ`),
/// count every run of white space, line ends and folding included, as one space, and leave out characters
/// that nobody sees: soft hyphens, zero-width spaces and joiners. The result has no line ends.
pub fn fold_for_search(text: &str) -> String {
    fold_bounded(text, usize::MAX).0
}

/// Folds as much as `bytes_max` bytes hold; true when that is not all. One character may become
/// eighteen, so the bound is on what comes out.
pub(super) fn fold_bounded(text: &str, bytes_max: usize) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    let mut was_space = true;
    let mut truncated = false;
    if text.is_ascii() {
        for byte in text.bytes() {
            truncated = out.len() + 1 > bytes_max;
            if truncated {
                break;
            }
            push(char::from(byte.to_ascii_lowercase()), &mut was_space, &mut out);
        }
    } else {
        let folded = text.nfkd().filter(|c| !is_invisible(*c)).flat_map(fold_char).nfkd();
        for c in folded {
            truncated = out.len() + c.len_utf8() > bytes_max;
            if truncated {
                break;
            }
            push(c, &mut was_space, &mut out);
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    (out, truncated)
}

fn push(c: char, was_space: &mut bool, out: &mut String) {
    if c.is_whitespace() {
        if !std::mem::replace(was_space, true) {
            out.push(' ');
        }
    } else {
        *was_space = false;
        out.push(c);
    }
}

/// Up, then down: capitals join what small letters keep apart (`ſ`, `ς`), and `ß` becomes `ss`.
fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folding() {
        #[track_caller]
        fn same(a: &str, b: &str) {
            assert_eq!(fold_for_search(a), fold_for_search(b), "{a} and {b}");
        }
        same("Hello", "hELLO");
        same("GRÜSSE", "grüße");
        same("ΟΔΥΣΣΕΥΣ", "Οδυσσευς");
        same("ПРИВЕТ", "привет");
        same("e\u{301}", "É");
        same("ﬁnance", "FINANCE");
        same("ﾃｽﾄ", "テスト");
        same("１２３", "123");
        same("Ǆ", "ǆ");
        same(" a\r\n\t b\u{a0}c ", "A B C");
        same("Donau\u{ad}dampf", "donaudampf");
        same("İ", "i\u{307}");
        assert!(fold_for_search("un CAFÉ noir").contains(&fold_for_search("cafe")));
        assert!(!fold_for_search("cafe").contains(&fold_for_search("café")));
        assert_eq!(fold_for_search(""), "");
    }

    proptest! {
        #[test]
        fn stable_and_case_blind(text in "\\PC{0,60}") {
            let folded = fold_for_search(&text);
            prop_assert_eq!(fold_for_search(&folded), folded.clone());
            prop_assert_eq!(fold_for_search(&text.to_uppercase()), fold_for_search(&text.to_lowercase()));
            prop_assert!(!folded.contains(['\r', '\n']));
        }
    }
}
