//! What is asked of clients' certificates.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
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
const FOR_CLIENTS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
];

/// What is asked of clients, by Go's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Policy {
    /// Nothing.
    #[default]
    NoClientCert,
    /// A certificate, which may be missing and is not verified.
    RequestClientCert,
    /// Any certificate; it is not verified who issued it.
    RequireAnyClientCert,
    /// A certificate, which may be missing.
    VerifyClientCertIfGiven,
    /// A certificate that is verified.
    RequireAndVerifyClientCert,
}

/// What is asked of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clients {
    pub(super) policy: Policy,
    /// Who may have issued their certificates.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// One of these has to stand in a certificate.
    pub(super) sans: Option<Vec<String>>,
}

/// Checks clients' certificates.
#[derive(Debug)]
struct Verifier {
    clients: Clients,
    /// Checks who issued them, where that is asked for; else only tells clients which
    /// authorities we know, as Go does.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

// === impl Policy ===

impl Policy {
    /// All of them with their names. `RequireClientCert` is an old name of the toolkit.
    pub(super) const KNOWN: [(&'static str, Self); 6] = [
        ("NoClientCert", Self::NoClientCert),
        ("RequestClientCert", Self::RequestClientCert),
        ("RequireAnyClientCert", Self::RequireAnyClientCert),
        ("VerifyClientCertIfGiven", Self::VerifyClientCertIfGiven),
        (
            "RequireAndVerifyClientCert",
            Self::RequireAndVerifyClientCert,
        ),
        ("RequireClientCert", Self::RequireAnyClientCert),
    ];

    /// Whether nobody comes in without a certificate.
    pub(super) fn requires(self) -> bool {
        matches!(
            self,
            Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert
        )
    }

    /// Whether it is checked who issued it.
    pub(super) fn verifies(self) -> bool {
        matches!(
            self,
            Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert
        )
    }

    /// Whether it keeps anybody out.
    pub(super) fn keeps_out(self) -> bool {
        self.requires() && self.verifies()
    }
}

// === impl Clients ===

impl Clients {
    /// Who checks all this; `None` where no certificate is asked for.
    ///
    /// # Errors
    /// Where an authority's certificate is none.
    pub(super) fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        if self.policy == Policy::NoClientCert {
            return Ok(None);
        }
        let chain = if self.authorities.is_empty() {
            None
        } else {
            Some(self.chain(provider)?)
        };
        Ok(Some(Arc::new(Verifier {
            clients: self,
            chain,
            algorithms: provider.signature_verification_algorithms,
        })))
    }

    fn chain(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for (number, authority) in (1..).zip(&self.authorities) {
            roots
                .add(authority.clone())
                .map_err(|error| format!("certificate {number} is none: {error}"))?;
        }
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error: VerifierBuilderError| error.to_string())
    }
}

// === impl Verifier ===

impl Verifier {
    /// Whether one of the names that are let in stands in the certificate.
    fn has_allowed_name(&self, certificate: &CertificateDer<'_>) -> bool {
        let Some(allowed) = &self.clients.sans else {
            return true;
        };
        names(certificate).is_some_and(|names| names.iter().any(|name| allowed.contains(name)))
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.clients.policy.requires()
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
        match &self.chain {
            // Nobody has to vouch for one that is listed itself; for webpki such a one is an
            // authority's and so never a client's, where it is self-signed as most tools do it.
            Some(_)
                if self.clients.policy.verifies()
                    && self.clients.authorities.contains(end_entity) =>
            {
                check_listed(end_entity, now)?;
            }
            Some(chain) if self.clients.policy.verifies() => {
                chain.verify_client_cert(end_entity, intermediates, now)?;
            }
            // Without an authority there is nobody whose certificates are good.
            None if self.clients.policy.verifies() => {
                return Err(CertificateError::UnknownIssuer.into());
            }
            _ => _ = ParsedCertificate::try_from(end_entity)?,
        }
        if self.has_allowed_name(end_entity) {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    // That the client has the certificate's key is checked in any case.
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

/// Whether a certificate that is listed itself is good now, and for a client.
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
    // Without the extension it is for everything.
    let is_for_clients = usage.is_none_or(|(_critical, usage)| {
        let usage = usage.0.iter();
        usage
            .into_iter()
            .any(|purpose| FOR_CLIENTS.contains(purpose))
    });
    if is_for_clients {
        Ok(())
    } else {
        Err(CertificateError::InvalidPurpose)
    }
}

/// The names in a certificate: of DNS, e-mail and IP addresses, and URIs; `None` where it
/// can't be read.
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
