//! TLS versions, cipher suites and key exchange groups by their Go names.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1, X25519};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};
use serde_saphyr::Spanned;

use crate::diagnostic::{Diagnostics, Location};
use crate::redact::redact;
use crate::settings::{Names, Setting, TlsSettings};

/// The key exchange groups.
const KX_GROUPS: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", X25519),
    ("CurveP256", SECP256R1),
    ("CurveP384", SECP384R1),
];

/// The versions.
const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS12", &TLS12), ("TLS13", &TLS13)];

/// HTTP/2 over TLS 1.2 needs one of these (RFC 9113, 9.2.2).
const HTTP2_SUITES: [CipherSuite; 2] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// The value of a name; an unknown name is a fault.
pub(crate) fn lookup<T: Copy>(
    key: &str,
    (name, location): (&str, Location),
    known: &[(&str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let found = known.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let (name, names) = (redact(name), names.join(", "));
        let message = format!("`{key}`: {name} is not supported; supported are {names}");
        diagnostics.push(location, message);
    }
    found.map(|(_, value)| *value)
}

/// The values of all known names in a list; unknown ones are faults.
fn lookup_all<T: Copy>(
    key: &str,
    names: &Names,
    known: &[(&str, T)],
    diagnostics: &mut Diagnostics,
) -> Vec<T> {
    let located = |name: &Spanned<String>| {
        lookup(
            key,
            (&name.value, name.referenced.into()),
            known,
            diagnostics,
        )
    };
    names.iter().filter_map(located).collect()
}

/// The versions from `min_version` to `max_version`.
pub(crate) fn tls_versions(
    settings: &TlsSettings,
    location: Location,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let mut version = |key, setting: &Setting, default| match setting.text() {
        Some(name) => lookup(key, name, &VERSIONS, diagnostics),
        None => Some(default),
    };
    let min = version("min_version", &settings.min_version, &TLS12);
    let max = version("max_version", &settings.max_version, &TLS13);
    match (min?, max?) {
        (min, max) if min == max => Some(vec![min]),
        (min, max) if min == &TLS12 => Some(vec![min, max]),
        _ => {
            diagnostics.push(location, "`min_version` is above `max_version`");
            None
        }
    }
}

/// The key exchange groups of `curve_preferences`; none if any will do.
pub(crate) fn kx_groups(
    setting: &Setting<Names>,
    diagnostics: &mut Diagnostics,
) -> Vec<&'static dyn SupportedKxGroup> {
    match setting.get() {
        Some((names, _)) => lookup_all("curve_preferences", names, &KX_GROUPS, diagnostics),
        None => Vec::new(),
    }
}

/// The suites that `cipher_suites` leaves of `all`, in the order of the list. Those of TLS 1.3
/// always stay, as in Go.
pub(crate) fn cipher_suites(
    setting: &Setting<Names>,
    all: Vec<SupportedCipherSuite>,
    tls_versions: Option<&[&SupportedProtocolVersion]>,
    http2: bool,
    diagnostics: &mut Diagnostics,
) -> Vec<SupportedCipherSuite> {
    let Some((names, location)) = setting.get().filter(|(names, _)| !names.is_empty()) else {
        return all;
    };
    let by_name: Vec<(String, SupportedCipherSuite)> = all
        .iter()
        // The library marks what Go does not.
        .map(|suite| {
            (
                format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"),
                *suite,
            )
        })
        .collect();
    let known: Vec<_> = by_name
        .iter()
        .map(|(name, suite)| (name.as_str(), *suite))
        .collect();
    let chosen = lookup_all("cipher_suites", names, &known, diagnostics);
    if chosen.len() < names.len() {
        return all;
    }
    let is_tls13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
    if tls_versions.is_some_and(|tls_versions| !tls_versions.contains(&&TLS12)) {
        let message = "`cipher_suites` are for TLS 1.2, which `min_version` rules out; those of \
                       TLS 1.3 can't be chosen: leave the list out";
        diagnostics.push(location, message);
    } else if chosen.iter().all(is_tls13) {
        let message = "`cipher_suites` lists none of TLS 1.2: write `min_version: TLS13` if that \
                       is what you want";
        diagnostics.push(location, message);
    } else if http2
        && !chosen
            .iter()
            .any(|suite| HTTP2_SUITES.contains(&suite.suite()))
    {
        let message = format!(
            "`cipher_suites` lists neither of the two that HTTP/2 needs, {:?} and {:?}: add one, \
             or write `http2: false` under `http_server_config`",
            HTTP2_SUITES[0], HTTP2_SUITES[1]
        );
        diagnostics.push(location, message);
    }
    let tls13 = all.into_iter().filter(is_tls13);
    tls13
        .chain(chosen.into_iter().filter(|suite| !is_tls13(suite)))
        .collect()
}
