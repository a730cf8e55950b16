//! Loading and reloading the web configuration.

use std::path::Path;

use tracing::warn;

use super::watched_source::WatchedSource;
use web_config::{Diagnostics, SwapResult, WebConfig, WebConfigFile, WebConfigHandle};

/// Keeps the web configuration in force in step with its file.
pub(super) struct WebConfigReloader {
    /// `None` without `--web.config.file`.
    file: Option<WebConfigFile>,
    handle: WebConfigHandle,
    pub(super) files: WatchedSource,
}

// === impl WebConfigReloader ===

impl WebConfigReloader {
    /// Loads the file, if one is named.
    ///
    /// # Errors
    /// All faults of the file.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Diagnostics> {
        let file = path.map(WebConfigFile::new);
        let mut files = WatchedSource::new("web configuration");
        let web_config = match &file {
            Some(file) => {
                let loaded = file.load();
                files.watcher.watch(loaded.watched);
                loaded.config?
            }
            None => WebConfig::empty(),
        };
        if let Some(file) = path
            && !web_config.has_tls()
            && !web_config.requires_auth()
        {
            // The program that should have written it may have failed.
            warn!(file = %file.display(), "the web configuration neither encrypts nor requires a password");
        }
        let handle = WebConfigHandle::new(web_config);
        Ok(Self {
            file,
            handle,
            files,
        })
    }

    /// The configuration in force.
    pub(super) fn handle(&self) -> &WebConfigHandle {
        &self.handle
    }

    /// Whether the configuration in force is what its file contains.
    pub(super) fn in_sync(&self) -> bool {
        !self.files.has_failed()
    }

    /// Loads the file again. A faulty file leaves the configuration in force.
    ///
    /// # Errors
    /// The faults of the file.
    pub(super) async fn reload(&mut self, requested: bool) -> Result<SwapResult, String> {
        let result = self.try_reload().await;
        self.files.record(&result, requested);
        result
    }

    async fn try_reload(&mut self) -> Result<SwapResult, String> {
        let Some(file) = self.file.clone() else {
            return Ok(SwapResult::Unchanged);
        };
        let loaded = self.files.read(move || file.load()).await?;
        // Those of a faulty file too: that is where it will be fixed.
        self.files.watcher.watch(loaded.watched);
        let swapped = loaded.config.and_then(|config| self.handle.swap(config));
        swapped.map_err(|faults| faults.to_string())
    }
}
