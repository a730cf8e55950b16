//! A YAML document as a tree whose nodes know their location.
//!
//! The tree is decoded by [`Field`](super::decoder::Field)s instead of serde: a serde
//! deserializer stops at the first unknown key or wrong type, and `check-config` reports all faults
//! of a configuration at once.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput};

use super::diagnostic::Location;

/// Deeper nesting is a mistake or an attack, not a configuration.
const MAX_DEPTH: usize = 32;
/// Aliases repeat nodes. A document repeats at most this many.
const MAX_ALIASED_NODES: usize = 1_000_000;

/// A value with its location.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) location: Location,
    pub(super) value: Value<'a>,
}

/// The value of a node. Scalars stay text: whether `5` is a number or a name depends on the key.
#[derive(Clone)]
pub(super) enum Value<'a> {
    /// `key:`, `~` or `null`.
    Null,
    Scalar(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the document. Keys may repeat.
    Map(Vec<Entry<'a>>),
}

/// A key of a mapping with its value.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) key_location: Location,
    pub(super) node: Node<'a>,
}

/// Why a text is not a document, and where.
pub(super) type SyntaxError = (Location, String);

/// Parses a document. An empty one has the value [`Value::Null`].
pub(super) fn parse(text: &str) -> Result<Node<'_>, SyntaxError> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut builder = TreeBuilder {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        aliased_nodes: 0,
    };
    let mut root = None;
    while let Some((event, location)) = builder.next()? {
        match event {
            Event::DocumentStart(..) if root.is_some() => {
                let why = "a second document begins here: one file holds one document";
                return Err((location, why.to_owned()));
            }
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            event => root = Some(builder.node(event, location, 0)?),
        }
    }
    Ok(root.unwrap_or(Node {
        location: Location { line: 1, column: 1 },
        value: Value::Null,
    }))
}

struct TreeBuilder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node<'a>>,
    aliased_nodes: usize,
}

// === impl Node ===

impl Node<'_> {
    /// The number of nodes in this tree.
    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.count()).sum(),
        }
    }
}

// === impl TreeBuilder ===

impl<'a> TreeBuilder<'a> {
    /// The next event, with the location at which it begins.
    fn next(&mut self) -> Result<Option<(Event<'a>, Location)>, SyntaxError> {
        let location = |marker: &granit_parser::Marker| Location {
            line: marker.line(),
            column: marker.col() + 1,
        };
        match self.parser.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, location(&span.start)))),
            Some(Err(error)) => Err((
                location(error.marker()),
                format!("this is not YAML: {}", error.info()),
            )),
        }
    }

    /// The next node, or `None` at the end of the list or mapping.
    fn child(&mut self, depth: usize) -> Result<Option<Node<'a>>, SyntaxError> {
        match self.next()? {
            None | Some((Event::SequenceEnd | Event::MappingEnd, _)) => Ok(None),
            Some((event, location)) => self.node(event, location, depth).map(Some),
        }
    }

    /// The node that begins with an event.
    fn node(
        &mut self,
        event: Event<'a>,
        location: Location,
        depth: usize,
    ) -> Result<Node<'a>, SyntaxError> {
        let fail = |why: &str| Err((location, why.to_owned()));
        if depth > MAX_DEPTH {
            return fail("this is nested too deep");
        }
        let (value, anchor) = match event {
            Event::Scalar(text, ScalarStyle::Plain, anchor, _)
                if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") =>
            {
                (Value::Null, anchor)
            }
            Event::Scalar(text, _, anchor, _) => (Value::Scalar(text), anchor),
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                while let Some(item) = self.child(depth + 1)? {
                    items.push(item);
                }
                (Value::List(items), anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                let mut entries = Vec::new();
                while let Some(key) = self.child(depth + 1)? {
                    let Some(node) = self.child(depth + 1)? else {
                        break;
                    };
                    let Value::Scalar(text) = key.value else {
                        let why = "a key must be a word, not a list or a mapping (put a text that \
                                   contains `{` or `[` in quotes)";
                        return Err((key.location, why.to_owned()));
                    };
                    entries.push(Entry {
                        key: text,
                        key_location: key.location,
                        node,
                    });
                }
                (Value::Map(entries), anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return fail("this alias refers to a node that is not complete");
                };
                self.aliased_nodes += node.count();
                if self.aliased_nodes > MAX_ALIASED_NODES {
                    return fail("aliases repeat too many nodes");
                }
                return Ok(node);
            }
            _ => return fail("this is not a value"),
        };
        let node = Node { location, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }
}
