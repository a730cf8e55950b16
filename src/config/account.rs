//! An entry of `accounts`, with the channel files that it names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use polyv_client::{AppSecret, Credentials};

use super::channel::{self, ChannelIdIndex};
use super::credential_text::{clean, doubt};
use super::decoder::{Field, Mapping, Report};
use super::diagnostic::{Diagnostic, Location};
use super::discovery;
use super::fingerprint::SourceFingerprint;
use super::model::{Account, Channel, ScheduleSource};
use super::secret::{self, SecretSource};
use super::values::{choice, non_blank};
use super::yaml;

/// The name of an account without a configured name.
pub(super) const DEFAULT_NAME: &str = "default";

/// More symbolic links that follow one another are a circle.
const MAX_LINKS: usize = 40;

/// The channel files of an account.
#[derive(Default)]
struct ChannelFiles {
    /// Where a change may show.
    directories: Vec<PathBuf>,
    paths: HashSet<PathBuf>,
}

/// Decodes the accounts of a configuration.
pub(super) struct AccountDecoder<'a> {
    /// The directory of relative paths.
    pub(super) directory: &'a Path,
    /// The live interval of channels without an interval of their own.
    pub(super) live_interval: Duration,
    /// Reads channel files and secrets.
    pub(super) fingerprint: &'a mut SourceFingerprint,
    /// The channels of all accounts so far.
    pub(super) ids: ChannelIdIndex,
    /// The names of all accounts so far.
    pub(super) names: Vec<(String, Location)>,
}

// === impl AccountDecoder ===

