//! Reading what a control call says.

use std::time::Duration;

use super::refused::Refused;
use crate::simulator::request::{Parameters, Request};
use crate::simulator::scenario::signed_duration_ms;
use crate::yaml::{Fault, Faults, Node, Reader};

/// What faults in a control call's body are said to be in.
pub(super) const SOURCE: &str = "body";

/// The body as text.
pub(super) fn body(request: &Request) -> Result<&str, Refused> {
    std::str::from_utf8(&request.body).map_err(|_| {
        let fault = Fault {
            source: SOURCE.into(),
            place: None,
            message: "this is not UTF-8".to_owned(),
        };
        Refused::Body(fault.into())
    })
}

/// Reads a body that is a single value.
fn read<T>(
    request: &Request,
    read: impl FnOnce(&mut Reader, &Node) -> Option<T>,
) -> Result<T, Refused> {
    let source = SOURCE.into();
    let node = Node::parse(&source, body(request)?).map_err(Faults::from)?;
    let mut reader = Reader::new(source);
    read(&mut reader, &node).ok_or_else(|| Refused::Body(reader.into_faults()))
}

/// A body that is a duration.
pub(super) fn duration(request: &Request, what: &str) -> Result<Duration, Refused> {
    read(request, |reader, node| reader.duration(node, what))
}

/// A body that is a duration with a sign, in milliseconds.
pub(super) fn signed_duration(request: &Request, what: &str) -> Result<i64, Refused> {
    read(request, |reader, node| {
        signed_duration_ms(reader, node, what)
    })
}

/// The sequence number of `?since=`; 0 where there is none.
pub(super) fn since(request: &Request) -> Result<u64, Refused> {
    Parameters::parse(&request.query)
        .ok()
        .and_then(|parameters| parameters.get("since").unwrap_or("0").parse().ok())
        .ok_or_else(|| Refused::Query("`since` must be a sequence number".to_owned()))
}
