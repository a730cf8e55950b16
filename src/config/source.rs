//! Where a configuration comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::AccountDecoder;
use super::api::{self, Api};
use super::channel::ChannelIdIndex;
use super::decoder::{Field, Report};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::environment;
use super::fingerprint::SourceFingerprint;
use super::model::{Account, Config};
use super::poll::{self, Poll};
use super::rate_share;
use super::recorder::{self, RecorderConfig};
use super::remote_write::{self, RemoteWrite};
use super::shard::Shard;
use super::yaml;

/// The text of a configuration.
///
/// [Loading](Self::load) it reads channel files and secrets again. The main file is read again by
/// [`reload`](Self::reload) only, so that a half-finished edit is not picked up together with a
/// changed channel file.
#[derive(Debug, Clone)]
pub struct Source {
    /// `None` stands for the environment.
    document: Option<Document>,
    shard: Shard,
}

#[derive(Clone)]
struct Document {
    name: Arc<str>,
    /// The path of a file, which can be read again.
    path: Option<PathBuf>,
    text: Arc<str>,
}

/// The sections of a configuration.
type Sections = (
    Api,
    Poll,
    Option<RecorderConfig>,
    Vec<RemoteWrite>,
    Vec<Account>,
);

// === impl Source ===

impl Source {
    /// The configuration file at `path`.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn file(path: &Path) -> Result<Self, Diagnostics> {
        let name: Arc<str> = path.to_string_lossy().into();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(Some(Document {
                name,
                path: Some(path.to_owned()),
                text: text.into(),
            }))),
            Err(error) => {
                let message = format!("the configuration file can't be read: {error}");
                Err(Diagnostic::new(&name, None, message).into())
            }
        }
    }

    /// The environment variables `POLYV_APP_ID`, `POLYV_APP_SECRET` (or `POLYV_APP_SECRET_FILE`) and
    /// `POLYV_CHANNELS`.
    #[must_use]
    pub fn environment() -> Self {
        Self::new(None)
    }

    /// A text. Its relative paths start at the working directory.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        Self::new(Some(Document {
            name: name.into(),
            path: None,
            text: text.into(),
        }))
    }

    fn new(document: Option<Document>) -> Self {
        let shard = Shard::ALL;
        Self { document, shard }
    }

    /// The same source for one shard: its configuration has that shard's channels only. The channels
    /// of other shards are checked as well.
    #[must_use]
    pub fn sharded(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Reads the main file again.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn reload(&self) -> Result<Self, Diagnostics> {
        let path = self
            .document
            .as_ref()
            .and_then(|document| document.path.as_ref());
        path.map_or_else(
            || Ok(self.clone()),
            |path| Ok(Self::file(path)?.sharded(self.shard)),
        )
    }

    /// Loads the configuration, with the channel files and secrets that it names.
    ///
    /// # Errors
    /// All faults of the configuration.
    pub fn load(&self) -> Result<Config, Diagnostics> {
        Ok(self.load_with_fingerprint()?.0)
    }

    /// Like [`load`](Self::load), with a fingerprint of the files and secrets. Loading again gives
    /// the same configuration as long as [that is unchanged](SourceFingerprint::is_unchanged).
    ///
    /// # Errors
    /// All faults of the configuration.
    pub fn load_with_fingerprint(&self) -> Result<(Config, SourceFingerprint), Diagnostics> {
        let mut fingerprint = SourceFingerprint::default();
        let config = match &self.document {
            Some(document) => document.load(self.shard, &mut fingerprint),
            // The variables of the own process do not change.
            None => environment::load(
                |name| std::env::var(name).ok(),
                self.shard,
                &mut fingerprint,
            ),
        }?;
        Ok((config, fingerprint))
    }
}

// === impl Document ===

// The text may contain a secret.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Document {
    fn load(
        &self,
        shard: Shard,
        fingerprint: &mut SourceFingerprint,
    ) -> Result<Config, Diagnostics> {
        let report = Report::default();
        let directory = self.path.as_deref().and_then(Path::parent);
        let sections = match yaml::parse(&self.text) {
            Ok(root) => {
                let root = Field::root(&root, "a configuration", &self.name, &report);
                decode(root, directory.unwrap_or(Path::new("")), shard, fingerprint)
            }
            Err((location, message)) => {
                report.fault(Diagnostic::new(&self.name, Some(location), message));
                None
            }
        };
        let warnings = report.finish()?;
        let (api, poll, recorder, remote_write, accounts) = sections.unwrap_or_default();
        Ok(Config {
            recorder,
            remote_write: remote_write.into_iter().map(Arc::new).collect(),
            ..Config::new(api, poll, accounts, shard, warnings)
        })
    }
}

/// Decodes the sections of a configuration, or records its faults.
fn decode(
    root: Field<'_>,
    directory: &Path,
    shard: Shard,
    fingerprint: &mut SourceFingerprint,
) -> Option<Sections> {
    let mut map = root.mapping()?;
    let (api, rate_limit) = map
        .get("api")
        .map_or_else(|| (Api::default(), root), api::decode);
    rate_share::check(&api, shard, rate_limit);
    let poll = map.get("poll").map(poll::decode).unwrap_or_default();
    let recorder = map
        .get("recorder")
        .and_then(|field| recorder::decode(field, directory));
    let remote_write = map.get("remote_write");
    let remote_write = remote_write
        .map(|field| remote_write::decode_all(field, directory, recorder.is_some()))
        .unwrap_or_default();
    let mut decoder = AccountDecoder {
        directory,
        live_interval: poll.live_interval,
        fingerprint,
        ids: ChannelIdIndex::default(),
        names: Vec::new(),
    };
    let Some(field) = map.get("accounts") else {
        root.fault("there are no `accounts`: whose channels should be watched?");
        map.deny_unknown();
        return None;
    };
    map.deny_unknown();
    let before = field.report.fault_count();
    let mut entries = field.items("this account").peekable();
    if entries.peek().is_none() {
        field.fault("`accounts` lists no account");
    }
    let accounts: Vec<_> = entries
        .filter_map(|account| decoder.decode(account))
        .collect();
    let is_empty = |account: &Account| {
        account.channels.is_empty()
            && account.watched_directories.is_empty()
            && account.discover.is_none()
    };
    // A channel with a fault is not there either.
    if !accounts.is_empty() && accounts.iter().all(is_empty) && field.report.fault_count() == before
    {
        field.fault(
            "there is no channel to watch: list some under `channels` or `channel_files`, or have \
             them found by `discover`",
        );
    }
    Some((api, poll, recorder, remote_write, accounts))
}
