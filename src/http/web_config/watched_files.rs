//! The files that make up a door, and what they held.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// No certificate, key or web configuration is larger.
const LARGEST: u64 = 1024 * 1024;

/// Reads a door's files, and remembers where they are and what was in them.
pub(super) struct WatchedFiles {
    directory: PathBuf,
    watched: Vec<PathBuf>,
    held: Sha256,
}

// === impl WatchedFiles ===

impl WatchedFiles {
    /// Paths are relative to `directory`.
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            watched: Vec::new(),
            held: Sha256::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that says why it can't be read.
    pub(super) fn read(&mut self, path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
        let path = self.directory.join(path);
        self.watch(&path);
        let shown = path.display();
        let read = || {
            let file = std::fs::File::open(&path)?;
            let mut content = Vec::new();
            file.take(LARGEST + 1).read_to_end(&mut content)?;
            Ok(content)
        };
        let content: Vec<u8> =
            read().map_err(|error: std::io::Error| format!("{shown} can't be read: {error}"))?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if length > LARGEST {
            return Err(format!("{shown} is over 1 MiB large"));
        }
        // With its length, so that no two sequences of files look the same.
        self.held.update(length.to_be_bytes());
        self.held.update(&content);
        Ok(content)
    }

    /// The directory that holds the file, and where it is a link the one that it leads to: a
    /// change there is none here.
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

    /// The files' directories, and a fingerprint of what was in them.
    pub(super) fn finish(self) -> (Vec<PathBuf>, [u8; 32]) {
        (self.watched, self.held.finalize().into())
    }
}
