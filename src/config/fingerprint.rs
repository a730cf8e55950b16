//! What a configuration was made of beside its main file.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use glob::{GlobResult, PatternError};
use sha2::{Digest as _, Sha256};

use polyv_client::AppSecret;

use super::secret::SecretSource;

type ContentHash = [u8; 32];

/// What was read to evaluate a [`Source`](super::Source): the channel files, as a fingerprint,
/// and the secrets. Whether another evaluation would bring the same can so be told without one,
/// which is much cheaper.
#[derive(Debug, Clone, Default)]
pub struct SourceFingerprint {
    patterns: Vec<String>,
    /// Over the files that match: for each pattern their number, and each one's path and bytes.
    held: Sha256,
    secrets: Vec<(SecretSource, AppSecret)>,
}

// === impl SourceFingerprint ===

impl SourceFingerprint {
    /// Whether all that was read is still the same. `false` where that can't be told.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let secrets_are = self
            .secrets
            .iter()
            .all(|(source, secret)| source.read().as_ref() == Ok(secret));
        secrets_are && self.held_now().is_some_and(|now| now == self.held())
    }

    /// The files that match a pattern.
    pub(super) fn expand(&mut self, pattern: &str) -> Result<Vec<GlobResult>, PatternError> {
        let paths: Vec<GlobResult> = glob::glob(pattern)?.collect();
        self.patterns.push(pattern.to_owned());
        self.held.update(paths.len().to_be_bytes());
        Ok(paths)
    }

    /// Reads a file that matched.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<String> {
        let text = std::fs::read_to_string(path)?;
        self.hold(path, Sha256::digest(&text).into());
        Ok(text)
    }

    /// Reads a secret.
    pub(super) fn secret(&mut self, source: &SecretSource) -> Result<AppSecret, String> {
        let secret = source.read()?;
        self.secrets.push((source.clone(), secret.clone()));
        Ok(secret)
    }

    /// With lengths, so that no two sequences of files look the same.
    fn hold(&mut self, path: &Path, content: ContentHash) {
        let path = path.as_os_str().as_encoded_bytes();
        self.held.update(path.len().to_be_bytes());
        self.held.update(path);
        self.held.update(content);
    }

    fn held(&self) -> ContentHash {
        self.held.clone().finalize().into()
    }

    /// The fingerprint of the files as they are now.
    fn held_now(&self) -> Option<ContentHash> {
        let mut now = Self::default();
        for pattern in &self.patterns {
            for path in now.expand(pattern).ok()? {
                let path = path.ok()?;
                let content = digest(&path).ok()?;
                now.hold(&path, content);
            }
        }
        Some(now.held())
    }
}

/// Piece by piece: all files together may be large.
fn digest(path: &Path) -> io::Result<ContentHash> {
    let mut file = BufReader::new(File::open(path)?);
    let mut digest = Sha256::new();
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return Ok(digest.finalize().into());
        }
        digest.update(piece);
        let read = piece.len();
        file.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Source;

    /// A directory with two channel files, a secret, and the configuration that names them.
    struct TrackedFiles(tempfile::TempDir);

    impl TrackedFiles {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.write("a.yml", "- id: 1\n");
            // Longer than what is read at once.
            files.write("b.yml", &format!("- id: 2\n# {}\n", "x".repeat(100_000)));
            files.write("secret", "the-secret\n");
            files.write(
                "polyv.config",
                "accounts: [{app_id: a, app_secret_file: secret, channel_files: ['*.yml', 'more/*.yml']}]",
            );
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.path(name), text).unwrap();
        }

        fn fingerprint(&self) -> SourceFingerprint {
            let source = Source::file(&self.path("polyv.config")).unwrap();
            source.load_with_fingerprint().unwrap().1
        }
    }

    #[test]
    fn what_is_written_anew_with_the_same_bytes_is_unchanged() {
        let files = TrackedFiles::new();
        let fingerprint = files.fingerprint();
        assert!(fingerprint.is_unchanged());
        let renamed = files.path("new");
        std::fs::copy(files.path("a.yml"), &renamed).unwrap();
        std::fs::rename(&renamed, files.path("a.yml")).unwrap();
        files.write("b.yml.swp", "not ours");
        assert!(fingerprint.is_unchanged());
        // Asking changes nothing.
        assert!(fingerprint.is_unchanged());
    }

    #[test]
    fn whatever_else_becomes_of_them_is_a_change_until_it_is_undone() {
        type SourceChange = fn(&TrackedFiles);
        let changes: [(&str, SourceChange); 8] = [
            ("other bytes, as many", |files| {
                files.write("a.yml", "- id: 3\n");
            }),
            ("another end of a large one", |files| {
                let text = std::fs::read_to_string(files.path("b.yml")).unwrap();
                files.write("b.yml", &(text.trim_end().to_owned() + "y"));
            }),
            ("a new file", |files| files.write("c.yml", "")),
            ("a new file of a pattern without any", |files| {
                std::fs::create_dir(files.path("more")).unwrap();
                files.write("more/c.yml", "");
            }),
            ("a file that went", |files| {
                std::fs::remove_file(files.path("a.yml")).unwrap();
            }),
            ("another name", |files| {
                std::fs::rename(files.path("a.yml"), files.path("aa.yml")).unwrap();
            }),
            ("a file that can't be read", |files| {
                std::fs::remove_file(files.path("a.yml")).unwrap();
                std::fs::create_dir(files.path("a.yml")).unwrap();
            }),
            ("another secret", |files| {
                files.write("secret", "another-secret\n");
            }),
        ];
        for (what, change) in changes {
            let files = TrackedFiles::new();
            let fingerprint = files.fingerprint();
            change(&files);
            assert!(!fingerprint.is_unchanged(), "{what}");
        }
        let files = TrackedFiles::new();
        let fingerprint = files.fingerprint();
        std::fs::rename(files.path("a.yml"), files.path("elsewhere")).unwrap();
        assert!(!fingerprint.is_unchanged());
        std::fs::rename(files.path("elsewhere"), files.path("a.yml")).unwrap();
        assert!(fingerprint.is_unchanged());
        std::fs::remove_file(files.path("secret")).unwrap();
        assert!(!fingerprint.is_unchanged());
    }

    #[test]
    fn what_moves_from_one_file_to_the_next_is_a_change() {
        let files = TrackedFiles::new();
        files.write("a.yml", "- id: 1\n- id: 2\n");
        files.write("b.yml", "- id: 3\n");
        let fingerprint = files.fingerprint();
        files.write("a.yml", "- id: 1\n");
        files.write("b.yml", "- id: 2\n- id: 3\n");
        assert!(!fingerprint.is_unchanged());
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", TrackedFiles::new().fingerprint());
        assert!(printed.contains("<secret>"), "{printed}");
        assert!(!printed.contains("the-secret"), "{printed}");
    }
}