impl AccountDecoder<'_> {
    /// Decodes an account, or records its faults.
    pub(super) fn decode(&mut self, field: Field<'_>) -> Option<Account> {
        let mut map = field.mapping()?;
        let name = self.name(&mut map);
        let app_id = map.required("app_id").and_then(app_id);
        let secret = self.secret(&mut map);
        let mut channels = Vec::new();
        if let Some(field) = map.get("channels") {
            channels = channel::decode_all(field, self.live_interval, &mut self.ids);
        }
        let mut files = ChannelFiles::default();
        let patterns = map.get("channel_files").into_iter();
        for pattern in patterns.flat_map(|field| field.items("this pattern")) {
            self.channel_files(pattern, &mut channels, &mut files);
        }
        let discover = map.get("discover").and_then(discovery::decode);
        let sources = [
            ("none", ScheduleSource::None),
            ("polyv", ScheduleSource::Polyv),
        ];
        let schedule_from = map.parse("schedule_from", choice(&sources));
        map.deny_unknown();
        let (secret, app_secret) = secret?;
        Some(Account {
            name: name?,
            credentials: Credentials {
                app_id: app_id?,
                app_secret,
            },
            secret,
            channels,
            watched_directories: files.directories,
            discover,
            schedule_from: schedule_from.unwrap_or_default(),
        })
    }

    fn name(&mut self, map: &mut Mapping<'_>) -> Option<String> {
        let (name, field) = match map.get("name") {
            Some(field) => (field.parse(non_blank)?, field),
            None => (DEFAULT_NAME.to_owned(), map.field()),
        };
        if let Some((_, first)) = self.names.iter().find(|(other, _)| *other == name) {
            field.fault(format!(
                "a second account is called `{name}`: the first is at {first}"
            ));
            return None;
        }
        self.names.push((name.clone(), field.location()));
        Some(name)
    }

    fn secret(&mut self, map: &mut Mapping<'_>) -> Option<(SecretSource, AppSecret)> {
        const REMEDY: &str = "give one of `app_secret_file`, `app_secret_env` and `app_secret`";
        let inline = map.get("app_secret");
        let file = map.get("app_secret_file");
        let variable = map.get("app_secret_env");
        let mut given = [inline, file, variable].into_iter().flatten();
        let Some(field) = given.next() else {
            let message = format!("this account has no secret: {REMEDY}");
            map.field().fault(message);
            return None;
        };
        if let Some(second) = given.next() {
            second.fault(format!("this is a second secret: {REMEDY}"));
            return None;
        }
        // No message may contain the value of `app_secret`.
        let source = if inline.is_some() {
            let parse = |text: &str| {
                secret::parse(text).map_err(|why| format!("is invalid: the secret {why}"))
            };
            SecretSource::Inline(field.parse(parse)?)
        } else if file.is_some() {
            SecretSource::File(self.directory.join(field.parse(non_blank)?))
        } else {
            SecretSource::Variable(field.parse(non_blank)?)
        };
        let (secret, read_doubt) = field.parse(|_| {
            let secret = self.fingerprint.secret(&source);
            secret.map_err(|why| format!("is invalid: {why}"))
        })?;
        let doubt = match source {
            SecretSource::Inline(_) => field.text().and_then(doubt),
            SecretSource::File(_) | SecretSource::Variable(_) => read_doubt,
        };
        if let Some(doubt) = doubt {
            field.warn(format!("the secret {doubt}"));
        }
        Some((source, secret))
    }

    /// Decodes the files that match a pattern, and adds their channels and directories.
    fn channel_files(
        &mut self,
        field: Field<'_>,
        channels: &mut Vec<Arc<Channel>>,
        files: &mut ChannelFiles,
    ) -> Option<()> {
        let pattern = field.text()?;
        // The directory's own name may contain the characters of wildcards.
        let directory = glob::Pattern::escape(&self.directory.to_string_lossy());
        let absolute = Path::new(&directory).join(pattern);
        let paths = self.fingerprint.expand(&absolute.to_string_lossy());
        let paths = paths.map_err(|error| format!("`{pattern}` is not a pattern: {}", error.msg));
        let paths = field.ok(paths)?;
        files.watch(&directory_without_wildcards(&self.directory.join(pattern)));
        if paths.is_empty() {
            field.warn(format!("`{pattern}` matches no file so far"));
        }
        for path in paths.into_iter().filter_map(|path| field.ok(path)) {
            if !files.add(&path) {
                continue;
            }
            match self.channel_file(&path, field.report) {
                Ok(more) => channels.extend(more),
                Err(fault) => field.report.fault(fault),
            }
        }
        Some(())
    }

    /// Decodes a channel file: a list of channels.
    fn channel_file(
        &mut self,
        path: &Path,
        report: &Report,
    ) -> Result<Vec<Arc<Channel>>, Diagnostic> {
        let source = path.to_string_lossy().into();
        let text = self.fingerprint.read(path).map_err(|error| {
            let message = format!("this channel file can't be read: {error}");
            Diagnostic::new(&source, None, message)
        })?;
        let root = yaml::parse(&text)
            .map_err(|(location, message)| Diagnostic::new(&source, Some(location), message))?;
        let field = Field::root(&root, "a channel file", &source, report);
        Ok(channel::decode_all(
            field,
            self.live_interval,
            &mut self.ids,
        ))
    }
}

// === impl ChannelFiles ===

impl ChannelFiles {
    /// Adds a file with the directories where a change of it shows: its own, and those of the files
    /// to which its symbolic link leads. Returns whether no earlier pattern matched it.
    fn add(&mut self, path: &Path) -> bool {
        let mut link = path.to_owned();
        for _ in 0..MAX_LINKS {
            let directory = link.parent().unwrap_or(Path::new("")).to_owned();
            self.watch(&directory);
            let Ok(target) = link.read_link() else { break };
            link = directory.join(target);
        }
        self.paths.insert(path.to_owned())
    }

    fn watch(&mut self, directory: &Path) {
        if !self.directories.iter().any(|other| other == directory) {
            self.directories.push(directory.to_owned());
        }
    }
}

fn app_id(field: Field<'_>) -> Option<String> {
    let id = field.parse(|text| clean(text).map(str::to_owned))?;
    if let Some(doubt) = doubt(&id) {
        field.warn(format!("`app_id` {doubt}"));
    }
    Some(id)
}

/// The directory of a pattern up to its first wildcard.
fn directory_without_wildcards(pattern: &Path) -> PathBuf {
    let parts = pattern.parent().unwrap_or(pattern).components();
    let has_wildcard = |part: &std::path::Component<'_>| {
        let part = part.as_os_str().to_string_lossy();
        part.contains(['*', '?', '['])
    };
    parts.take_while(|part| !has_wildcard(part)).collect()
}
