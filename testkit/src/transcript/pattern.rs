//! What a server's line must look like: literal text, `...` for anything, `$name` for a word.

use std::collections::BTreeMap;

/// Values of `$name`, bound at first sight.
pub(super) type Bindings = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// `...`: any bytes, also none.
    Anything,
    /// `$name`: at least one byte, none of them a space.
    Variable(String),
}

/// A line's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Exactly these bytes.
    pub(super) fn exact(bytes: Vec<u8>) -> Pattern {
        Pattern(vec![Piece::Literal(bytes)])
    }

    /// Reads a pattern. `$$` is a dollar sign.
    pub(super) fn parse(text: &[u8]) -> Pattern {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        while let Some((&byte, tail)) = rest.split_first() {
            let (piece, after) = if let Some(after) = rest.strip_prefix(b"...") {
                (Some(Piece::Anything), after)
            } else if let Some(after) = rest.strip_prefix(b"$$") {
                literal.push(b'$');
                (None, after)
            } else if let Some((name, after)) = variable(rest) {
                (Some(Piece::Variable(name)), after)
            } else {
                literal.push(byte);
                (None, tail)
            };
            if let Some(piece) = piece {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(piece);
            }
            rest = after;
        }
        if !literal.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Pattern(pieces)
    }

    /// Matches a line; on success the variables seen for the first time are bound.
    pub(super) fn matches(&self, line: &[u8], bindings: &mut Bindings) -> bool {
        match matches(&self.0, line, bindings) {
            Some(bound) => {
                *bindings = bound;
                true
            }
            None => false,
        }
    }
}

/// Splits `$name` off, if that is what stands here.
pub(super) fn variable(text: &[u8]) -> Option<(String, &[u8])> {
    let rest = text.strip_prefix(b"$")?;
    if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let end = rest.iter().position(|b| !is_name(b)).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    Some((String::from_utf8_lossy(name).into_owned(), rest))
}

/// Replaces `$name` in what the client sends. `$$` is a dollar sign.
pub(super) fn substitute(text: &[u8], bindings: &Bindings) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = if let Some(after) = rest.strip_prefix(b"$$") {
            out.push(b'$');
            after
        } else if let Some((name, after)) = variable(rest) {
            out.extend(bindings.get(&name).ok_or(format!("${name} is not bound"))?);
            after
        } else {
            out.push(byte);
            tail
        };
    }
    Ok(out)
}

fn matches(pieces: &[Piece], line: &[u8], bindings: &Bindings) -> Option<Bindings> {
    let Some((piece, rest)) = pieces.split_first() else {
        return line.is_empty().then(|| bindings.clone());
    };
    match piece {
        Piece::Literal(literal) => matches(rest, line.strip_prefix(literal.as_slice())?, bindings),
        Piece::Anything => {
            (0..=line.len()).find_map(|at| matches(rest, line.split_at(at).1, bindings))
        }
        Piece::Variable(name) => match bindings.get(name) {
            Some(value) => matches(rest, line.strip_prefix(value.as_slice())?, bindings),
            None => {
                let word = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
                (1..=word).find_map(|at| {
                    let (value, after) = line.split_at(at);
                    let mut bound = bindings.clone();
                    bound.insert(name.clone(), value.to_vec());
                    matches(rest, after, &bound)
                })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        #[track_caller]
        fn check(pattern: &str, line: &str, want: Option<&[(&str, &str)]>) {
            let mut bindings = Bindings::from([("known".to_owned(), b"42".to_vec())]);
            let matched =
                Pattern::parse(pattern.as_bytes()).matches(line.as_bytes(), &mut bindings);
            bindings.remove("known");
            let got: Vec<_> = bindings
                .iter()
                .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
                .collect();
            assert_eq!(matched.then_some(got.as_slice()), want, "{pattern} {line}");
        }
        check("+OK", "+OK", Some(&[]));
        check("+OK", "+OK ", None);
        check("", "", Some(&[]));
        check("+OK...", "+OK", Some(&[]));
        check("a...b...", "a x b y", Some(&[]));
        check("1 $uid", "1 x.7", Some(&[("uid", "x.7")]));
        check("1 $uid", "1 x 7", None);
        check("1 $uid", "1 ", None);
        check("<$id@$host>", "<a@b@c>", Some(&[("host", "b@c"), ("id", "a")]));
        check("$a-$a", "xy-xy", Some(&[("a", "xy")]));
        check("$a-$a", "xy-xz", None);
        check("$known!", "42!", Some(&[]));
        check("$known!", "43!", None);
        check("$$5 $", "$5 $", Some(&[]));
    }

    #[test]
    fn substitution() {
        let bindings = Bindings::from([("uid".to_owned(), b"7".to_vec())]);
        assert_eq!(substitute(b"FETCH $uid $$x $", &bindings).unwrap(), b"FETCH 7 $x $");
        assert_eq!(substitute(b"$other", &bindings), Err("$other is not bound".into()));
    }
}
