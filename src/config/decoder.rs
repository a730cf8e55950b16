//! Typed access to a YAML tree. It records every fault and continues.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, Location};
use super::yaml::{Entry, Node, Value};
use web_config::redact;

/// The faults and warnings of a configuration and of all files that it names.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: RefCell<Diagnostics>,
    warnings: RefCell<Vec<Diagnostic>>,
}

/// A node of a document, together with its name in diagnostics.
///
/// The methods that decode it return `None` after they recorded a fault.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    node: &'a Node<'a>,
    name: Name<'a>,
    pub(super) source: &'a Arc<str>,
    pub(super) report: &'a Report,
}

/// The name of a field in diagnostics.
#[derive(Clone, Copy)]
enum Name<'a> {
    Key(&'a str),
    /// Such as `this channel`.
    Noun(&'static str),
}

/// A mapping that remembers which keys were requested.
pub(super) struct Mapping<'a> {
    field: Field<'a>,
    entries: &'a [Entry<'a>],
    known: Vec<&'static str>,
}

// === impl Report ===

impl Report {
    /// Records a fault.
    pub(super) fn fault(&self, fault: Diagnostic) {
        self.faults.borrow_mut().push(fault);
    }

    /// The number of faults so far.
    pub(super) fn fault_count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Records a warning about something that is valid and perhaps not intended.
    pub(super) fn warn(&self, warning: Diagnostic) {
        self.warnings.borrow_mut().push(warning);
    }

    /// The warnings, or all faults.
    pub(super) fn finish(self) -> Result<Vec<Diagnostic>, Diagnostics> {
        self.faults
            .into_inner()
            .into_result(self.warnings.into_inner())
    }
}

// === impl Field ===

impl<'a> Field<'a> {
    /// The root of a document.
    pub(super) fn root(
        node: &'a Node<'a>,
        noun: &'static str,
        source: &'a Arc<str>,
        report: &'a Report,
    ) -> Self {
        Self {
            node,
            name: Name::Noun(noun),
            source,
            report,
        }
    }

    pub(super) fn location(&self) -> Location {
        self.node.location
    }

    /// Records a fault at this field.
    pub(super) fn fault(&self, message: impl Into<String>) {
        self.fault_at(self.node.location, message);
    }

    /// Records a fault elsewhere in the document.
    pub(super) fn fault_at(&self, location: Location, message: impl Into<String>) {
        self.report
            .fault(Diagnostic::new(self.source, Some(location), message));
    }

    /// The value of a result. Records its error as a fault at this field.
    pub(super) fn ok<T, E: fmt::Display>(self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fault(error.to_string())).ok()
    }

    /// Records a warning at this field.
    pub(super) fn warn(&self, message: impl Into<String>) {
        let location = Some(self.node.location);
        self.report
            .warn(Diagnostic::new(self.source, location, message));
    }

    /// The text of a scalar.
    pub(super) fn text(self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar(text) => return Some(text),
            Value::Null => self.fault(format!("{} has no value", self.name)),
            Value::List(_) | Value::Map(_) => self.wrong_type("a text"),
        }
        None
    }

    /// A parsed scalar. The error of `parse` is the rest of a sentence that begins with the name of
    /// the field, such as `must be a number`.
    pub(super) fn parse<T>(self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.ok(parse(self.text()?).map_err(|why| format!("{} {why}", self.name)))
    }

    /// The items of a list, each named `noun` in diagnostics. A missing value is an empty list.
    pub(super) fn items(self, noun: &'static str) -> impl Iterator<Item = Self> {
        let nodes: &[Node<'_>] = match &self.node.value {
            Value::List(nodes) => nodes,
            Value::Null => &[],
            Value::Scalar(_) | Value::Map(_) => {
                self.wrong_type("a list (`- item` lines)");
                &[]
            }
        };
        let name = Name::Noun(noun);
        nodes.iter().map(move |node| Self { node, name, ..self })
    }

    /// The items of a list, or the field itself if it is a scalar.
    pub(super) fn item_or_items(self) -> Vec<Self> {
        match &self.node.value {
            Value::List(nodes) => nodes.iter().map(|node| Self { node, ..self }).collect(),
            _ => vec![self],
        }
    }

    /// A mapping. A missing value is an empty one.
    pub(super) fn mapping(self) -> Option<Mapping<'a>> {
        let entries: &[Entry<'_>] = match &self.node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            Value::Scalar(_) | Value::List(_) => {
                self.wrong_type("a mapping (`key: value` lines)");
                return None;
            }
        };
        let mut first = HashMap::new();
        for entry in entries {
            if let Some(before) = first.insert(&entry.key, entry.key_location) {
                let key = redact(&entry.key);
                let message = format!("{key} stands twice: it is already at {before}");
                self.fault_at(entry.key_location, message);
            }
        }
        Some(Mapping {
            field: self,
            entries,
            known: Vec::new(),
        })
    }

    fn wrong_type(&self, expected: &str) {
        let found = match &self.node.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => redact(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        self.fault(format!("{} must be {expected}, not {found}", self.name));
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "`{key}`"),
            Self::Noun(noun) => f.write_str(noun),
        }
    }
}

// === impl Mapping ===

impl<'a> Mapping<'a> {
    /// The field whose value the mapping is.
    pub(super) fn field(&self) -> Field<'a> {
        self.field
    }

    /// All entries, for mappings whose keys are chosen by the user.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Location, &'a str, Field<'a>)> {
        let parent = self.field;
        self.entries.iter().map(move |entry| {
            let (key, node) = (&*entry.key, &entry.node);
            let name = Name::Key(key);
            (
                entry.key_location,
                key,
                Field {
                    node,
                    name,
                    ..parent
                },
            )
        })
    }

    /// The value of a key. The key counts as known from then on.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let mut entries = self.entries();
        entries.find_map(|(_, name, field)| (name == key).then_some(field))
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&mut self, key: &'static str) -> Option<Field<'a>> {
        let value = self.get(key);
        if value.is_none() {
            let message = format!("{} has no `{key}`", self.field.name);
            self.field.fault(message);
        }
        value
    }

    /// The parsed value of a key, if it is there and valid.
    pub(super) fn parse<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.get(key)?.parse(parse)
    }

    /// Replaces a default by the value of a key, if it is there and valid.
    pub(super) fn set<T>(
        &mut self,
        key: &'static str,
        target: &mut T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) {
        if let Some(value) = self.parse(key, parse) {
            *target = value;
        }
    }

    /// Records a fault for each key that is not known.
    pub(super) fn deny_unknown(self) {
        for entry in self.entries {
            let key = &*entry.key;
            if self.known.contains(&key) {
                continue;
            }
            let hint = match self.closest_known(key) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            let message = format!("unknown key {}; {hint}", redact(key));
            self.field.fault_at(entry.key_location, message);
        }
    }

    /// The known key most similar to `key`, if one is similar at all.
    fn closest_known(&self, key: &str) -> Option<&'static str> {
        let distances = self
            .known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(key, known), *known));
        distances
            .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
    }
}
