//! Values that several sections have.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::format_duration;
use crate::yaml::{Node, Reader};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Reads an interval between two polls.
pub(super) fn interval(reader: &mut Reader, node: &Node, what: &str) -> Option<Duration> {
    bounded(reader, node, what, SECOND..=HOUR)
}

pub(super) fn bounded(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    range: RangeInclusive<Duration>,
) -> Option<Duration> {
    let duration = reader.duration(node, what)?;
    if range.contains(&duration) {
        return Some(duration);
    }
    let message = format!(
        "{what} must be between {} and {}, not `{}`",
        format_duration(*range.start()),
        format_duration(*range.end()),
        format_duration(duration)
    );
    reader.fault(node.place, message);
    None
}

pub(super) fn count(reader: &mut Reader, node: &Node, what: &str, max: usize) -> Option<usize> {
    let expected = format!("a whole number between 1 and {max}");
    let number: usize = reader.parsed(node, what, &expected)?;
    if (1..=max).contains(&number) {
        return Some(number);
    }
    let message = format!("{what} must be {expected}, not `{number}`");
    reader.fault(node.place, message);
    None
}

/// Replaces a default by what is configured, if it is configured and valid.
pub(super) fn set<T>(target: &mut T, node: Option<&Node>, read: impl FnOnce(&Node) -> Option<T>) {
    if let Some(value) = node.and_then(read) {
        *target = value;
    }
}
