//! Curves by their Go names.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1, X25519};

use crate::yaml::{Node, Reader, shown};

/// The curves that there are.
const KNOWN: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", X25519),
    ("CurveP256", SECP256R1),
    ("CurveP384", SECP384R1),
];

/// Reads `curve_preferences`: the curves in that order, or none where none is preferred.
pub(super) fn read(node: &Node, reader: &mut Reader) -> Vec<&'static dyn SupportedKxGroup> {
    let mut curves = Vec::new();
    for item in reader.list(node, "`curve_preferences`") {
        let Some(name) = reader.text(item, "a curve") else {
            continue;
        };
        match KNOWN.iter().find(|(known, _)| *known == name) {
            Some((_, curve)) => curves.push(*curve),
            None => {
                let why = if name == "CurveP521" {
                    "is not supported"
                } else {
                    "is no curve"
                };
                let message = format!(
                    "`curve_preferences`: {} {why}; known here: X25519, CurveP256, CurveP384",
                    shown(name)
                );
                reader.fault(item.place, message);
            }
        }
    }
    curves
}
