//! Files that are kept only where everything succeeds.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A file that was written, and is removed again unless it is [kept](Self::keep).
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    kept: bool,
}

// === impl NewFile ===

impl NewFile {
    /// Writes a file that does not exist yet.
    ///
    /// # Errors
    /// It exists, or can't be written.
    pub(super) fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let failed = || format!("{} can't be written", path.display());
        let mut file = options.open(path).with_context(failed)?;
        let written = Self {
            path: path.to_owned(),
            kept: false,
        };
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .with_context(failed)?;
        Ok(written)
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing is left to do if it can't be removed.
            _ = fs::remove_file(&self.path);
        }
    }
}
