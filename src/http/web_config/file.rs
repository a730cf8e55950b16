//! LoadResult the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::basic_auth::BasicAuth;
use super::headers::Headers;
use super::rate::RateLimit;
use super::watched_files::WatchedFiles;
use super::{LoadResult, WebConfig, tls};
use crate::yaml::{Fault, Faults, Node, Reader, Value};

/// Where the door is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfigFile(PathBuf);

// === impl WebConfigFile ===

impl WebConfigFile {
    /// The web configuration at `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads it, and the files that it names. An empty one means no TLS and no password.
    #[must_use]
    pub fn load(&self) -> LoadResult {
        let directory = self.0.parent().unwrap_or(Path::new(""));
        let mut files = WatchedFiles::new(directory);
        let name: Arc<str> = self.0.to_string_lossy().into();
        let door = self.evaluate(&name, &mut files);
        let (watched, fingerprint) = files.finish();
        let door = door.map(|door| WebConfig {
            fingerprint,
            ..door
        });
        LoadResult {
            config: door,
            watched,
        }
    }

    fn evaluate(&self, name: &Arc<str>, files: &mut WatchedFiles) -> Result<WebConfig, Faults> {
        let as_a_whole = |message: String| Fault {
            source: Arc::clone(name),
            place: None,
            message,
        };
        let text = files
            .read(self.0.file_name().unwrap_or_default())
            .map_err(|error| as_a_whole(format!("the web configuration {error}")))?;
        let text = String::from_utf8(text)
            .map_err(|_| as_a_whole("the web configuration is not UTF-8".to_owned()))?;
        let root = Node::parse(name, &text)?;
        let mut reader = Reader::new(Arc::clone(name));
        let door = read(&root, &mut reader, files);
        let faults = reader.into_faults();
        match door {
            Some(door) => faults.or(door),
            None => Err(faults),
        }
    }
}

fn read(root: &Node, reader: &mut Reader, files: &mut WatchedFiles) -> Option<WebConfig> {
    // Whatever stands there instead may be a secret, so it is not shown.
    if let Value::Scalar { .. } = root.value
        && !root.is_null()
    {
        reader.fault(root.place, "a web configuration must be a mapping");
        return None;
    }
    let mut map = reader.mapping(root, "a web configuration")?;
    let (mut http2, mut headers) = (true, Headers::default());
    if let Some(node) = map.get("http_server_config")
        && let Some(mut map) = reader.mapping(node, "`http_server_config`")
    {
        if let Some(node) = map.get("http2").filter(|node| !node.is_null()) {
            http2 = reader.truth(node, "`http2`").unwrap_or(http2);
        }
        if let Some(node) = map.get("headers") {
            headers = Headers::read(node, reader);
        }
        map.finish(reader);
    }
    let tls = match map.get("tls_server_config") {
        Some(node) => tls::read(node, http2, reader, files),
        None => Ok(None),
    };
    let passwords = match map.get("basic_auth_users") {
        Some(node) => BasicAuth::read(node, reader),
        None => Ok(None),
    };
    let rate = map
        .get("rate_limit")
        .and_then(|node| RateLimit::read(node, reader));
    map.finish(reader);
    // What could not be read protects nothing, so there is no door then, whatever is on record.
    let (Ok(tls), Ok(passwords)) = (tls, passwords) else {
        return None;
    };
    Some(WebConfig {
        name: Arc::clone(reader.source()),
        tls,
        headers,
        passwords: passwords.map(Arc::new),
        rate: rate.map(Arc::new),
        fingerprint: [0; 32],
        superseded: CancellationToken::new(),
    })
}

/// There was a fault, which is on record.
pub(super) struct Invalid;

/// What was written, where anything was: in this format, nothing and an empty text are alike.
pub(super) fn given(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| match &node.value {
        Value::Scalar { text, .. } => !node.is_null() && !text.is_empty(),
        _ => true,
    })
}
