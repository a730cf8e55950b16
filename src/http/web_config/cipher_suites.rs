//! Cipher suites by their Go names.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as ring;

use super::tls_versions::Version;
use crate::yaml::{Node, Reader, shown};

/// The suites of TLS 1.2 that there are. (The cryptography library has no other: none without
/// forward secrecy, none in CBC mode.)
const TLS12: [(&str, SupportedCipherSuite); 6] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ring::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ring::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ring::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ring::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// The suites of TLS 1.3. They are always all on, as they are in Go; naming them changes
/// nothing.
const TLS13: [(&str, SupportedCipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", ring::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", ring::TLS13_AES_128_GCM_SHA256),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        ring::TLS13_CHACHA20_POLY1305_SHA256,
    ),
];

/// The suites of which HTTP/2 over TLS 1.2 needs one (RFC 9113, 9.2.2).
const FOR_HTTP2: [&str; 2] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
];

/// Reads `cipher_suites`: all suites then to be used, in that order; `None` where the defaults
/// are.
pub(super) fn read(
    node: &Node,
    min: Version,
    http2: bool,
    reader: &mut Reader,
) -> Option<Vec<SupportedCipherSuite>> {
    let items = reader.list(node, "`cipher_suites`");
    if items.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    let mut suites: Vec<_> = TLS13.iter().map(|(_, suite)| *suite).collect();
    let mut faulty = false;
    for item in items {
        let Some(name) = reader.text(item, "a cipher suite") else {
            faulty = true;
            continue;
        };
        if let Some((known, suite)) = TLS12.iter().find(|(known, _)| *known == name) {
            names.push(*known);
            suites.push(*suite);
        } else if !TLS13.iter().any(|(known, _)| *known == name) {
            faulty = true;
            let known: Vec<_> = TLS12.iter().map(|(known, _)| *known).collect();
            let message = format!(
                "`cipher_suites`: {} is not supported; those of TLS 1.2 that are: {}",
                shown(name),
                known.join(", ")
            );
            reader.fault(item.place, message);
        }
    }
    if faulty {
        return None;
    }
    if min > Version::Tls12 {
        let message = "`cipher_suites` are for TLS 1.2, which `min_version` rules out; those of \
                       TLS 1.3 can't be chosen: leave the list away";
        reader.fault(node.place, message);
    } else if names.is_empty() {
        let message = "`cipher_suites` lists none of TLS 1.2: write `min_version: TLS13` if that \
                       is what is meant";
        reader.fault(node.place, message);
    } else if http2 && !FOR_HTTP2.iter().any(|needed| names.contains(needed)) {
        let message = format!(
            "`cipher_suites` lists neither of the two that HTTP/2 needs, {}: add one, or write \
             `http2: false` under `http_server_config`",
            FOR_HTTP2.join(" and ")
        );
        reader.fault(node.place, message);
    }
    Some(suites)
}
