//! Certificates made for one test.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

/// An authority that issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// The same, with something else about its certificate.
    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate and the key.
    pub fn pair(&self) -> Pair {
        Pair {
            certificate: self.0.pem(),
            key: self.0.key().serialize_pem(),
        }
    }

    /// A server's certificate, for the loopback address and its name.
    pub fn server(&self) -> Pair {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        self.issue(
            CertificateParams::new(names).unwrap(),
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A client's certificate.
    pub fn client(&self, names: impl Into<Vec<SanType>>) -> Pair {
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = names.into();
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Pair {
        params.extended_key_usages.push(purpose);
        let key = KeyPair::generate().unwrap();
        Pair {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    /// Writes `name.crt` and `name.key`.
    pub fn write(&self, directory: &Path, name: &str) {
        let path = directory.join(name);
        std::fs::write(path.with_extension("crt"), &self.certificate).unwrap();
        std::fs::write(path.with_extension("key"), &self.key).unwrap();
    }

    /// For a client to show.
    pub fn identity(&self) -> reqwest::Identity {
        let pem = format!("{}{}", self.certificate, self.key);
        reqwest::Identity::from_pem(pem.as_bytes()).unwrap()
    }
}
