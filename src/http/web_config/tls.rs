//! How connections are encrypted.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use super::client_cert::{Clients, Policy};
use super::file::{Invalid, given};
use super::watched_files::WatchedFiles;
use super::{cipher_suites, key_exchange, tls_versions};
use crate::yaml::{Mapping, Node, Place, Reader, looks_like_pem, shown};

/// How connections are encrypted.
pub(in crate::http) struct Tls {
    /// For the handshake.
    pub(in crate::http) config: Arc<ServerConfig>,
    /// What is asked of clients.
    pub(super) clients: Clients,
}

/// Something in PEM, which stands in the file itself or in one of its own.
struct Pem {
    place: Place,
    /// What to call it in a fault.
    what: String,
    content: Vec<u8>,
}

/// Reads `tls_server_config`; `None` where there is no TLS.
///
/// # Errors
/// Where something is wrong, which is on record: never to be taken for "no TLS".
pub(super) fn read(
    node: &Node,
    http2: bool,
    reader: &mut Reader,
    files: &mut WatchedFiles,
) -> Result<Option<Tls>, Invalid> {
    let map = reader.mapping(node, "`tls_server_config`").ok_or(Invalid)?;
    if map.entries().is_empty() {
        return Ok(None);
    }
    evaluate(map, http2, reader, files).map(Some).ok_or(Invalid)
}

fn evaluate(
    mut map: Mapping<'_>,
    http2: bool,
    reader: &mut Reader,
    files: &mut WatchedFiles,
) -> Option<Tls> {
    let place = map.place();
    let certificate = pem(["cert", "cert_file"], &mut map, reader, files);
    let key = pem(["key", "key_file"], &mut map, reader, files);
    let clients = clients(&mut map, reader, files);

    let mut version = |key, otherwise| match given(map.get(key)) {
        Some(node) => tls_versions::read(node, &format!("`{key}`"), reader),
        None => Some(otherwise),
    };
    let min = version("min_version", tls_versions::Version::Tls12);
    let max = version("max_version", tls_versions::Version::Tls13);
    let mut provider = ring::default_provider();
    if let (Some(node), Some(min)) = (map.get("cipher_suites"), min)
        && let Some(suites) = cipher_suites::read(node, min, http2, reader)
    {
        provider.cipher_suites = suites;
    }
    if let Some(node) = map.get("curve_preferences") {
        let curves = key_exchange::read(node, reader);
        if !curves.is_empty() {
            provider.kx_groups = curves;
        }
    }
    let prefer_ours = match given(map.get("prefer_server_cipher_suites")) {
        Some(node) => reader.truth(node, "`prefer_server_cipher_suites`"),
        None => Some(true),
    };
    map.finish(reader);

    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        reader.fault(place, "`min_version` is above `max_version`");
    }
    let versions = tls_versions::between(min?, max?);
    let provider = Arc::new(provider);
    let (clients, clients_place) = clients?;
    let verifier = clients
        .clone()
        .verifier(&provider)
        .map_err(|error| reader.fault(clients_place, format!("the client CA's {error}")))
        .ok()?;
    let (certificate, key) = (certificate?, key?);
    let chain = certificates(&certificate, reader)?;
    let private = private_key(&key, reader)?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| reader.fault(place, format!("this can't be TLS: {error}")))
        .ok()
        .map(|builder| match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        })?
        .with_single_cert(chain, private)
        .map_err(|error| reader.fault(key.place, why_no_pair(&certificate, &key, &error)))
        .ok()?;
    config.ignore_client_order = prefer_ours?;
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    if clients.policy != Policy::NoClientCert {
        // Whoever resumes a session does not show a certificate again, which may have expired.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Some(Tls {
        config: Arc::new(config),
        clients,
    })
}

