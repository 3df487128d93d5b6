//! From words to addresses.

use super::words::{Kind, Word, Words};
use super::{AddressItem, AddressList, Mailbox};
use std::iter::Peekable;

/// Runs of words before unquoted commas that may belong to a name: `Doe, John, PhD <a@b>`.
const COMMAS_MAX: usize = 3;

pub(super) fn parse(value: &[u8], mailboxes_max: usize) -> AddressList {
    let mut parser = Parser { left: mailboxes_max, ..Default::default() };
    let mut words = Words::new(value).peekable();
    while let Some(word) = words.next() {
        if parser.list.truncated {
            break;
        }
        match word.kind {
            Kind::Mark(b',') => parser.end_item(true),
            Kind::Mark(b';') => {
                parser.end_item(false);
                parser.end_group();
            }
            Kind::Mark(b':') => parser.colon(),
            Kind::Mark(b'<') => parser.angle(&mut words),
            Kind::Mark(b'>') => {}
            Kind::Comment(text) => parser.comment = Some(text),
            _ => parser.word(word),
        }
    }
    parser.end_item(false);
    parser.end_group();
    parser.list
}

#[derive(Default)]
struct Parser {
    list: AddressList,
    group: Option<(Vec<u8>, Vec<Mailbox>)>,
    /// Words since the last separator that are not yet part of a mailbox.
    run: Vec<Word>,
    /// One of them is an `@`.
    run_has_at: bool,
    /// Earlier runs that had no `@` and ended in a comma: mailboxes of a local user each, or the
    /// first half of a name whose comma nobody quoted.
    bare: Vec<Vec<Word>>,
    comment: Option<Vec<u8>>,
    /// The mailbox of the present item, not yet in the list because a name may follow it.
    open: Option<Mailbox>,
    /// Mailboxes that may still be read.
    left: usize,
}

impl Parser {
    fn word(&mut self, word: Word) {
        // `a@b (A) c@d (C)`: no comma, but the comment shows where the first address ended.
        if self.comment.is_some() && !is_dot(&word) && self.is_whole_address() {
            self.bare_addresses();
            self.close();
        }
        self.run_has_at |= is_at(&word);
        self.run.push(word);
    }

    fn take_run(&mut self) -> Vec<Word> {
        self.run_has_at = false;
        std::mem::take(&mut self.run)
    }

    fn is_whole_address(&self) -> bool {
        self.run_has_at && !self.run.last().is_some_and(|last| is_at(last) || is_dot(last))
    }

    fn colon(&mut self) {
        let has_at = self.run_has_at;
        let name = phrase(&self.take_run());
        // `mailto:a@b` without brackets, or a route without them, names no group.
        if name.is_empty() || name.eq_ignore_ascii_case(b"mailto") || has_at {
            return;
        }
        self.flush_bare();
        self.end_group();
        self.group = Some((name, Vec::new()));
    }

    /// `<` was read: takes the rest of the bracketed address.
    fn angle(&mut self, words: &mut Peekable<Words<'_>>) {
        if self.is_whole_address() && self.open.is_some() {
            self.bare_addresses();
        }
        self.close();
        let mut inner: Vec<Word> = Vec::new();
        let mut has_colon = false;
        while let Some(next) = words.peek() {
            let ends = match next.kind {
                Kind::Mark(b'>') => {
                    words.next();
                    break;
                }
                Kind::Mark(b'<') => !inner.is_empty(),
                Kind::Mark(b';') if has_colon && !inner.first().is_some_and(is_at) => {
                    return self.bracketed_group(&inner, words);
                }
                Kind::Mark(b';') => !inner.is_empty(),
                // Only a route has commas: RFC 5322 4.4 `obs-domain-list`.
                Kind::Mark(b',') => has_colon || !inner.first().is_none_or(is_at),
                _ => false,
            };
            if ends {
                break;
            }
            match words.next() {
                Some(Word { kind: Kind::Comment(text), .. }) => self.comment = Some(text),
                Some(Word { kind: Kind::Mark(b'<' | b';'), .. }) | None => {}
                Some(word) => {
                    has_colon |= is_mark(&word, b':');
                    inner.push(word);
                }
            }
        }
        let mut mailbox = bracketed(&inner);
        let mut name = Vec::new();
        for bare in self.bare.drain(..) {
            name.extend(phrase(&bare));
            name.extend_from_slice(b", ");
        }
        name.extend(phrase(&self.take_run()));
        mailbox.name_raw = (!name.is_empty()).then(|| name.into_boxed_slice());
        self.open = Some(mailbox);
    }

