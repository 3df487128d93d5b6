//! `LANG [range]` (RFC 6856 3).

use super::{Args, Refused};
use crate::pop3::response::{self, Refusal};

/// Chooses the language of our texts, of which there is English.
pub(super) fn lang(args: Args<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
    let mut words = args.words();
    match (words.next(), words.next()) {
        (None, _) => {
            response::ok(out, format_args!("languages follow"));
            response::line(out, format_args!("en English"));
            response::end(out);
            Ok(())
        }
        (Some(range), None) if range == b"*" || range.eq_ignore_ascii_case(b"en") => {
            response::ok(out, format_args!("en English it is"));
            Ok(())
        }
        (Some(_), None) => Err(Refused::Answer(Refusal::plain("no such language, only en"))),
        (Some(_), Some(_)) => Err(Refused::Mistake("usage: LANG [language]")),
    }
}
