//! A document as a tree of nodes that know their place.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::config::{Diagnostic, Location};

/// Nesting deeper than this is a mistake or an attack, not a configuration.
const MAX_DEPTH: usize = 32;
/// Aliases may repeat nodes; together a document has at most this many.
const MAX_NODES: usize = 1_000_000;

/// A text is shown in faults up to this length, in characters. No word that is known anywhere
/// is longer, and most keys are.
const LONGEST_SHOWN: usize = 100;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Location,
    /// What it is.
    pub value: Value,
}

/// What a node is. Scalars stay as they were written: whether `5` is a number or a text is
/// decided by whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, a number, a truth value or nothing at all.
    Scalar {
        /// As written, without quotes.
        text: String,
        /// Whether it stood in quotes (or in a block), and so is certainly a text.
        quoted: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written. Keys may repeat; the reader reports that.
    Map(Vec<Entry>),
}

/// A key of a mapping, and what it maps to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Location,
    /// Its value.
    pub value: Node,
}

/// A collection that has begun and not ended yet.
struct Open {
    place: Location,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Location)>,
    },
}

/// Puts the parser's events together.
struct Builder {
    source: Arc<str>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// What was written, as a fault shows it: a short text on one line in backquotes. Anything else
/// may be a secret in the wrong place, such as a key in PEM, and faults get into logs and answers.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.contains(['\n', '\r']) || looks_like_pem(text) || text.chars().count() > LONGEST_SHOWN {
        "a text that is not shown here".to_owned()
    } else {
        format!("`{text}`")
    }
}

/// Whether a text is PEM, or was before its lines were folded into one, or is what stands
/// between its first and its last line.
#[must_use]
pub fn looks_like_pem(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/= ".contains(&byte);
    text.contains("-----BEGIN")
        || text.contains("PRIVATE KEY")
        // What begins as keys and certificates do, and is as long as the shortest of them.
        || (text.starts_with('M') && text.len() >= 60 && text.bytes().all(is_base64))
}

// === impl Node ===

impl Node {
    /// Parses a document.
    ///
    /// An empty one is an empty mapping. `source` names the file in faults.
    ///
    /// # Errors
    /// Where the text is not YAML, holds several documents, nests absurdly deep, or has keys
    /// that are not scalars.
    pub fn parse(source: &Arc<str>, text: &str) -> Result<Self, Diagnostic> {
        let mut builder = Builder {
            source: Arc::clone(source),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            root: None,
        };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| Diagnostic {
                source: Arc::clone(source),
                place: Some(Location {
                    line: error.marker().line(),
                    column: error.marker().col() + 1,
                }),
                message: format!("this is not YAML: {}", error.info()),
            })?;
            builder.event(event, span)?;
        }
        Ok(builder.root.unwrap_or(Self {
            place: Location { line: 1, column: 1 },
            value: Value::Map(Vec::new()),
        }))
    }

    /// Whether nothing was written where a value was expected (`key:`, `~` or `null`).
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What a person would call it.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => shown(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// How many nodes it consists of, itself included.
    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }
}

// === impl Builder ===

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let place = Location {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(self.fault(
                place,
                "a second document begins here: one file holds one document",
            )),
            Event::Scalar(text, style, anchor, _tag) => {
                let node = Node {
                    place,
                    value: Value::Scalar {
                        text: text.into_owned(),
                        quoted: style != ScalarStyle::Plain,
                    },
                };
                self.add(node, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = node.clone();
                    self.nodes += node.count();
                    self.add(node, 0)
                }
                None => Err(self.fault(place, "this alias points to nothing that is complete")),
            },
            Event::SequenceStart(anchor, _tag) => {
                self.open(place, anchor, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, _tag) => {
                let kind = OpenKind::Map {
                    entries: Vec::new(),
                    key: None,
                };
                self.open(place, anchor, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, place: Location, anchor: usize, kind: OpenKind) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault(place, "this is nested too deep"));
        }
        self.open.push(Open {
            place,
            anchor,
            kind,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map { entries, .. } => Value::Map(entries),
        };
        let node = Node {
            place: open.place,
            value,
        };
        self.add(node, open.anchor)
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.fault(node.place, "this document has too many nodes"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open {
                kind: OpenKind::List(items),
                ..
            }) => items.push(node),
            Some(Open {
                kind: OpenKind::Map { entries, key },
                ..
            }) => match key.take() {
                Some((key, place)) => entries.push(Entry {
                    key,
                    place,
                    value: node,
                }),
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some((text, node.place)),
                    Value::List(_) | Value::Map(_) => {
                        return Err(self.fault(
                            node.place,
                            "a key must be a word, not a list or a mapping \
                             (a text with `{` or `[` in it wants quotes)",
                        ));
                    }
                },
            },
        }
        Ok(())
    }

    fn fault(&self, place: Location, message: &str) -> Diagnostic {
        Diagnostic {
            source: Arc::clone(&self.source),
            place: Some(place),
            message: message.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_in_the_wrong_place_is_not_shown() {
        assert_eq!(shown("TLS14"), "`TLS14`");
        assert_eq!(shown(&"名".repeat(100)), format!("`{}`", "名".repeat(100)));
        for text in [
            "secret\n",
            "secret\rsecret",
            "-----BEGIN secret",
            "secret PRIVATE KEY",
            &"secret".repeat(17),
            &format!("M{}", "secret".repeat(10)),
        ] {
            assert!(!shown(text).contains("secret"), "{text}");
        }
    }
}
