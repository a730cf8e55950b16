//! Loading and reloading the web configuration.

use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

use super::blocking_reader::BlockingReader;
use web_config::{Diagnostics, SwapResult, WebConfig, WebConfigFile, WebConfigHandle};

/// Keeps the web configuration in force in step with its file.
pub(super) struct WebConfigReloader {
    /// `None` without `--web.config.file`.
    file: Option<WebConfigFile>,
    handle: WebConfigHandle,
    watched: Vec<PathBuf>,
    reading: BlockingReader,
    /// The error of the last reload.
    failure: Option<String>,
}

// === impl WebConfigReloader ===

impl WebConfigReloader {
    /// Loads the file, if one is named.
    ///
    /// # Errors
    /// All faults of the file.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Diagnostics> {
        let file = path.map(WebConfigFile::new);
        let (web_config, watched) = match &file {
            Some(file) => {
                let reading = file.load();
                (reading.config?, reading.watched)
            }
            None => (WebConfig::empty(), Vec::new()),
        };
        if let Some(file) = path
            && !web_config.has_tls()
            && !web_config.requires_auth()
        {
            // The program that should have written it may have failed.
            warn!(file = %file.display(), "the web configuration neither encrypts nor asks for a password");
        }
        Ok(Self {
            file,
            handle: WebConfigHandle::new(web_config),
            watched,
            reading: BlockingReader::default(),
            failure: None,
        })
    }

    /// The configuration in force.
    pub(super) fn handle(&self) -> &WebConfigHandle {
        &self.handle
    }

    /// The directories of its files.
    pub(super) fn watched(&self) -> &[PathBuf] {
        &self.watched
    }

    /// Whether the configuration in force is what its file contains.
    pub(super) fn in_sync(&self) -> bool {
        self.failure.is_none()
    }

    /// Loads the file again. A faulty file leaves the configuration in force. Logs the error if the
    /// reload was requested or the error is new.
    ///
    /// # Errors
    /// The faults of the file.
    pub(super) async fn reload(&mut self, requested: bool) -> Result<SwapResult, String> {
        let result = self.try_reload().await;
        match &result {
            Ok(change) => {
                self.failure = None;
                if *change == SwapResult::Replaced {
                    info!("the web configuration was reloaded");
                }
            }
            Err(why) => {
                let before = self.failure.replace(why.clone());
                if requested || before.as_ref() != Some(why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new web configuration is faulty; the old one stays in force");
                }
            }
        }
        result
    }

    async fn try_reload(&mut self) -> Result<SwapResult, String> {
        let Some(file) = self.file.clone() else {
            return Ok(SwapResult::Unchanged);
        };
        let read = move || file.load();
        let reading = self.reading.read("web configuration", read).await?;
        // Those of a faulty file too: that is where it will be fixed.
        self.watched = reading.watched;
        let web_config = reading.config.map_err(|faults| faults.to_string())?;
        self.handle
            .swap(web_config)
            .map_err(|faults| faults.to_string())
    }
}
