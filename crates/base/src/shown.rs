//! Remote text made fit to be shown in logs, terminals and reports.

use std::fmt;

/// Shows bytes from a peer: control characters, escapes, bidirectional overrides and bytes that are
/// not UTF-8 appear as `\u{..}` or `\xNN`, and what is longer than [`Shown::BYTES_MAX`] is cut with
/// an ellipsis. So a log line can neither be forged nor drive a terminal.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a [u8]);

impl<'a> Shown<'a> {
    /// Bytes shown before the ellipsis.
    pub const BYTES_MAX: usize = 512;

    /// Shows text from a peer.
    pub fn text(text: &'a str) -> Self {
        Shown(text.as_bytes())
    }
}

/// True for characters that change how their neighbours are displayed: RFC 9839's controls in
/// spirit, the bidirectional controls, and line separators.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let cut = self.0.get(..Self::BYTES_MAX).unwrap_or(self.0);
        for chunk in cut.utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_unprintable(c) || c == '\\' {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    f.write_char(c)?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        if cut.len() < self.0.len() {
            f.write_char('…')?;
        }
        Ok(())
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_forged_lines_are_shown_not_sent() {
        let shown = Shown(b"a\r\nlevel=info \x1b[2J\xff").to_string();
        assert_eq!(shown, "a\\r\\nlevel=info \\u{1b}[2J\\xff");
        assert_eq!(Shown::text("tést \u{202e}x").to_string(), "tést \\u{202e}x");
        assert!(Shown(&[b'x'; 600]).to_string().ends_with("x…"));
    }
}
