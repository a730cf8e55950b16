//! What is required of clients' certificates.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{self, ClientCertVerified};
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

/// The purposes of a certificate that a client may show: `clientAuth` and `anyExtendedKeyUsage`.
const CLIENT_PURPOSES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
];

/// A policy on clients' certificates. By default none is requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClientAuthPolicy {
    /// Clients are requested to show a certificate.
    pub(crate) requests: bool,
    /// Clients without a certificate are refused.
    pub(crate) requires: bool,
    /// The issuers of certificates are verified.
    pub(crate) verifies: bool,
}

/// What is required of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientAuth {
    pub(crate) policy: ClientAuthPolicy,
    /// The accepted issuers of certificates.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// A certificate needs one of these names; `None` if it needs none.
    pub(crate) allowed_sans: Option<Vec<String>>,
}

/// Verifies clients' certificates.
#[derive(Debug)]
struct ClientCertVerifier {
    client_auth: ClientAuth,
    /// Verifies issuers, if the policy does; else only sends clients the known authorities, as
    /// Go does.
    chain: Option<Arc<dyn danger::ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

// === impl ClientAuthPolicy ===

impl ClientAuthPolicy {
    /// Go's policies by name. `RequireClientCert` is an old name of the toolkit.
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("NoClientCert", Self::new(false, false, false)),
        ("RequestClientCert", Self::new(true, false, false)),
        ("RequireAnyClientCert", Self::new(true, true, false)),
        ("VerifyClientCertIfGiven", Self::new(true, false, true)),
        ("RequireAndVerifyClientCert", Self::new(true, true, true)),
        ("RequireClientCert", Self::new(true, true, false)),
    ];

    const fn new(requests: bool, requires: bool, verifies: bool) -> Self {
        Self {
            requests,
            requires,
            verifies,
        }
    }
}

// === impl ClientAuth ===

impl ClientAuth {
    /// The verifier for all this; `None` if no certificate is requested.
    ///
    /// # Errors
    /// An authority's certificate is invalid.
    pub(crate) fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn danger::ClientCertVerifier>>, String> {
        if !self.policy.requests {
            return Ok(None);
        }
        let chain = if self.authorities.is_empty() {
            None
        } else {
            Some(self.chain(provider)?)
        };
        Ok(Some(Arc::new(ClientCertVerifier {
            client_auth: self,
            chain,
            algorithms: provider.signature_verification_algorithms,
        })))
    }

    fn chain(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn danger::ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for (number, authority) in (1..).zip(&self.authorities) {
            roots
                .add(authority.clone())
                .map_err(|error| format!("certificate {number} is invalid: {error}"))?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error: VerifierBuilderError| error.to_string())
    }
}

// === impl ClientCertVerifier ===

impl ClientCertVerifier {
    /// Whether the certificate has one of the allowed names.
    fn has_allowed_name(&self, certificate: &CertificateDer<'_>) -> bool {
        let Some(allowed) = &self.client_auth.allowed_sans else {
            return true;
        };
        names(certificate).is_some_and(|names| names.iter().any(|name| allowed.contains(name)))
    }
}

impl danger::ClientCertVerifier for ClientCertVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.client_auth.policy.requires
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain
            .as_ref()
            .map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !self.client_auth.policy.verifies {
            ParsedCertificate::try_from(end_entity)?;
        } else if self.client_auth.authorities.contains(end_entity) {
            // A listed certificate needs no issuer. webpki would take a self-signed one for an
            // authority's, never a client's.
            check_listed(end_entity, now)?;
        } else {
            // Without an authority no certificate is valid.
            let chain = self.chain.as_ref().ok_or(CertificateError::UnknownIssuer)?;
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        if self.has_allowed_name(end_entity) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    // That the client has the certificate's key is always verified.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies that a listed certificate is valid now, and meant for clients.
fn check_listed(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let read = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let read = read.tbs_certificate();
    let validity = read.validity();
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet);
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired);
    }
    let usage = read
        .get_extension::<ExtendedKeyUsage>()
        .map_err(|_| CertificateError::BadEncoding)?;
    // Without the extension, a certificate is meant for everything.
    let is_for_clients = usage.is_none_or(|(_critical, usage)| {
        usage
            .0
            .iter()
            .any(|purpose| CLIENT_PURPOSES.contains(purpose))
    });
    if is_for_clients {
        Ok(())
    } else {
        Err(CertificateError::InvalidPurpose)
    }
}

/// The alternative names of a certificate: DNS names, e-mail and IP addresses, URIs. `None` if
/// it can't be parsed.
fn names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>()
        .ok()?;
    let (_critical, names) = names?;
    let text = |name: &GeneralName| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()),
        _ => None,
    };
    Some(names.0.iter().filter_map(text).collect())
}

fn address(octets: &[u8]) -> Option<String> {
    let address = if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        IpAddr::from(octets)
    } else {
        IpAddr::from(<[u8; 16]>::try_from(octets).ok()?)
    };
    Some(address.to_canonical().to_string())
}
