//! Versions of TLS.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::yaml::{Node, Reader, shown};

/// A version of TLS that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// The lowest and the highest version, one after the other.
const ALL: [(Version, &SupportedProtocolVersion); 2] =
    [(Version::Tls12, &TLS12), (Version::Tls13, &TLS13)];

/// Reads a version.
pub(super) fn read(node: &Node, what: &str, reader: &mut Reader) -> Option<Version> {
    match reader.text(node, what)? {
        "TLS12" => Some(Version::Tls12),
        "TLS13" => Some(Version::Tls13),
        old @ ("TLS10" | "TLS11") => {
            let message = format!(
                "{what}: `{old}` is not supported, because it is not safe any more: \
                 `TLS12` is the oldest that is"
            );
            reader.fault(node.place, message);
            None
        }
        other => {
            let message = format!("{what} must be `TLS12` or `TLS13`, not {}", shown(other));
            reader.fault(node.place, message);
            None
        }
    }
}

/// The versions from one to another.
pub(super) fn between(min: Version, max: Version) -> Vec<&'static SupportedProtocolVersion> {
    ALL.iter()
        .filter(|(version, _)| (min..=max).contains(version))
        .map(|(_, supported)| *supported)
        .collect()
}
