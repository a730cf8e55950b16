//! The TLS configuration.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;

use crate::client_cert::{ClientAuth, ClientAuthPolicy};
use crate::diagnostic::{Diagnostics, Invalid, Location};
use crate::redact::looks_like_pem;
use crate::settings::{Names, Setting, TlsSettings};
use crate::tls_parameters::{cipher_suites, kx_groups, lookup, tls_versions};
use crate::watched_files::WatchedFiles;

/// How connections are encrypted.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) client_auth: ClientAuth,
}

/// Something in PEM, from the web configuration or from a file of its own.
struct Pem {
    location: Location,
    /// Its name in messages.
    name: String,
    content: Vec<u8>,
}

/// Reads `tls_server_config` and its files.
struct TlsReader<'a> {
    settings: &'a TlsSettings,
    /// Where `tls_server_config` is.
    location: Location,
    files: &'a mut WatchedFiles,
    diagnostics: &'a mut Diagnostics,
}

/// The TLS configuration; `None` without TLS.
///
/// # Errors
/// After a fault, so that it is never mistaken for "no TLS".
pub(crate) fn from_settings(
    setting: &Setting<TlsSettings>,
    http2: bool,
    files: &mut WatchedFiles,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Tls>, Invalid> {
    match setting.get() {
        Some((settings, location)) if *settings != TlsSettings::default() => {
            let mut reader = TlsReader {
                settings,
                location,
                files,
                diagnostics,
            };
            reader.tls(http2).map(Some)
        }
        _ => Ok(None),
    }
}

// === impl TlsReader ===

impl TlsReader<'_> {
    fn tls(&mut self, http2: bool) -> Result<Tls, Invalid> {
        let settings = self.settings;
        // All of it before the first `?`, so that all faults are found.
        let certificate = self.required_pem("cert", &settings.cert, &settings.cert_file);
        let key = self.required_pem("key", &settings.key, &settings.key_file);
        let client_auth = self.client_auth();
        let versions = tls_versions(settings, self.location, self.diagnostics);
        let mut provider = ring::default_provider();
        provider.cipher_suites = cipher_suites(
            &settings.cipher_suites,
            provider.cipher_suites,
            versions.as_deref(),
            http2,
            self.diagnostics,
        );
        let groups = kx_groups(&settings.curve_preferences, self.diagnostics);
        if !groups.is_empty() {
            provider.kx_groups = groups;
        }
        let prefer_server_order = settings.prefer_server_cipher_suites.bool(
            "prefer_server_cipher_suites",
            true,
            self.diagnostics,
        );

        let provider = Arc::new(provider);
        let versions = versions.ok_or(Invalid)?;
        let (client_auth, ca_location) = client_auth?;
        let verifier = client_auth.clone().verifier(&provider).map_err(|error| {
            self.diagnostics
                .push(ca_location, format!("the client CA's {error}"))
        })?;
        let (certificate, key) = (certificate?, key?);
        let chain = self.certificates(&certificate)?;
        // The library's error may quote the key.
        let private = PrivateKeyDer::from_pem_slice(&key.content).map_err(|_| {
            let message = format!(
                "{} holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)",
                key.name
            );
            self.diagnostics.push(key.location, message)
        })?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| {
                self.diagnostics.push(
                    self.location,
                    format!("the TLS library refuses this: {error}"),
                )
            })?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(|error| {
            let (key_name, certificate) = (&key.name, &certificate.name);
            let message = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("{key_name} is not the key of {certificate}")
                }
                error => format!("{certificate} and {key_name} can't be used: {error}"),
            };
            self.diagnostics.push(key.location, message)
        })?;
        config.ignore_client_order = prefer_server_order;
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        if client_auth.policy.requests {
            // A resumed session does not show the certificate again, which may have expired.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Tls {
            config: Arc::new(config),
            client_auth,
        })
    }

    /// What is required of clients, and where a fault of their CA is reported.
    fn client_auth(&mut self) -> Result<(ClientAuth, Location), Invalid> {
        let settings = self.settings;
        let policy = match settings.client_auth_type.text() {
            Some(name) => {
                let known = &ClientAuthPolicy::NAMES;
                lookup("client_auth_type", name, known, self.diagnostics).ok_or(Invalid)
            }
            None => Ok(ClientAuthPolicy::default()),
        };
        let ca = self.pem("client_ca", &settings.client_ca, &settings.client_ca_file);
        let allowed_sans = self.allowed_sans(&settings.client_allowed_sans);
        let (policy, ca, allowed_sans) = (policy?, ca?, allowed_sans?);
        if ca.is_some() && !policy.requests {
            let message = "a client CA is given, and no `client_auth_type` that requests clients' \
                           certificates: write `RequireAndVerifyClientCert`";
            return Err(self.diagnostics.push(self.location, message));
        }
        if ca.is_none() && policy.verifies {
            let message = "this `client_auth_type` needs `client_ca_file` or `client_ca`: without \
                           one, certificates of every public CA would be accepted";
            return Err(self.diagnostics.push(self.location, message));
        }
        if let Some(location) = settings.client_allowed_sans.location()
            && allowed_sans.is_some()
            && !policy.requires
        {
            let message = "`client_allowed_sans` needs a `client_auth_type` that requires a \
                           certificate: RequireAndVerifyClientCert or RequireAnyClientCert";
            return Err(self.diagnostics.push(location, message));
        }
        let (location, authorities) = match &ca {
            Some(ca) => (ca.location, self.certificates(ca)?),
            None => (self.location, Vec::new()),
        };
        let client_auth = ClientAuth {
            policy,
            authorities,
            allowed_sans,
        };
        Ok((client_auth, location))
    }

    /// The names of which a client's certificate needs one; `None` if it needs none.
    fn allowed_sans(&mut self, setting: &Setting<Names>) -> Result<Option<Vec<String>>, Invalid> {
        match setting.get() {
            None => Ok(None),
            Some((names, location)) if names.is_empty() => {
                let message = "`client_allowed_sans` lists no name: all clients would be refused";
                Err(self.diagnostics.push(location, message))
            }
            Some((names, _)) => Ok(Some(names.iter().map(|name| name.value.clone()).collect())),
        }
    }

    fn required_pem(
        &mut self,
        key: &str,
        inline: &Setting,
        file: &Setting,
    ) -> Result<Pem, Invalid> {
        self.pem(key, inline, file)?.ok_or_else(|| {
            let message = format!("`tls_server_config` has neither `{key}_file` nor `{key}`");
            self.diagnostics.push(self.location, message)
        })
    }

    /// The PEM under `key`, or in the file under `{key}_file`.
    fn pem(&mut self, key: &str, inline: &Setting, file: &Setting) -> Result<Option<Pem>, Invalid> {
        match (inline.text(), file.text()) {
            (None, None) => Ok(None),
            (Some((_, location)), Some(_)) => {
                let message = format!("`{key}` and `{key}_file` are both given: leave one out");
                Err(self.diagnostics.push(location, message))
            }
            (Some((text, location)), None) => Ok(Some(Pem {
                location,
                name: format!("`{key}`"),
                content: text.as_bytes().to_owned(),
            })),
            (None, Some((path, location))) => {
                if path.contains(['\n', '\r']) || looks_like_pem(path) {
                    // Messages show paths, and must not show a key.
                    let message =
                        format!("`{key}_file`: this is PEM itself: it belongs under `{key}`");
                    return Err(self.diagnostics.push(location, message));
                }
                match self.files.read(path) {
                    Ok(content) => Ok(Some(Pem {
                        location,
                        name: format!("`{key}_file` {path}"),
                        content,
                    })),
                    Err(error) => Err(self
                        .diagnostics
                        .push(location, format!("`{key}_file`: {error}"))),
                }
            }
        }
    }

    fn certificates(&mut self, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Invalid> {
        let fault =
            match CertificateDer::pem_slice_iter(&pem.content).collect::<Result<Vec<_>, _>>() {
                Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
                Ok(_) => "holds no certificate in PEM",
                // The library's error may quote a key.
                Err(_) => "holds broken PEM",
            };
        Err(self
            .diagnostics
            .push(pem.location, format!("{} {fault}", pem.name)))
    }
}
