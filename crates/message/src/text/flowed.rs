//! `format=flowed` (RFC 3676): lines that were wrapped softly become paragraphs again.

/// Unwraps flowed text. Quoted lines come out with their marks in front, `> ` or `>> `.
///
/// RFC 3676 4.1: a line that ends in a space flows into the next of the same quote depth; with
/// `delsp` that space goes. 4.3: `-- ` is a signature's separator and never flows. 4.4: a leading
/// space was stuffed. 4.5: marks count without spaces between them.
pub fn unwrap_flowed(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the paragraph being joined, if the last line flowed.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        let content = unquoted.strip_prefix(' ').unwrap_or(unquoted);
        let is_signature = content == "-- ";
        let flows = content.ends_with(' ') && !is_signature;
        match open {
            Some(open_depth) if open_depth == depth && !is_signature => {}
            _ => {
                if !out.is_empty() {
                    out.push('\n');
                }
                if depth > 0 {
                    out.extend(std::iter::repeat_n('>', depth));
                    out.push(' ');
                }
            }
        }
        let kept = if flows && delsp { content.get(..content.len() - 1) } else { Some(content) };
        out.push_str(kept.unwrap_or(content));
        open = flows.then_some(depth);
    }
    if text.ends_with('\n') {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3676() {
        #[track_caller]
        fn check(text: &str, delsp: bool, want: &str) {
            assert_eq!(unwrap_flowed(text, delsp), want);
        }
        // Section 4.5's example.
        check(
            ">>>Take some more tea.\r\n>>I've had nothing yet, \r\n>>so I can't take more.\r\n>You mean you can't take LESS.\r\n",
            false,
            ">>> Take some more tea.\n>> I've had nothing yet, so I can't take more.\n> You mean you can't take LESS.\n",
        );
        check("a \r\nb \r\nc\r\nd", false, "a b c\nd");
        check("漢 \r\n字", true, "漢字");
        check("a \r\n-- \r\nsig", false, "a \n-- \nsig");
        check(" From here\r\n >x\r\n  y", false, "From here\n>x\n y");
        check("> a \r\n> b\r\n> \r\n> c", false, "> a b\n> \n> c"); // an empty line is flowed, too
        check("> a \r\nb", false, "> a \nb"); // the depth changes: improper, but kept apart
        check("", false, "");
    }
}
