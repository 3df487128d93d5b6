//! What "the same text, whatever its case" means.

use unicode_normalization::UnicodeNormalization;

/// Folds text for searching: two texts that a person would call the same, but for case and form,
/// fold to the same, and a folded query is searched for as a plain substring.
///
/// This finds all that `i;unicode-casemap` (RFC 5051, which RFC 5255 4.4 asks of SEARCH) finds:
/// case is mapped away and compatibility decomposition applied, so that `cafe` finds the start of
/// `café` and `é` finds both ways to write it. Beyond it we use full case folding (`ß` is `ss`, `ς`
/// is `σ`), count every run of white space, line ends and folding included, as one space, and leave
/// out characters that nobody sees: soft hyphens, zero-width spaces and joiners. The result has no
/// line ends.
pub fn fold_for_search(text: &str) -> String {
    fold_bounded(text, usize::MAX).0
}

/// Folds as much as `bytes_max` bytes hold; true when that is not all. One character may become
/// eighteen, so the bound is on what comes out.
pub(super) fn fold_bounded(text: &str, bytes_max: usize) -> (String, bool) {
    let mut folder = Folder { out: String::new(), bytes_max, was_space: true, truncated: false };
    folder.out.reserve(text.len().min(bytes_max));
    let mut rest = text;
    while !rest.is_empty() && !folder.truncated {
        let ascii = ascii_prefix(rest.as_bytes());
        let (ascii, after) = rest.split_at_checked(ascii).unwrap_or((rest, ""));
        let other = after.find(|c: char| c.is_ascii()).unwrap_or(after.len());
        let (other, after) = after.split_at_checked(other).unwrap_or((after, ""));
        folder.ascii(ascii);
        folder.other(other);
        rest = after;
    }
    if folder.out.ends_with(' ') {
        folder.out.pop();
    }
    (folder.out, folder.truncated)
}

/// How many octets come before the first that is not ASCII.
fn ascii_prefix(text: &[u8]) -> usize {
    let whole = text.chunks(64).take_while(|chunk| chunk.is_ascii()).map(<[u8]>::len).sum();
    let rest = text.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// Characters beyond ASCII that fold to one character, which does not decompose: most of Cyrillic,
/// and the Chinese characters.
fn simple(c: char) -> Option<char> {
    match c {
        // U+0419 and U+0439 decompose.
        'Й' | 'й' => None,
        'А'..='Я' => char::from_u32(u32::from(c) + 0x20),
        'а'..='я' | '\u{4e00}'..='\u{9fff}' => Some(c),
        _ => None,
    }
}

struct Folder {
    out: String,
    bytes_max: usize,
    was_space: bool,
    truncated: bool,
}

impl Folder {
    /// In blocks: this is most of all mail, and pushing words or characters one by one costs
    /// several times as much.
    fn ascii(&mut self, text: &str) {
        const BLOCK: usize = 256;
        for piece in text.as_bytes().chunks(BLOCK) {
            let mut block = [0; BLOCK];
            let used = self.ascii_block(piece, &mut block);
            let folded = block.get(..used).unwrap_or_default();
            self.out.push_str(std::str::from_utf8(folded).unwrap_or_default());
            if self.truncated {
                return;
            }
        }
    }

    /// Folds ASCII into a block that is at least as long; answers how much it holds. Without
    /// branches that depend on the text: words are short, and their ends cannot be predicted.
    fn ascii_block(&mut self, text: &[u8], block: &mut [u8]) -> usize {
        let room = self.bytes_max.saturating_sub(self.out.len());
        let mut was_space = self.was_space;
        let mut used = 0;
        for byte in text {
            let is_space = matches!(byte, b'\t'..=b'\r' | b' ');
            let Some(place) = block.get_mut(used) else { break };
            *place = if is_space { b' ' } else { byte.to_ascii_lowercase() };
            // A further space is written over by what comes next.
            used += usize::from(!(is_space & was_space));
            was_space = is_space;
        }
        self.was_space = was_space;
        self.truncated |= used > room;
        used.min(room)
    }

    /// Text without ASCII in it.
    fn other(&mut self, text: &str) {
        // The start of characters that normalization must see together: it puts marks in order
        // behind the character they belong to. ASCII and what `simple` knows take no part in that.
        let mut from = 0;
        for (at, c) in text.char_indices() {
            if let Some(folded) = simple(c) {
                self.run(text.get(from..at).unwrap_or_default());
                self.push(folded);
                from = at + c.len_utf8();
                if self.truncated {
                    return;
                }
            }
        }
        self.run(text.get(from..).unwrap_or_default());
    }

    fn run(&mut self, text: &str) {
        if text.is_empty() || self.truncated {
            return;
        }
        for c in text.nfkd().filter(|c| !is_invisible(*c)).flat_map(fold_char).nfkd() {
            self.push(c);
            if self.truncated {
                return;
            }
        }
    }

    fn push(&mut self, c: char) {
        if self.truncated || self.out.len() + c.len_utf8() > self.bytes_max {
            self.truncated = true;
        } else if c.is_whitespace() {
            if !std::mem::replace(&mut self.was_space, true) {
                self.out.push(' ');
            }
        } else {
            self.was_space = false;
            self.out.push(c);
        }
    }
}

/// Up, then down: capitals join what small letters keep apart (`ſ`, `ς`), and `ß` becomes `ss`.
fn fold_char(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

fn is_invisible(c: char) -> bool {
    let is_mark = matches!(c, '\u{ad}' | '\u{2060}' | '\u{feff}');
    is_mark || matches!(c, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}')
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
        same("ᾀ", "ἈΙ");
        same(" a\r\n\t b\u{a0}c ", "A B C");
        same("Donau\u{ad}dampf", "donaudampf");
        same("İ", "i\u{307}");
        assert!(fold_for_search("un CAFÉ noir").contains(&fold_for_search("cafe")));
        assert!(!fold_for_search("cafe").contains(&fold_for_search("café")));
        assert_eq!(fold_for_search(""), "");
    }

    #[test]
    fn shortcuts_change_nothing() {
        for c in ('\u{80}'..='\u{ffff}').filter(|c| simple(*c).is_some() && !c.is_whitespace()) {
            let long_way: String = std::iter::once(c).nfkd().flat_map(fold_char).nfkd().collect();
            assert_eq!(simple(c).map(String::from), Some(long_way), "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(text in "[a-zA-Z ä́̂ßйЙдДé漢\u{ad}\u{1e9b}\n\u{323}]{0,40}") {
            let long_way: String =
                text.nfkd().filter(|c| !is_invisible(*c)).flat_map(fold_char).nfkd().collect();
            let words: Vec<&str> = long_way.split_whitespace().collect();
            prop_assert_eq!(fold_for_search(&text), words.join(" "));
        }

        #[test]
        fn stable_and_case_blind(text in "\\PC{0,60}") {
            // Unicode 3.13 D145: case mapping of text that is not decomposed may move marks.
            let text: String = text.nfkd().collect();
            let folded = fold_for_search(&text);
            prop_assert_eq!(fold_for_search(&folded), folded.clone());
            let (upper, lower) = (text.to_uppercase(), text.to_lowercase());
            prop_assert_eq!(fold_for_search(&upper), fold_for_search(&lower));
            prop_assert!(!folded.contains(['\r', '\n']));
        }
    }
}
