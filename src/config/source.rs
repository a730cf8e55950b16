//! Where a configuration comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::{self, Context};
use super::api::{self, Api};
use super::channel::ChannelIdIndex;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::environment;
use super::fingerprint::SourceFingerprint;
use super::model::Config;
use super::poll::{self, Poll};
use super::shard::Shard;
use crate::yaml::{Node, Reader};

/// A configuration as it was last read. The files that it names are read when it is
/// [evaluated](Self::load), so that a channel file that changed counts, and the main file
/// only when somebody asks for a [reload](Self::reload).
#[derive(Debug, Clone)]
pub struct Source {
    kind: Kind,
    shard: Shard,
}

#[derive(Clone)]
enum Kind {
    File { path: PathBuf, text: Arc<str> },
    Text { name: Arc<str>, text: Arc<str> },
    Environment,
}

// === impl Source ===

impl Source {
    /// The configuration file at `path`.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn file(path: &Path) -> Result<Self, Diagnostics> {
        let text = std::fs::read_to_string(path).map_err(|error| Diagnostic {
            source: path.to_string_lossy().into(),
            place: None,
            message: format!("the configuration file can't be read: {error}"),
        })?;
        Ok(Self::of(Kind::File {
            path: path.to_owned(),
            text: text.into(),
        }))
    }

    /// The variables `POLYV_APP_ID`, `POLYV_APP_SECRET` (or `POLYV_APP_SECRET_FILE`) and
    /// `POLYV_CHANNELS`.
    #[must_use]
    pub fn environment() -> Self {
        Self::of(Kind::Environment)
    }

    /// A configuration at hand; its relative paths are the working directory's.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        Self::of(Kind::Text {
            name: name.into(),
            text: text.into(),
        })
    }

    fn of(kind: Kind) -> Self {
        let shard = Shard::ALL;
        Self { kind, shard }
    }

    /// The same, of which only a shard's own channels count. All of it has to be valid all the
    /// same.
    #[must_use]
    pub fn sharded(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Reads the main file anew.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn reload(&self) -> Result<Self, Diagnostics> {
        match &self.kind {
            Kind::File { path, .. } => Ok(Self::file(path)?.sharded(self.shard)),
            Kind::Text { .. } | Kind::Environment => Ok(self.clone()),
        }
    }

    /// Makes a configuration of it, reading the channel files and secrets that it names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Config, Diagnostics> {
        Ok(self.load_with_fingerprint()?.0)
    }

    /// The same, with what was read: as long as [that is unchanged](SourceFingerprint::is_unchanged),
    /// another evaluation brings nothing new.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load_with_fingerprint(&self) -> Result<(Config, SourceFingerprint), Diagnostics> {
        let mut fingerprint = SourceFingerprint::default();
        let config = match &self.kind {
            Kind::File { path, text } => {
                let directory = path.parent().unwrap_or(Path::new(""));
                let name = path.to_string_lossy().into();
                load_text(name, text, directory, self.shard, &mut fingerprint)
            }
            Kind::Text { name, text } => load_text(
                Arc::clone(name),
                text,
                Path::new(""),
                self.shard,
                &mut fingerprint,
            ),
            // Its variables are the process' own: they stay as they are.
            Kind::Environment => environment::load(
                |name| std::env::var(name).ok(),
                self.shard,
                &mut fingerprint,
            ),
        }?;
        Ok((config, fingerprint))
    }
}

// The text may hold a secret.
impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "file {}", path.display()),
            Self::Text { name, .. } => write!(f, "text {name}"),
            Self::Environment => f.write_str("environment"),
        }
    }
}

fn load_text(
    name: Arc<str>,
    text: &str,
    directory: &Path,
    shard: Shard,
    fingerprint: &mut SourceFingerprint,
) -> Result<Config, Diagnostics> {
    let root = Node::parse(&name, text)?;
    let mut reader = Reader::new(name);
    let Some(mut map) = reader.mapping(&root, "a configuration") else {
        return Err(reader.into_faults());
    };
    let mut warnings = Vec::new();
    let api = match map.get("api") {
        Some(node) => api::read(node, shard, &mut reader, &mut warnings),
        None => {
            let api = Api::default();
            api::check_share(&api, shard, root.place, &mut reader);
            api
        }
    };
    let poll = map
        .get("poll")
        .map_or_else(Poll::default, |node| poll::read(node, &mut reader));
    let mut accounts = Vec::new();
    if let Some(node) = map.get("accounts") {
        let mut context = Context {
            directory,
            live_interval: poll.live_interval,
            seen: &mut ChannelIdIndex::default(),
            names: &mut Vec::new(),
            warnings: &mut warnings,
            fingerprint,
        };
        let nodes = reader.list(node, "`accounts`");
        if nodes.is_empty() {
            reader.fault(node.place, "`accounts` lists no account");
        }
        for node in nodes {
            accounts.extend(account::read(node, &mut reader, &mut context));
        }
        let unfilled = accounts.iter().all(|account| {
            account.channels.is_empty()
                && account.watched_directories.is_empty()
                && account.discover.is_none()
        });
        if !accounts.is_empty() && unfilled {
            reader.fault(
                node.place,
                "there is no channel to watch: list some under `channels` or `channel_files`, \
                 or have them found by `discover`",
            );
        }
    } else {
        reader.fault(
            root.place,
            "there are no `accounts`: whose channels should be watched?",
        );
    }
    map.finish(&mut reader);
    reader
        .into_faults()
        .or(Config {
            api,
            poll,
            accounts,
            shard: Shard::ALL,
            channels_of_other_shards: 0,
            warnings,
        })
        .map(|config| config.keep(shard))
}
