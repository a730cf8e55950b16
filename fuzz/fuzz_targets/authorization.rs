//! `Authorization`: nothing but the right password is authorized.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;
use web_config::{WebConfig, WebConfigFile};

/// `user:secret` in base64. bcrypt repeats a password after a zero, so that `secret\0secret` is
/// right as well.
const RIGHT: &str = "dXNlcjpzZWNyZXQ";

static CONFIG: LazyLock<WebConfig> = LazyLock::new(|| {
    let hash = bcrypt::hash_with_salt("secret", 4, [1; 16]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.yml");
    std::fs::write(&path, format!("basic_auth_users: {{user: {hash}}}\n")).unwrap();
    WebConfigFile::new(&path).load().config.unwrap()
});
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
});

fuzz_target!(|header: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(header) else {
        return;
    };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if RUNTIME.block_on(CONFIG.authorize(&headers, client)).is_ok() {
        assert!(String::from_utf8_lossy(header).contains(RIGHT));
    }
});
