//! Displayable names of streams.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::credentials::AppSecret;

/// A stream's displayable name.
///
/// A `streamUrl` may be a whole push address, whose stream name and query string suffice to
/// push to the channel. Therefore only a short bare name is kept; anything else becomes the
/// application and a keyed hash of the stream name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Names the streams of one account. It caches the last name, since most samples of a
/// response belong to the same stream.
#[derive(Debug)]
pub struct StreamNameHasher<'a> {
    secret: &'a AppSecret,
    last: Option<(String, StreamName)>,
}

/// Longer bare names are hashed.
const MAX_BARE_CHARS: usize = 20;
/// The stream of a sample without a `streamUrl`.
const UNNAMED: &str = "unnamed";
/// The characters of addresses.
const ADDRESS_CHARS: [char; 8] = ['/', '\\', ':', '?', '@', '&', '=', '#'];

impl StreamName {
    /// A name that is displayable already.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> StreamNameHasher<'a> {
    /// A hasher whose hashes are keyed with `secret`, which prevents guessing names.
    #[must_use]
    pub fn new(secret: &'a AppSecret) -> Self {
        Self { secret, last: None }
    }

    /// The name of the stream that Polyv calls `stream_url`.
    pub fn name(&mut self, stream_url: Option<&str>) -> StreamName {
        let stream_url = stream_url.map_or("", str::trim);
        if let Some((last, name)) = &self.last
            && last == stream_url
        {
            return name.clone();
        }
        let name = StreamName::new(&self.display_name(stream_url));
        self.last = Some((stream_url.to_owned(), name.clone()));
        name
    }

    fn display_name(&self, stream_url: &str) -> String {
        if stream_url.is_empty() {
            return UNNAMED.to_owned();
        }
        if is_bare(stream_url) {
            return stream_url.to_owned();
        }
        let path = path_of(stream_url);
        if path.is_empty() {
            return self.hash(stream_url);
        }
        let (before, stream) = path.rsplit_once('/').unwrap_or(("", path));
        let application = before.rsplit('/').next().unwrap_or("");
        let hash = self.hash(stream);
        if is_bare(application) {
            format!("{application}/{hash}")
        } else {
            hash
        }
    }

    /// The first 8 hex digits of HMAC-SHA256(secret, stream name).
    fn hash(&self, stream: &str) -> String {
        // HMAC takes keys of any length, so there is no error to handle.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()) else {
            return UNNAMED.to_owned();
        };
        mac.update(stream.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let [a, b, c, d, ..] = digest;
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}

fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= MAX_BARE_CHARS && !name.contains(ADDRESS_CHARS)
}

/// An address's path, without query string and fragment.
fn path_of(address: &str) -> &str {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address = address.get(..end).unwrap_or(address);
    let path = match address.split_once("://") {
        Some((_scheme, rest)) => rest.split_once('/').map_or("", |(_host, path)| path),
        None => address,
    };
    path.trim_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(stream_url: &str) -> String {
        let secret = AppSecret::new("secret").unwrap();
        StreamNameHasher::new(&secret)
            .name(Some(stream_url))
            .to_string()
    }

    /// `printf %s NAME | openssl dgst -sha256 -hmac secret`, the first 8 digits.
    const OF_ABC: &str = "9946dad4";

    #[test]
    fn short_bare_name_is_kept() {
        assert_eq!(name("recordf"), "recordf");
        assert_eq!(name("直播"), "直播");
        assert_eq!(name("a\"b\\"), name("a\"b\\"));
        assert_eq!(name("12345678901234567890"), "12345678901234567890");
    }

    #[test]
    fn address_becomes_application_and_hash() {
        let expected = format!("recordf/{OF_ABC}");
        for address in [
            "rtmp://push-d1.videocc.net/recordf/abc",
            "rtmp://push-d1.videocc.net/recordf/abc?txSecret=1&txTime=2",
            "rtmp://user:password@push-d1.videocc.net:1935/recordf/abc",
            "RTMP://other/recordf/abc#x",
            "/recordf/abc/",
            "recordf/abc",
        ] {
            assert_eq!(name(address), expected, "{address}");
        }
        assert_eq!(name("rtmp://push-d1.videocc.net/abc"), OF_ABC);
    }

    #[test]
    fn unusual_names_reveal_nothing() {
        for odd in [
            "a-bare-name-that-is-too-long-to-be-harmless",
            "abc?txSecret=123",
            "user:password@host",
            "rtmp://user:pass?wire_value@host/recordf/abc",
            "rtmp://",
            "srt://host:1?streamid=x",
            "rtmp://host/an-application-as-long-as-a-secret/abc",
        ] {
            let display_name = name(odd);
            assert!(
                display_name.len() <= MAX_BARE_CHARS + 9,
                "{odd}: {display_name}"
            );
            for part in [
                "harmless",
                "123",
                "pass",
                "wire_value",
                "streamid",
                "long",
                "user",
            ] {
                assert!(!display_name.contains(part), "{odd}: {display_name}");
            }
        }
    }

    #[test]
    fn missing_name_is_unnamed() {
        let secret = AppSecret::new("secret").unwrap();
        let mut hasher = StreamNameHasher::new(&secret);
        assert_eq!(hasher.name(None).as_str(), "unnamed");
        assert_eq!(hasher.name(Some(" ")).as_str(), "unnamed");
        assert_eq!(hasher.name(Some("recordf")).as_str(), "recordf");
        assert_eq!(hasher.name(Some("recordf")).as_str(), "recordf");
    }
}