    /// `<undisclosed-recipients:;>` is what many programs make of a group without members.
    fn bracketed_group(&mut self, inner: &[Word], words: &mut Peekable<Words<'_>>) {
        words.by_ref().take_while(|word| !is_mark(word, b'>')).for_each(drop);
        let name: Vec<Word> = inner.iter().take_while(|w| !is_mark(w, b':')).cloned().collect();
        self.run.clear();
        self.run_has_at = false;
        self.flush_bare();
        self.end_group();
        self.group = Some((phrase(&name), Vec::new()));
        self.end_group();
    }

    /// A separator, or the end, was read.
    fn end_item(&mut self, at_comma: bool) {
        if self.run_has_at {
            self.flush_bare();
            self.bare_addresses();
        } else if !self.run.is_empty() {
            let run = self.take_run();
            match &mut self.open {
                Some(open) => name_if_none(open, phrase(&run)),
                None if at_comma && self.bare.len() < COMMAS_MAX && self.comment.is_none() => {
                    self.bare.push(run);
                    return;
                }
                None => {
                    self.flush_bare();
                    self.open = Some(Mailbox { local: local(&run), ..Default::default() });
                }
            }
        }
        self.close();
        if !at_comma {
            self.flush_bare();
        }
    }

    /// Local users without a domain, separated by commas.
    fn flush_bare(&mut self) {
        for run in std::mem::take(&mut self.bare) {
            self.emit(Mailbox { local: local(&run), ..Default::default() });
        }
    }

    /// Takes the addresses out of a run that has an `@` but no brackets: `a@b`, `Joe a@b`, `a@b
    /// Joe`, `a@b c@d`.
    fn bare_addresses(&mut self) {
        let run = self.take_run();
        let mut rest = run.as_slice();
        while let Some(found) = Bare::find(rest) {
            let (before, after) = rest.split_at_checked(found.local).unwrap_or((rest, &[]));
            let (spec, after) =
                after.split_at_checked(found.end - found.local).unwrap_or((after, &[]));
            let (local_part, domain) =
                spec.split_at_checked(found.at - found.local).unwrap_or((spec, &[]));
            let name = phrase(before);
            if let Some(open) = &mut self.open
                && !name.is_empty()
            {
                // `<a@b> Joe c@d`: nobody can tell whose name it is; the one without takes it.
                name_if_none(open, name.clone());
            }
            self.close_without_comment();
            self.open = Some(Mailbox {
                name_raw: (!name.is_empty()).then(|| name.into_boxed_slice()),
                route: None,
                local: local(local_part),
                domain: squeezed(domain.get(1..).unwrap_or_default()),
            });
            rest = after;
        }
        if let Some(open) = &mut self.open {
            name_if_none(open, phrase(rest));
        }
    }

    /// As [`Parser::close`], for an address that another follows: the comment is the last one's.
    fn close_without_comment(&mut self) {
        if let Some(mailbox) = self.open.take() {
            self.emit(mailbox);
        }
    }

    /// The item is complete: a comment names a mailbox that has no other name.
    fn close(&mut self) {
        let comment = self.comment.take();
        if let Some(mut mailbox) = self.open.take() {
            name_if_none(&mut mailbox, comment.unwrap_or_default());
            self.emit(mailbox);
        }
    }

    fn emit(&mut self, mailbox: Mailbox) {
        if mailbox == Mailbox::default() {
            return;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.list.truncated = true;
            return;
        };
        self.left = left;
        match &mut self.group {
            Some((_, members)) => members.push(mailbox),
            None => self.list.items.push(AddressItem::Mailbox(mailbox)),
        }
    }

    fn end_group(&mut self) {
        if let Some((name, members)) = self.group.take() {
            self.list.items.push(AddressItem::Group { name_raw: name.into(), members });
        }
    }
}

fn is_mark(word: &Word, mark: u8) -> bool {
    word.kind == Kind::Mark(mark)
}
fn is_at(word: &Word) -> bool {
    is_mark(word, b'@')
}
fn is_dot(word: &Word) -> bool {
    is_mark(word, b'.')
}

