//! The files of a web configuration: their content and where changes are to be watched.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The largest certificate, key or web configuration.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads files, and remembers their directories and a fingerprint of their content.
pub(crate) struct WatchedFiles {
    directory: PathBuf,
    watched: Vec<PathBuf>,
    content: Sha256,
}

// === impl WatchedFiles ===

impl WatchedFiles {
    /// Reads paths relative to `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            watched: Vec::new(),
            content: Sha256::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(crate) fn read(&mut self, path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
        let path = self.directory.join(path);
        self.watch(&path);
        let name = path.display();
        let read = || {
            let file = std::fs::File::open(&path)?;
            let mut content = Vec::new();
            file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
            Ok(content)
        };
        let content: Vec<u8> =
            read().map_err(|error: std::io::Error| format!("{name} can't be read: {error}"))?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if length > MAX_FILE_BYTES {
            return Err(format!("{name} is over 1 MiB large"));
        }
        // With its length, so that no two sequences of files have the same fingerprint.
        self.content.update(length.to_be_bytes());
        self.content.update(&content);
        Ok(content)
    }

    /// Adds the file's directory and, for a symbolic link, the one of its target: a change there
    /// is none here.
    fn watch(&mut self, path: &Path) {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        let here = if directory.as_os_str().is_empty() {
            Path::new(".").canonicalize()
        } else {
            directory.canonicalize()
        };
        let there = path.canonicalize();
        let there = there.as_deref().ok().and_then(Path::parent);
        let elsewhere = there.filter(|there| here.as_deref().ok() != Some(there));
        for directory in elsewhere.map(Path::to_owned).into_iter().chain([directory]) {
            if !self.watched.contains(&directory) {
                self.watched.push(directory);
            }
        }
    }

    /// The directories of all files, and the fingerprint of their content.
    pub(crate) fn finish(self) -> (Vec<PathBuf>, [u8; 32]) {
        (self.watched, self.content.finalize().into())
    }
}
