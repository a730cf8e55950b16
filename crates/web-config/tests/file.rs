//! What a web configuration may hold, and how everything else is refused.

#![allow(clippy::unwrap_used)] // clippy's exception covers test functions, and not their helpers

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use web_config::{Diagnostics, WebConfig, WebConfigFile};

/// alice's password is `a`, bob's is `U*U`: published test vectors of bcrypt.
const ALICE: &str = "alice: $2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
const BOB: &str = "bob: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

fn files() -> tempfile::TempDir {
    let files = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let write = |name: &str, text: String| std::fs::write(files.path().join(name), text).unwrap();
    for name in ["server", "another"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        write(&format!("{name}.crt"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    write("ca.crt", authority.pem());
    std::fs::write(files.path().join("empty"), "").unwrap();
    std::fs::write(files.path().join("rubbish"), "no PEM\n").unwrap();
    files
}

fn read(directory: &Path, text: &str) -> Result<WebConfig, Diagnostics> {
    let path = directory.join("web.yml");
    std::fs::write(&path, text).unwrap();
    WebConfigFile::new(&path).load().config
}

/// The key pair and whatever else.
fn tls(rest: &str) -> String {
    format!("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{rest}")
}

#[test]
fn supported_settings_are_accepted() {
    let files = files();
    let read =
        |text: &str| read(files.path(), text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
    for nothing in [
        "",
        "# nothing\n",
        "tls_server_config:\n",
        "tls_server_config: {}\n",
        "http_server_config: {http2: false}\n",
        "basic_auth_users: {}\n",
        "rate_limit: {interval: 0, burst: 20}\n",
        "rate_limit: {interval: \"1s\", burst: 1}\n",
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: 1\n",
    ] {
        let config = read(nothing);
        assert!(!config.has_tls() && !config.requires_auth(), "{nothing}");
    }
    let config = read(&format!("basic_auth_users:\n  {ALICE}\n  {BOB}\n"));
    assert!(!config.has_tls() && config.requires_auth());
    for rest in [
        "",
        "  client_auth_type: NoClientCert\n",
        "  client_auth_type: RequestClientCert\n",
        "  client_auth_type: RequireAnyClientCert\n",
        "  client_auth_type: RequireClientCert\n  client_allowed_sans: [a.example]\n",
        "  client_auth_type: \"VerifyClientCertIfGiven\"\n  client_ca_file: ca.crt\n",
        "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a, 127.0.0.1]\n",
        "  min_version: TLS12\n  max_version: TLS13\n",
        "  min_version: TLS13\n",
        "  max_version: TLS12\n",
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n",
        "  cipher_suites: []\n  curve_preferences: []\n  client_auth_type: ''\n  client_ca_file: ''\n",
        "  curve_preferences: [X25519, CurveP384, CurveP256]\n",
    ] {
        let config = read(&tls(rest));
        assert!(config.has_tls() && !config.requires_auth(), "{rest}");
        let verified = rest.contains("RequireAndVerify");
        assert_eq!(config.verifies_clients(), verified, "{rest}");
    }
    // HTTP/2 needs a suite that is not among these.
    read(&format!(
        "http_server_config: {{http2: false}}\n{}",
        tls("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n")
    ));
    // The key pair and the CA in the file itself.
    let inline = |name: &str| {
        let text = std::fs::read_to_string(files.path().join(name)).unwrap();
        text.replace('\n', "\n    ")
    };
    let config = read(&format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n  client_ca: |\n    {}\n  client_auth_type: RequireAndVerifyClientCert\n",
        inline("server.crt"),
        inline("server.key"),
        inline("ca.crt"),
    ));
    assert!(config.verifies_clients());
    // Files elsewhere, by their full paths.
    let full = files.path().join("server");
    let full = full.display();
    read(&format!(
        "tls_server_config: {{cert_file: {full}.crt, key_file: {full}.key}}\n"
    ));
}

#[test]
#[allow(clippy::too_many_lines)] // one table of faults
fn faults_name_key_and_location() {
    let files = files();
    for (text, expected) in [
        // Keys.
        ("tls_config: {}\n", "1:1: unknown key `tls_config`"),
        (
            "basic_auth_user: {}\n",
            "1:1: unknown key `basic_auth_user`; did you mean `basic_auth_users`?",
        ),
        ("- a\n", "1:1: expected"),
        ("secret\n", "1:1: expected"),
        (
            "http_server_config: {http_2: true}\n",
            "1:22: unknown key `http_2`; did you mean `http2`?",
        ),
        (
            "http_server_config: {http2: 5}\n",
            "1:29: `http2` must be `true` or `false`",
        ),
        ("rate_limit: {rate: 5}\n", "1:14: unknown key `rate`"),
        (
            &tls("  cert_fil: x\n"),
            "4:3: unknown key `cert_fil`; did you mean `cert_file`?",
        ),
        // Certificates and keys.
        (
            "tls_server_config: {min_version: TLS12}\n",
            "neither `cert_file` nor `cert`",
        ),
        (
            "tls_server_config: {cert_file: '', key_file: server.key}\n",
            "neither `cert_file`",
        ),
        (
            "tls_server_config: {cert_file: server.crt}\n",
            "neither `key_file` nor `key`",
        ),
        (
            "tls_server_config: {cert_file: nowhere, key_file: server.key}\n",
            "1:32: `cert_file`:",
        ),
        (
            "tls_server_config: {cert_file: empty, key_file: server.key}\n",
            "no certificate",
        ),
        (
            "tls_server_config: {cert_file: rubbish, key_file: server.key}\n",
            "no certificate",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: ca.crt}\n",
            "no private key",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: another.key}\n",
            "1:54: `key_file` another.key is not the key of `cert_file` server.crt",
        ),
        (
            "tls_server_config: {cert_file: server.crt, cert: x, key_file: server.key}\n",
            "`cert` and `cert_file` are both given",
        ),
        (
            "tls_server_config: {cert: x, key: secret}\n",
            "`cert` holds no certificate in PEM",
        ),
        // Versions.
        (
            &tls("  min_version: TLS10\n"),
            "4:16: `min_version`: `TLS10` is not supported",
        ),
        (
            &tls("  max_version: TLS11\n"),
            "`max_version`: `TLS11` is not supported",
        ),
        (
            &tls("  min_version: TLS14\n"),
            "`TLS14` is not supported; supported are TLS12, TLS13",
        ),
        (
            &tls("  min_version: TLS13\n  max_version: TLS12\n"),
            "`min_version` is above `max_version`",
        ),
        // Suites and curves.
        (
            &tls("  cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n"),
            "5:5: `cipher_suites`: `TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is not supported",
        ),
        (
            &tls("  cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]\n"),
            "is not supported",
        ),
        (
            &tls("  cipher_suites: [invented]\n"),
            "`invented` is not supported",
        ),
        (
            &tls("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n"),
            "neither of the two that HTTP/2 needs",
        ),
        (
            &tls("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"),
            "lists none of TLS 1.2",
        ),
        (
            &tls(
                "  min_version: TLS13\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n",
            ),
            "5:18: `cipher_suites` are for TLS 1.2",
        ),
        (
            &tls("  curve_preferences: [CurveP521]\n"),
            "4:23: `curve_preferences`: `CurveP521` is not supported",
        ),
        (
            &tls("  curve_preferences: [invented]\n"),
            "`invented` is not supported",
        ),
        // Clients' certificates.
        (
            &tls("  client_auth_type: Any\n"),
            "4:21: `client_auth_type`: `Any` is not supported",
        ),
        (&tls("  client_ca_file: ca.crt\n"), "no `client_auth_type`"),
        (
            &tls("  client_auth_type: RequireAndVerifyClientCert\n"),
            "needs `client_ca_file` or `client_ca`",
        ),
        (
            &tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty\n"),
            "5:19: `client_ca_file` empty holds no certificate",
        ),
        (
            &tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: nowhere\n"),
            "5:19: `client_ca_file`:",
        ),
        (
            &tls("  client_allowed_sans: [a]\n"),
            "4:24: `client_allowed_sans` needs a `client_auth_type`",
        ),
        (
            &tls(
                "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n  client_allowed_sans: [a]\n",
            ),
            "`client_allowed_sans` needs a `client_auth_type`",
        ),
        (
            &tls("  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: []\n"),
            "lists no name",
        ),
        // Headers.
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n",
            "3:22: `X-Frame-Options` must be `deny` or `sameorigin`, not `maybe`",
        ),
        (
            "http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n",
            "must be `nosniff`",
        ),
        (
            "http_server_config: {headers: {X-Other: a}}\n",
            "1:32: unknown key `X-Other`",
        ),
        (
            "http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb: c\"}}\n",
            "must be a text that a header can have",
        ),
        // Users.
        (
            "basic_auth_users: {alice: secret}\n",
            "1:27: the password of `alice` is no bcrypt hash",
        ),
        (
            "basic_auth_users: {alice: }\n",
            "the password of `alice` is no bcrypt hash",
        ),
        ("basic_auth_users: [alice]\n", "1:19: expected"),
        (
            &format!("basic_auth_users:\n  {ALICE}\n  {ALICE}\n"),
            "3:3: the key `alice` is repeated",
        ),
        // Rates.
        ("rate_limit: {interval: 1s}\n", "`burst` must be at least 1"),
        (
            "rate_limit: {interval: 1s, burst: 0}\n",
            "1:35: a `rate_limit` without",
        ),
        ("rate_limit: {burst: 5}\n", "a `burst` and no `interval`"),
        (
            "rate_limit: {interval: 5, burst: 5}\n",
            "1:24: `interval` must be a duration",
        ),
        (
            "rate_limit: {interval: 1s, burst: -1}\n",
            "`burst` must be a whole number",
        ),
    ] {
        let faults = match read(files.path(), text) {
            Ok(_) => panic!("it is accepted:\n{text}"),
            Err(faults) => faults.to_string(),
        };
        assert!(faults.contains(expected), "{text}\n{faults}\n{expected}");
        assert!(faults.contains("web.yml:"), "{faults}");
        assert!(!faults.contains("secret"), "{faults}");
    }
}

