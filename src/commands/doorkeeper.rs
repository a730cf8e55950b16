//! Reading the web configuration, and reading it anew.

use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

use super::reading::Reading;
use web_config::{Diagnostics, SwapResult, WebConfig, WebConfigFile, WebConfigHandle};

/// Sees to it that the door in force is the one that its file describes.
pub(super) struct Doorkeeper {
    /// `None` where no file was named: then there is nothing to do, ever.
    file: Option<WebConfigFile>,
    entrance: WebConfigHandle,
    watched: Vec<PathBuf>,
    reading: Reading,
    /// What is wrong with the file as it is now.
    failure: Option<String>,
}

// === impl Doorkeeper ===

impl Doorkeeper {
    /// Reads the file, where one is named.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Diagnostics> {
        let file = path.map(WebConfigFile::new);
        let (door, watched) = match &file {
            Some(file) => {
                let reading = file.load();
                (reading.config?, reading.watched)
            }
            None => (WebConfig::empty(), Vec::new()),
        };
        if let Some(file) = path
            && !door.has_tls()
            && !door.requires_auth()
        {
            // Perhaps what should have written it wrote nothing.
            warn!(file = %file.display(), "the web configuration neither encrypts nor asks for a password");
        }
        Ok(Self {
            file,
            entrance: WebConfigHandle::new(door),
            watched,
            reading: Reading::default(),
            failure: None,
        })
    }

    /// Where the door in force is.
    pub(super) fn entrance(&self) -> &WebConfigHandle {
        &self.entrance
    }

    /// The directories of its files.
    pub(super) fn watched(&self) -> &[PathBuf] {
        &self.watched
    }

    /// Whether the door in force is what its file says.
    pub(super) fn is_well(&self) -> bool {
        self.failure.is_none()
    }

    /// Reads the file anew. A faulty one leaves the door as it was. Says what is wrong in the
    /// log where somebody asked, or where that is news.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) async fn reload(&mut self, asked: bool) -> Result<SwapResult, String> {
        let result = self.try_reload().await;
        match &result {
            Ok(change) => {
                self.failure = None;
                if *change == SwapResult::Replaced {
                    info!("the web configuration was loaded anew");
                }
            }
            Err(why) => {
                let before = self.failure.replace(why.clone());
                if asked || before.as_ref() != Some(why) {
                    for line in why.lines() {
                        error!("{line}");
                    }
                    error!("the new web configuration is faulty; the old one goes on");
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
        // Those of a faulty one too: they are where it will be put right.
        self.watched = reading.watched;
        let door = reading.config.map_err(|faults| faults.to_string())?;
        self.entrance
            .swap(door)
            .map_err(|faults| faults.to_string())
    }
}
