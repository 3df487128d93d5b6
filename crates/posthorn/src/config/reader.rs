//! Reads a parsed TOML document into sections, and collects everything that is wrong on the way.

use super::SectionInfo;
use super::problem::{Place, Problem, Severity};
use super::value::{Bound, Fault, Setting};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

/// Where each key that is set stands in the file: `smtp.idle` and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    file: String,
    keys: BTreeMap<String, KeyPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyPlace {
    value: Range<usize>,
    secret: bool,
}

impl Places {
    /// A problem with a key, at the value that the file gives it, or without a place when the file
    /// does not set it.
    pub fn problem(
        &self,
        severity: Severity,
        key: &str,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let place = self.keys.get(key).map(|key| {
            let place = Place::of(&self.file, &key.value);
            if key.secret { Place { text: None, ..place } } else { place }
        });
        Problem { severity, place, key: key.to_owned(), message, hint }
    }

    /// True when the file sets this key.
    pub fn sets(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }
}

/// The reader of one document.
#[derive(Debug)]
pub struct Reader<'t> {
    file: &'t str,
    /// All keys of all sections, to say where a misplaced one belongs.
    known: Vec<(&'static str, &'static str)>,
    /// Keys whose values are never shown.
    secret: Vec<&'static str>,
    problems: Vec<Problem>,
    places: Places,
}

impl<'t> Reader<'t> {
    /// A reader of `file`, in which the settings of these sections may stand.
    pub fn new(file: &'t str, sections: &[SectionInfo]) -> Reader<'t> {
        let places = Places { file: file.to_owned(), keys: BTreeMap::new() };
        let fields =
            || sections.iter().flat_map(|(name, _, fields)| fields.iter().map(move |f| (*name, f)));
        Reader {
            file,
            known: fields().map(|(section, field)| (section, field.name)).collect(),
            secret: fields().filter(|(_, f)| f.secret).map(|(_, f)| f.name).collect(),
            problems: Vec::new(),
            places,
        }
    }

    /// The place of a byte range. A line that names a secret setting is not shown, however broken
    /// it is.
    fn place(&self, span: &Range<usize>) -> Place {
        let mut place = Place::of(self.file, span);
        place.text = place.text.filter(|line| !self.secret.iter().any(|key| line.contains(key)));
        place
    }

    /// What was found: all problems, and where everything stands.
    pub fn finish(self) -> (Vec<Problem>, Places) {
        (self.problems, self.places)
    }

    /// Notes an error at a place of the file.
    pub fn error(
        &mut self,
        span: Option<Range<usize>>,
        key: &str,
        message: String,
        hint: Option<String>,
    ) {
        let place = span.map(|span| self.place(&span));
        let key = key.to_owned();
        self.problems.push(Problem { severity: Severity::Error, place, key, message, hint });
    }

    /// The table of a section, if the file has it.
    pub fn section<'d, 'i>(
        &mut self,
        root: &'d DeTable<'i>,
        name: &'static str,
    ) -> Option<&'d DeTable<'i>> {
        let (_, value) = root.iter().find(|(key, _)| key.get_ref() == name)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{name}` is a section, not a setting");
            let hint = format!("write `[{name}]` on a line of its own, and its settings below");
            self.error(Some(value.span()), name, message, Some(hint));
        }
        table
    }

    /// Refuses what is no section.
    pub fn refuse_unknown_sections(&mut self, root: &DeTable<'_>, names: &[&'static str]) {
        for (key, value) in root {
            let name: &str = key.get_ref();
            if names.contains(&name) {
                continue;
            }
            let (message, hint) = if value.get_ref().is_table() {
                let list = names.join(", ");
                let hint = nearest(name, names).map(|near| format!("did you mean `[{near}]`?"));
                (
                    format!("unknown section [{name}]"),
                    hint.unwrap_or(format!("the sections are {list}")),
                )
            } else {
                let hint = self.home_of(name, "");
                let hint = hint.unwrap_or("every setting stands below a `[section]`".to_owned());
                (format!("unknown key `{name}` before the first section"), hint)
            };
            self.error(Some(key.span()), name, message, Some(hint));
        }
    }

    /// Refuses the keys of a section that do not exist.
    pub fn refuse_unknown_keys(
        &mut self,
        section: &'static str,
        table: &DeTable<'_>,
        names: &[&'static str],
    ) {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if names.contains(&name) {
                continue;
            }
            let hint = (self.home_of(name, section))
                .or_else(|| nearest(name, names).map(|near| format!("did you mean `{near}`?")))
                .unwrap_or_else(|| format!("[{section}] has the keys {}", names.join(", ")));
            let message = format!("unknown key `{name}` in [{section}]");
            self.error(Some(key.span()), &format!("{section}.{name}"), message, Some(hint));
        }
    }

    /// Where a key belongs that stands in the wrong section.
    fn home_of(&self, name: &str, section: &str) -> Option<String> {
        let mut homes = self.known.iter().filter(|(home, key)| *key == name && *home != section);
        homes.next().map(|(home, _)| format!("this key belongs to [{home}]"))
    }

    /// Reads one setting. `None` when the file does not set it, or sets it to what cannot be used.
    pub fn setting<T: Setting>(
        &mut self,
        section: &'static str,
        table: &DeTable<'_>,
        name: &'static str,
        bound: &dyn Bound<T>,
    ) -> Option<T> {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        let key = format!("{section}.{name}");
        let place = KeyPlace { value: value.span(), secret: T::SECRET };
        self.places.keys.insert(key.clone(), place);
        let mut faults = Vec::new();
        let read = T::read(value, &mut faults);
        if let Some(read) = &read
            && !bound.holds(read)
        {
            let rule = bound.rule();
            faults.push(Fault::of(value, format!("`{name}` must be {rule}"), None));
        }
        let is_good = faults.is_empty();
        for fault in faults {
            let place = self.place(&fault.span);
            let prefix = if fault.message.contains('`') { "" } else { &format!("`{name}`: ") };
            self.problems.push(Problem {
                severity: Severity::Error,
                place: Some(place),
                key: key.clone(),
                message: format!("{prefix}{}", fault.message),
                hint: fault.hint,
            });
        }
        read.filter(|_| is_good)
    }
}

/// The known name that `name` was probably meant to be.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(name, candidate);
    let by_distance = known.iter().map(|known| (distance(known), *known)).min()?;
    // A third of the letters wrong is a slip of the fingers; more is another word.
    let (distance, near) = by_distance;
    (distance <= near.chars().count().max(3) / 3).then_some(near).or_else(|| {
        let part =
            |known: &&&str| name.len() >= 3 && (known.contains(name) || name.contains(**known));
        known.iter().find(part).copied()
    })
}