#[test]
fn private_key_in_the_wrong_place_is_never_quoted() {
    let files = files();
    let key = std::fs::read_to_string(files.path().join("server.key")).unwrap();
    let secret: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    let block = |indent: &str| {
        format!(
            "|\n{indent}{}",
            key.trim().replace('\n', &format!("\n{indent}"))
        )
    };
    // As pasted by hand: a block, and lines that YAML folds into one.
    let folded = format!("\n    {}", key.trim().replace('\n', "\n    "));
    let folded_twice = format!("\n      {}", key.trim().replace('\n', "\n      "));
    let mut texts = vec![
        format!("{}\n", block("  ")),
        format!("tls_server_config: {}\n", block("  ")),
        format!("http_server_config: {}\n", block("  ")),
        format!("http_server_config:\n  http2: {}\n", block("    ")),
        format!("http_server_config:\n  headers: {}\n", block("    ")),
        format!(
            "http_server_config:\n  headers:\n    X-Frame-Options: {}\n",
            block("      ")
        ),
        format!("http_server_config:\n  headers:\n    X-Frame-Options: {folded_twice}\n"),
        format!("basic_auth_users: {}\n", block("  ")),
        format!("basic_auth_users:\n  alice: {}\n", block("    ")),
        format!("basic_auth_users:\n  ? {}\n  : x\n", block("    ")),
        format!("rate_limit: {}\n", block("  ")),
        format!("rate_limit:\n  interval: {}\n", block("    ")),
        format!("rate_limit:\n  burst: {}\n  interval: 1s\n", block("    ")),
        format!("? {}\n: x\n", block("  ")),
        format!("other: {}\n", block("  ")),
        tls(&format!("  ? {}\n  : x\n", block("    "))),
        tls(&format!(
            "{0}{0}",
            format!("  ? {}\n  : x\n", block("    "))
        )),
        // Not a key of ours, and its first line where a key of the document is expected.
        tls(&key),
        tls(&format!("  key: |\n{key}")),
    ];
    for name in [
        "min_version",
        "max_version",
        "cipher_suites",
        "curve_preferences",
        "prefer_server_cipher_suites",
        "client_auth_type",
        "client_ca",
        "client_ca_file",
        "client_allowed_sans",
    ] {
        for text in [&block("    "), &folded] {
            texts.push(tls(&format!("  {name}: {text}\n")));
        }
        texts.push(tls(&format!("  {name}:\n  - {}\n", block("    "))));
        texts.push(tls(&format!("  {name}: {}\n", secret.concat())));
    }
    for text in [&block("    "), &folded] {
        texts.push(format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: {text}\n"
        ));
        texts.push(format!(
            "tls_server_config:\n  cert_file: {text}\n  key_file: server.key\n"
        ));
        texts.push(format!(
            "tls_server_config:\n  cert: {text}\n  key_file: server.key\n"
        ));
    }
    for text in texts {
        let Err(faults) = read(files.path(), &text) else {
            // A name that no certificate has.
            assert!(
                text.contains("client_allowed_sans"),
                "it is accepted:\n{text}"
            );
            continue;
        };
        for fault in faults.iter() {
            let said = &fault.message;
            assert!(
                !said.contains('\n') && !said.contains("-----BEGIN"),
                "{text}\n{said}"
            );
            assert!(
                !secret.iter().any(|line| said.contains(line)),
                "{text}\n{said}"
            );
        }
    }
    // The message says where it belongs.
    for (name, meant) in [("key_file", "`key`"), ("cert_file", "`cert`")] {
        let text = format!("tls_server_config:\n  {name}: {}\n", block("    "));
        let faults = read(files.path(), &text).unwrap_err().to_string();
        let expected = format!("`{name}`: this is PEM itself: it belongs under {meant}");
        assert!(faults.contains(&expected), "{faults}");
    }
}

#[test]
fn faults_of_values_are_reported_at_once() {
    let files = files();
    let text = "tls_server_config:
  cert_file: nowhere
  min_version: TLS10
  client_auth_type: Any
  curve_preferences: [CurveP521]
  prefer_server_cipher_suites: perhaps
basic_auth_users: {alice: x, bob: y}
rate_limit: {burst: x}
";
    let faults = read(files.path(), text).unwrap_err();
    assert!(faults.len() >= 8, "{faults}");
    for line in 2..=8 {
        assert!(
            faults.to_string().contains(&format!("web.yml:{line}:")),
            "{line}\n{faults}"
        );
    }
}
