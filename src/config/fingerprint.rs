//! Notices whether the files and secrets of a configuration changed.

use std::io;
use std::path::{Path, PathBuf};

use glob::{GlobResult, PatternError};
use polyv_client::AppSecret;
use sha2::{Digest as _, Sha256};

use super::secret::SecretSource;

type ContentHash = [u8; 32];

/// The channel files and secrets that a [`Source`](super::Source) was loaded with.
///
/// Checking whether they are unchanged is much cheaper than loading the source again.
#[derive(Debug, Clone, Default)]
pub struct SourceFingerprint {
    patterns: Vec<String>,
    files: Vec<(PathBuf, ContentHash)>,
    secrets: Vec<(SecretSource, AppSecret)>,
}

// === impl SourceFingerprint ===

impl SourceFingerprint {
    /// Whether all files and secrets are unchanged. `false` if one can't be read.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let mut secrets = self.secrets.iter();
        secrets.all(|(source, secret)| source.read().as_ref() == Ok(secret))
            && self
                .current_files()
                .is_some_and(|files| files == self.files)
    }

    /// The files that match a pattern.
    pub(super) fn expand(&mut self, pattern: &str) -> Result<Vec<GlobResult>, PatternError> {
        let paths = glob::glob(pattern)?.collect();
        self.patterns.push(pattern.to_owned());
        Ok(paths)
    }

    /// Reads a file that matched.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<String> {
        let text = std::fs::read_to_string(path)?;
        let hash = Sha256::digest(&text).into();
        self.files.push((path.to_owned(), hash));
        Ok(text)
    }

    /// Reads a secret, with the end of a sentence about one that is probably not what was meant.
    pub(super) fn secret(
        &mut self,
        source: &SecretSource,
    ) -> Result<(AppSecret, Option<&'static str>), String> {
        let (secret, doubt) = source.read_with_doubt()?;
        self.secrets.push((source.clone(), secret.clone()));
        Ok((secret, doubt))
    }

    fn current_files(&self) -> Option<Vec<(PathBuf, ContentHash)>> {
        let mut files = Vec::new();
        for pattern in &self.patterns {
            for path in glob::glob(pattern).ok()? {
                let path = path.ok()?;
                let hash = Sha256::digest(std::fs::read(&path).ok()?).into();
                files.push((path, hash));
            }
        }
        Some(files)
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
            // Longer than a read buffer.
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
    fn rewritten_file_with_the_same_bytes_is_unchanged() {
        let files = TrackedFiles::new();
        let fingerprint = files.fingerprint();
        assert!(fingerprint.is_unchanged());
        let renamed = files.path("new");
        std::fs::copy(files.path("a.yml"), &renamed).unwrap();
        std::fs::rename(&renamed, files.path("a.yml")).unwrap();
        files.write("b.yml.swp", "not ours");
        assert!(fingerprint.is_unchanged());
        // The check itself changes nothing.
        assert!(fingerprint.is_unchanged());
    }

    #[test]
    fn any_other_change_is_noticed_until_it_is_undone() {
        type SourceChange = fn(&TrackedFiles);
        let changes: [(&str, SourceChange); 8] = [
            ("other bytes, as many", |files| {
                files.write("a.yml", "- id: 3\n");
            }),
            ("another end of a large file", |files| {
                let text = std::fs::read_to_string(files.path("b.yml")).unwrap();
                files.write("b.yml", &(text.trim_end().to_owned() + "y"));
            }),
            ("a new file", |files| files.write("c.yml", "")),
            ("a new file of a pattern without any", |files| {
                std::fs::create_dir(files.path("more")).unwrap();
                files.write("more/c.yml", "");
            }),
            ("a removed file", |files| {
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
    fn channel_moved_to_another_file_is_a_change() {
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