/// Something in PEM, by the names of its two keys: inline, and as a file. Both are on record as
/// a fault where there is not exactly one.
fn pem(
    keys: [&'static str; 2],
    map: &mut Mapping<'_>,
    reader: &mut Reader,
    files: &mut WatchedFiles,
) -> Option<Pem> {
    let [inline, file] = keys;
    let place = map.place();
    match optional_pem(keys, map, reader, files) {
        Ok(Some(pem)) => Some(pem),
        Ok(None) => {
            let message = format!("`tls_server_config` has neither `{file}` nor `{inline}`");
            reader.fault(place, message);
            None
        }
        Err(Invalid) => None,
    }
}

fn optional_pem(
    [inline, file]: [&'static str; 2],
    map: &mut Mapping<'_>,
    reader: &mut Reader,
    files: &mut WatchedFiles,
) -> Result<Option<Pem>, Invalid> {
    match (given(map.get(inline)), given(map.get(file))) {
        (Some(node), Some(_)) => {
            let message = format!("`{inline}` and `{file}` are both given: leave one away");
            reader.fault(node.place, message);
            Err(Invalid)
        }
        (Some(node), None) => {
            let what = format!("`{inline}`");
            let text = reader.text(node, &what).ok_or(Invalid)?;
            let content = text.as_bytes().to_owned();
            let place = node.place;
            Ok(Some(Pem {
                place,
                what,
                content,
            }))
        }
        (None, Some(node)) => {
            let path = reader.text(node, &format!("`{file}`")).ok_or(Invalid)?;
            let place = node.place;
            if path.contains(['\n', '\r']) || looks_like_pem(path) {
                // A key, perhaps: faults show where files are, and this must not be shown.
                let message = format!("`{file}`: this is PEM itself: it belongs under `{inline}`");
                reader.fault(place, message);
                return Err(Invalid);
            }
            let what = format!("`{file}` {path}");
            match files.read(path) {
                Ok(content) => Ok(Some(Pem {
                    place,
                    what,
                    content,
                })),
                Err(error) => {
                    reader.fault(place, format!("`{file}`: {error}"));
                    Err(Invalid)
                }
            }
        }
        (None, None) => Ok(None),
    }
}

fn certificates(pem: &Pem, reader: &mut Reader) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.content).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        Ok(_) => {
            let message = format!("{} holds no certificate in PEM", pem.what);
            reader.fault(pem.place, message);
            None
        }
        Err(_) => {
            let message = format!("{} holds PEM that is broken", pem.what);
            reader.fault(pem.place, message);
            None
        }
    }
}

fn private_key(pem: &Pem, reader: &mut Reader) -> Option<PrivateKeyDer<'static>> {
    // The library's error may show what was read, so it is left out.
    PrivateKeyDer::from_pem_slice(&pem.content)
        .map_err(|_| {
            let message = format!(
                "{} holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)",
                pem.what
            );
            reader.fault(pem.place, message);
        })
        .ok()
}

fn why_no_pair(certificate: &Pem, key: &Pem, error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("{} is not the key of {}", key.what, certificate.what)
        }
        error => format!(
            "{} and {} can't be used: {error}",
            certificate.what, key.what
        ),
    }
}

/// What is asked of clients, and where the fault is if their CA is none.
fn clients(
    map: &mut Mapping<'_>,
    reader: &mut Reader,
    files: &mut WatchedFiles,
) -> Option<(Clients, Place)> {
    let place = map.place();
    let policy = match given(map.get("client_auth_type")) {
        Some(node) => {
            let name = reader.text(node, "`client_auth_type`")?;
            let known = Policy::KNOWN.iter().find(|(known, _)| *known == name);
            if known.is_none() {
                let names: Vec<_> = Policy::KNOWN.iter().map(|(name, _)| *name).collect();
                let message = format!(
                    "`client_auth_type`: {} is unknown; known here: {}",
                    shown(name),
                    names.join(", ")
                );
                reader.fault(node.place, message);
            }
            known.map(|(_, policy)| *policy)
        }
        None => Some(Policy::NoClientCert),
    };
    let authorities = optional_pem(["client_ca", "client_ca_file"], map, reader, files);
    let sans = sans(map.get("client_allowed_sans"), policy, reader);
    let (policy, Ok(pem)) = (policy?, authorities) else {
        return None;
    };
    if pem.is_some() && policy == Policy::NoClientCert {
        let message = "a client CA is given, and no `client_auth_type` that asks for clients' \
                       certificates: `RequireAndVerifyClientCert` is meant, presumably";
        reader.fault(place, message);
        return None;
    }
    if pem.is_none() && policy.verifies() {
        let message = "this `client_auth_type` needs `client_ca_file` or `client_ca`: without \
                       one, certificates of every public CA would be good";
        reader.fault(place, message);
        return None;
    }
    let (place, authorities) = match &pem {
        Some(pem) => (pem.place, certificates(pem, reader)?),
        None => (place, Vec::new()),
    };
    let clients = Clients {
        policy,
        authorities,
        sans: sans?,
    };
    Some((clients, place))
}

/// The names that are let in, where not all are.
#[allow(clippy::option_option)] // a fault; all names; these
fn sans(
    node: Option<&Node>,
    policy: Option<Policy>,
    reader: &mut Reader,
) -> Option<Option<Vec<String>>> {
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Some(None);
    };
    let items = reader.list(node, "`client_allowed_sans`");
    if items.is_empty() {
        let message = "`client_allowed_sans` lists no name: nobody would be let in";
        reader.fault(node.place, message);
        return None;
    }
    let mut names = Vec::new();
    for item in items {
        names.push(reader.text(item, "a name")?.to_owned());
    }
    if policy.is_some_and(|policy| !policy.requires()) {
        let message = "`client_allowed_sans` needs a `client_auth_type` that requires a \
                       certificate: RequireAndVerifyClientCert or RequireAnyClientCert";
        reader.fault(node.place, message);
        return None;
    }
    Some(Some(names))
}