fn name_if_none(mailbox: &mut Mailbox, name: Vec<u8>) {
    if mailbox.name_raw.is_none() && !name.is_empty() {
        mailbox.name_raw = Some(name.into_boxed_slice());
    }
}

/// Where an address without brackets lies in a run.
struct Bare {
    local: usize,
    at: usize,
    end: usize,
}

impl Bare {
    fn find(run: &[Word]) -> Option<Bare> {
        let mut at = run.iter().position(is_at)?;
        let local = local_start(run.get(..at)?);
        let mut end = domain_end(run, at);
        // `a@b@c`: the last one without white space before it counts.
        while let Some(next) = run.get(end)
            && is_at(next)
            && !next.is_apart
        {
            at = end;
            end = domain_end(run, at);
        }
        Some(Bare { local, at, end })
    }
}

/// RFC 5322 4.4 `obs-local-part` allows white space around the dots. We allow it when nothing else
/// stands before, and otherwise take what is written in one piece.
fn local_start(before: &[Word]) -> usize {
    let alternates =
        before.iter().enumerate().all(|(index, word)| is_dot(word) == (index % 2 == 1));
    if alternates && before.len() % 2 == 1 {
        return 0;
    }
    before.iter().rposition(|word| word.is_apart).unwrap_or(0)
}

/// The end of the domain whose `@` stands at `at`.
fn domain_end(run: &[Word], at: usize) -> usize {
    let mut end = at + 1;
    let mut after_dot = true;
    while let Some(word) = run.get(end) {
        let belongs = match word.kind {
            Kind::Mark(b'.') => true,
            Kind::Mark(_) => false,
            // A full stop at the end of a domain, and then a name.
            _ if after_dot => end == at + 1 || !word.is_apart || spaced_dot(run, end),
            _ => !word.is_apart,
        };
        if !belongs {
            break;
        }
        after_dot = is_dot(word);
        end += 1;
    }
    end
}

fn spaced_dot(run: &[Word], end: usize) -> bool {
    end.checked_sub(1).and_then(|before| run.get(before)).is_some_and(|dot| dot.is_apart)
}

/// What stands between angle brackets.
fn bracketed(inner: &[Word]) -> Mailbox {
    let colon = inner.iter().rposition(|w| is_mark(w, b':'));
    // Of what stands before a colon only a route has a meaning, and a browser's `mailto:`.
    let is_prefix = |before: &[Word]| {
        before.first().is_some_and(is_at) || local(before).eq_ignore_ascii_case(b"mailto")
    };
    let colon = colon.filter(|at| inner.get(..*at).is_some_and(is_prefix));
    let (route, spec) = match colon {
        Some(at) => (inner.get(..at).unwrap_or_default(), inner.get(at + 1..).unwrap_or_default()),
        None => (&[][..], inner),
    };
    let route = route.first().is_some_and(is_at).then(|| squeezed(route));
    let at = spec.iter().rposition(is_at).unwrap_or(spec.len());
    let (local_part, domain) = spec.split_at_checked(at).unwrap_or((spec, &[]));
    Mailbox {
        name_raw: None,
        route,
        local: local(local_part),
        domain: squeezed(domain.get(1..).unwrap_or_default()),
    }
}

/// Words without what was between them.
fn squeezed(words: &[Word]) -> Box<[u8]> {
    words.iter().flat_map(|word| text(word).iter().copied()).collect()
}

/// A local part: white space around dots goes, other white space (which is broken) stays one space.
fn local(words: &[Word]) -> Box<[u8]> {
    let mut out = Vec::new();
    let mut after_mark = true;
    for word in words {
        let is_mark = matches!(word.kind, Kind::Mark(_));
        if word.is_apart && !is_mark && !after_mark {
            out.push(b' ');
        }
        out.extend_from_slice(text(word));
        after_mark = is_mark;
    }
    out.into_boxed_slice()
}

/// A name: its words with single spaces where there was white space.
fn phrase(words: &[Word]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in words {
        if word.is_apart && !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(text(word));
    }
    out
}

fn text(word: &Word) -> &[u8] {
    match &word.kind {
        Kind::Atom(text) | Kind::Quoted(text) | Kind::Literal(text) | Kind::Comment(text) => text,
        Kind::Mark(mark) => match mark {
            b'@' => b"@",
            b'.' => b".",
            b',' => b",",
            b':' => b":",
            b';' => b";",
            b'<' => b"<",
            _ => b">",
        },
    }
}
