//! YAML documents read so that every fault in them can be named with its place.
//!
//! Deserializing into structs stops at the first fault and knows no place for what is
//! *missing* or *twice there*. So a document is first [parsed](Node::parse) into nodes that
//! remember line and column, and then read with a [`Reader`], which collects all
//! [`Fault`]s, notices keys nobody asked for and says which one was probably meant.

mod node;
mod reader;

pub use crate::config::{
    Diagnostic as Fault, Diagnostics as Faults, Location as Place, format_duration, parse_duration,
};
pub use node::{Entry, Node, Value, looks_like_pem, shown};
pub use reader::{Mapping, Reader};
