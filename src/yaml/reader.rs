//! Reading nodes as what they should be, collecting what they are not.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{Entry, Node, Value, shown};
use crate::config::{Diagnostic, Diagnostics, Location, parse_duration};

/// Reads one document's nodes and collects the faults met.
///
/// Each method that reads returns `None` where there was a fault, which then is on record:
/// callers go on with what they have and so find the next fault too.
#[derive(Debug)]
pub struct Reader {
    source: Arc<str>,
    faults: Diagnostics,
}

/// A mapping that is being read; knows which keys it was asked for.
#[derive(Debug)]
pub struct Mapping<'a> {
    place: Location,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
}

// === impl Reader ===

impl Reader {
    /// A reader for a document of that name.
    #[must_use]
    pub fn new(source: Arc<str>) -> Self {
        Self {
            source,
            faults: Diagnostics::default(),
        }
    }

    /// The document's name.
    #[must_use]
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// All that was found wrong.
    #[must_use]
    pub fn into_faults(self) -> Diagnostics {
        self.faults
    }

    /// Puts a fault on record.
    pub fn fault(&mut self, place: Location, message: impl Into<String>) {
        self.faults.push(Diagnostic {
            source: Arc::clone(&self.source),
            place: Some(place),
            message: message.into(),
        });
    }

    /// Puts the faults of another document (a file that this one names) on record.
    pub fn absorb(&mut self, faults: &Diagnostics) {
        for fault in faults.iter() {
            self.faults.push(fault.clone());
        }
    }

    /// Opens a mapping; `what` names it in the fault where it is none. Nothing at all reads
    /// as an empty one.
    pub fn mapping<'a>(&mut self, node: &'a Node, what: &str) -> Option<Mapping<'a>> {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            _ if node.is_null() => &[],
            _ => {
                let found = node.describe();
                self.fault(
                    node.place,
                    format!("{what} must be a mapping (`key: value` lines), not {found}"),
                );
                return None;
            }
        };
        let mut first: HashMap<&str, Location> = HashMap::new();
        for entry in entries {
            if let Some(before) = first.insert(&entry.key, entry.place) {
                self.fault(
                    entry.place,
                    format!(
                        "{} stands twice: it is already at {before}",
                        shown(&entry.key)
                    ),
                );
            }
        }
        Some(Mapping {
            place: node.place,
            entries,
            asked: Vec::new(),
        })
    }

    /// The items of a list; nothing at all reads as an empty one.
    pub fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            Value::List(items) => items,
            _ if node.is_null() => &[],
            _ => {
                let found = node.describe();
                self.fault(
                    node.place,
                    format!("{what} must be a list (`- item` lines), not {found}"),
                );
                &[]
            }
        }
    }

    /// A scalar as it was written.
    pub fn text<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar { text, .. } if !node.is_null() => Some(text),
            _ if node.is_null() => {
                self.fault(node.place, format!("{what} has no value"));
                None
            }
            _ => {
                let found = node.describe();
                self.fault(node.place, format!("{what} must be a text, not {found}"));
                None
            }
        }
    }

    /// A scalar, parsed; `expected` says what it should have been where it is not.
    pub fn parsed<T: FromStr>(&mut self, node: &Node, what: &str, expected: &str) -> Option<T> {
        let text = self.text(node, what)?;
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        let message = format!("{what} must be {expected}, not {}", shown(text));
        self.fault(node.place, message);
        None
    }

    /// A [duration](super::parse_duration).
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(expected) => {
                self.fault(node.place, format!("{what} must be {expected}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn truth(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.parsed(node, what, "`true` or `false`")
    }
}

// === impl Mapping ===

impl<'a> Mapping<'a> {
    /// Where the mapping begins.
    #[must_use]
    pub fn place(&self) -> Location {
        self.place
    }

    /// The value of a key, which from then on counts as known.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// Ends the reading: keys that nobody asked for are faults.
    pub fn finish(self, reader: &mut Reader) {
        for entry in self.entries {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let hint = match closest(&entry.key, &self.asked) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let message = format!("unknown key {}; {hint}", shown(&entry.key));
            reader.fault(entry.place, message);
        }
    }

    /// All entries, for mappings whose keys are the user's own.
    #[must_use]
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }
}

/// The known word most like `word`, if one is like it at all.
fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
