//! Base subjects (RFC 5256 2.1): what remains of a subject without `Re:`, `[list]` and `(fwd)`.

/// A base subject, and whether something that marks a reply or a forward was taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseSubject {
    /// The base subject, in the letters it was written in. Compared without regard to case.
    pub text: String,
    /// RFC 5256 3 (REFERENCES, step 4): true when the subject is that of a reply or a forward.
    pub is_reply: bool,
}

/// The base subject of a decoded subject. Follows RFC 5256 2.1 to the letter, because clients
/// compute the same; each pass over the text removes something, in linear time.
pub fn base_subject(decoded: &str) -> BaseSubject {
    let spaced = one_space(decoded);
    let mut text = spaced.as_str();
    let mut is_reply = false;
    loop {
        text = without_trailers(text, &mut is_reply);
        text = without_leaders(text, &mut is_reply);
        // Step 6: `[fwd: ...]` around all of it.
        let inner = strip_prefix(text, "[fwd:").and_then(|rest| rest.strip_suffix(']'));
        let Some(inner) = inner else { break };
        is_reply = true;
        text = inner;
    }
    BaseSubject { text: text.to_owned(), is_reply }
}

/// Step 1: tabs and line ends are spaces, and many spaces are one.
fn one_space(decoded: &str) -> String {
    let mut spaced = String::with_capacity(decoded.len());
    for c in decoded.chars() {
        let c = if matches!(c, '\t' | '\r' | '\n') { ' ' } else { c };
        if c != ' ' || !spaced.ends_with(' ') {
            spaced.push(c);
        }
    }
    spaced
}

/// Step 2: `(fwd)` and white space at the end.
fn without_trailers<'a>(mut text: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        let trimmed = text.trim_end_matches(' ');
        match strip_suffix(trimmed, "(fwd)") {
            Some(rest) => (text, *is_reply) = (rest, true),
            None => return trimmed,
        }
    }
}

/// Steps 3 to 5: leaders, and blobs that have something behind them.
fn without_leaders<'a>(mut text: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        text = text.trim_start_matches(' ');
        let after_blobs = after_blobs(text);
        if let Some(rest) = after_refwd(after_blobs) {
            (text, *is_reply) = (rest, true);
            continue;
        }
        // Step 4: a blob goes only when a base remains behind it. Where blobs stand to the end, the
        // last of them is the base.
        match after_blob(text) {
            Some(rest) if !rest.is_empty() && after_blobs.is_empty() => return last_blob(text),
            Some(rest) if !rest.is_empty() => text = after_blobs,
            _ => return text,
        }
    }
}

/// `subj-blob`: `[...]` and the white space behind it.
fn after_blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let at = inside.find(['[', ']'])?;
    let rest = inside.get(at..)?.strip_prefix(']')?;
    Some(rest.trim_start_matches(' '))
}

fn after_blobs(mut text: &str) -> &str {
    while let Some(rest) = after_blob(text) {
        text = rest;
    }
    text
}

/// The last of the blobs that the text consists of.
fn last_blob(mut text: &str) -> &str {
    while let Some(rest) = after_blob(text).filter(|rest| !rest.is_empty()) {
        text = rest;
    }
    text
}

/// `subj-refwd`: `re`, `fw` or `fwd`, perhaps a blob, and a colon.
fn after_refwd(text: &str) -> Option<&str> {
    let word = ["re", "fwd", "fw"].iter().find_map(|word| strip_prefix(text, word))?;
    let word = word.trim_start_matches(' ');
    after_blob(word).unwrap_or(word).strip_prefix(':')
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_subjects() {
        #[track_caller]
        fn check(subject: &str, want: &str, is_reply: bool) {
            let got = base_subject(subject);
            assert_eq!((got.text.as_str(), got.is_reply), (want, is_reply), "{subject}");
        }
        check("hello", "hello", false);
        check("", "", false);
        check("Re: hello", "hello", true);
        check("RE:hello", "hello", true);
        check("Re : hello", "hello", true);
        check("Re[2]: hello", "hello", true);
        check("Re [2] : hello", "hello", true);
        check("Fwd: Re: FW: hello (fwd) (FWD) ", "hello", true);
        check("[list] hello", "hello", false);
        check("[list] Re: [list] hello", "hello", true);
        check("[a][b]   c", "c", false);
        check("[a] [b]", "[b]", false);
        check("[a]", "[a]", false);
        check("Re: [a]", "[a]", true);
        check("[fwd: hello]", "hello", true);
        check("[Fwd: Re: [x] hello (fwd)] (fwd)", "hello", true);
        check("a\t \r\n b", "a b", false);
        check("Regarding: x", "Regarding: x", false);
        check("[a[b] c", "[a[b] c", false);
        check("Ré: x", "Ré: x", false);
        check("Re:", "", true);
        check("(fwd)", "", true);
    }

    #[test]
    fn long_subjects_take_linear_time() {
        for piece in ["[a]", "re:", "(fwd)", "[fwd:", "[", "]"] {
            base_subject(&piece.repeat(50_000));
        }
        let nested = format!("{}{}", "[fwd:".repeat(20_000), "]".repeat(20_000));
        assert_eq!(base_subject(&nested).text, "");
    }
}
