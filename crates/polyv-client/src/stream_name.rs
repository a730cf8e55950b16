//! What a stream may be called outside.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::AppSecret;

/// A stream's name as it may be shown: the label `stream`.
///
/// A `streamUrl` may be a whole push address, whose stream name and query string are all that
/// a stranger needs to push to the channel. So only a short bare name is shown as it is; of
/// anything else the application and a keyed hash of the stream name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Names streams for one account, and remembers the last: an answer's samples are mostly of
/// one stream.
#[derive(Debug)]
pub struct StreamNameHasher<'a> {
    secret: &'a AppSecret,
    last: Option<(String, StreamName)>,
}

/// A bare name of at most so many characters is shown as it is.
const SHORT: usize = 20;
/// What a sample without a `streamUrl` belongs to.
const UNNAMED: &str = "unnamed";
/// What makes a name an address, or part of one.
const OF_ADDRESSES: [char; 8] = ['/', '\\', ':', '?', '@', '&', '=', '#'];

// === impl StreamName ===

impl StreamName {
    /// A name that is fit to be shown already.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The label's value.
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

// === impl StreamNameHasher ===

impl<'a> StreamNameHasher<'a> {
    /// A namer whose hashes are keyed with `secret`, so that nobody can try names against
    /// them.
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
        let name = StreamName::new(&self.shown(stream_url));
        self.last = Some((stream_url.to_owned(), name.clone()));
        name
    }

    fn shown(&self, stream_url: &str) -> String {
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
    !name.is_empty() && name.chars().count() <= SHORT && !name.contains(OF_ADDRESSES)
}

/// What stands behind scheme, user and host, without query string and fragment.
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
    fn a_short_bare_name_is_shown_as_it_is() {
        assert_eq!(name("recordf"), "recordf");
        assert_eq!(name("直播"), "直播");
        assert_eq!(name("a\"b\\"), name("a\"b\\"));
        assert_eq!(name("12345678901234567890"), "12345678901234567890");
    }

    #[test]
    fn of_an_address_the_application_and_a_keyed_hash_of_the_stream_name_are_shown() {
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
    fn nothing_secret_is_left_of_odd_ones() {
        for odd in [
            "a-bare-name-that-is-too-long-to-be-harmless",
            "abc?txSecret=123",
            "user:password@host",
            "rtmp://user:pass?wire_value@host/recordf/abc",
            "rtmp://",
            "srt://host:1?streamid=x",
            "rtmp://host/an-application-as-long-as-a-secret/abc",
        ] {
            let shown = name(odd);
            assert!(shown.len() <= SHORT + 9, "{odd}: {shown}");
            for part in [
                "harmless",
                "123",
                "pass",
                "wire_value",
                "streamid",
                "long",
                "user",
            ] {
                assert!(!shown.contains(part), "{odd}: {shown}");
            }
        }
    }

    #[test]
    fn a_stream_without_a_name_has_one_all_the_same() {
        let secret = AppSecret::new("secret").unwrap();
        let mut namer = StreamNameHasher::new(&secret);
        assert_eq!(namer.name(None).as_str(), "unnamed");
        assert_eq!(namer.name(Some(" ")).as_str(), "unnamed");
        assert_eq!(namer.name(Some("recordf")).as_str(), "recordf");
        assert_eq!(namer.name(Some("recordf")).as_str(), "recordf");
    }
}
