//! Reading a web configuration from its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::basic_auth::BasicAuth;
use crate::config::WebConfig;
use crate::diagnostic::Diagnostics;
use crate::headers::Headers;
use crate::rate_limit::RateLimit;
use crate::settings::Settings;
use crate::tls;
use crate::watched_files::WatchedFiles;

/// A file with a web configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfigFile(PathBuf);

/// The result of [`WebConfigFile::load`].
#[derive(Debug)]
pub struct LoadResult {
    /// The configuration, or all its faults.
    pub config: Result<WebConfig, Diagnostics>,
    /// The directories to watch for changes: those of the file and of all files that it names,
    /// existing or not.
    pub watched: Vec<PathBuf>,
}

// === impl WebConfigFile ===

impl WebConfigFile {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Reads and validates the file, and the certificates and keys that it names. An empty file
    /// means neither TLS nor passwords. This blocks the thread.
    #[must_use]
    pub fn load(&self) -> LoadResult {
        let mut files = WatchedFiles::new(self.0.parent().unwrap_or(Path::new("")));
        let file: Arc<str> = self.0.to_string_lossy().into();
        let mut diagnostics = Diagnostics::new(Arc::clone(&file));
        let config = self.read(file, &mut files, &mut diagnostics);
        let (watched, fingerprint) = files.finish();
        let config = config.map(|config| WebConfig {
            fingerprint,
            ..config
        });
        LoadResult {
            config: diagnostics.or(config),
            watched,
        }
    }

    /// The configuration; `None` after a fault.
    fn read(
        &self,
        file: Arc<str>,
        files: &mut WatchedFiles,
        diagnostics: &mut Diagnostics,
    ) -> Option<WebConfig> {
        let text = files
            .read(self.0.file_name().unwrap_or_default())
            .map_err(|error| diagnostics.push(None, format!("the web configuration {error}")))
            .ok()?;
        let text = String::from_utf8(text)
            .map_err(|_| diagnostics.push(None, "the web configuration is not UTF-8"))
            .ok()?;
        let settings = Settings::parse(&text, diagnostics)?;
        let http = settings.http_server_config.unwrap_or_default();
        let http2 = http.http2.bool("http2", true, diagnostics);
        let headers = Headers::from_settings(&http.headers.unwrap_or_default(), diagnostics);
        let tls = tls::from_settings(&settings.tls_server_config, http2, files, diagnostics);
        let users = settings.basic_auth_users.unwrap_or_default();
        let basic_auth = BasicAuth::from_settings(&users, diagnostics);
        let rate_limit = RateLimit::from_settings(&settings.rate_limit, diagnostics);
        Some(WebConfig {
            file,
            tls: tls.ok()?,
            headers,
            basic_auth: basic_auth.map(Arc::new),
            rate_limit: rate_limit.map(Arc::new),
            fingerprint: [0; 32],
            superseded: CancellationToken::new(),
        })
    }
}
