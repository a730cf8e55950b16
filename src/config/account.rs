//! One entry of `accounts`, with the channel files that it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use polyv_client::{AppSecret, Credentials};

use super::channel::{self, ChannelIdIndex};
use super::diagnostic::{Diagnostic, Location};
use super::discovery;
use super::fingerprint::SourceFingerprint;
use super::model::{Account, Channel};
use super::secret::SecretSource;
use crate::yaml::{Mapping, Node, Reader};

/// The account's name where none is configured.
pub(super) const DEFAULT_NAME: &str = "default";

/// What reading accounts needs to know beside their nodes.
pub(super) struct Context<'a> {
    /// What relative paths are relative to.
    pub(super) directory: &'a Path,
    /// The live interval of channels that have none of their own.
    pub(super) live_interval: Duration,
    /// The channels read so far.
    pub(super) seen: &'a mut ChannelIdIndex,
    /// The names of the accounts read so far, with their places.
    pub(super) names: &'a mut Vec<(String, Location)>,
    /// What is valid and perhaps not meant.
    pub(super) warnings: &'a mut Vec<Diagnostic>,
    /// Through which files and secrets are read.
    pub(super) fingerprint: &'a mut SourceFingerprint,
}

/// Reads an account. `None` where it can't be one; the faults are on record.
pub(super) fn read(node: &Node, reader: &mut Reader, context: &mut Context<'_>) -> Option<Account> {
    let mut map = reader.mapping(node, "an account")?;
    let name = read_name(&mut map, reader, context);
    let app_id = match map.get("app_id") {
        Some(node) => non_blank(node, "`app_id`", reader),
        None => {
            reader.fault(map.place(), "this account has no `app_id`");
            None
        }
    };
    let secret = read_secret(&mut map, reader, context);
    let mut channels = match map.get("channels") {
        Some(node) => channel::read_all(
            node,
            "`channels`",
            context.live_interval,
            reader,
            context.seen,
        ),
        None => Vec::new(),
    };
    let mut watched = Vec::new();
    if let Some(node) = map.get("channel_files") {
        for node in reader.list(node, "`channel_files`") {
            channels.extend(read_files(node, reader, context, &mut watched));
        }
    }
    let discover = map
        .get("discover")
        .and_then(|node| discovery::read(node, reader));
    map.finish(reader);
    let (source, app_secret) = secret?;
    Some(Account {
        name: name?,
        credentials: Credentials {
            app_id: app_id?,
            app_secret,
        },
        secret: source,
        channels,
        watched_directories: watched,
        discover,
    })
}

fn read_name(
    map: &mut Mapping<'_>,
    reader: &mut Reader,
    context: &mut Context<'_>,
) -> Option<String> {
    let (name, place) = match map.get("name") {
        Some(node) => (non_blank(node, "`name`", reader)?, node.place),
        None => (DEFAULT_NAME.to_owned(), map.place()),
    };
    if let Some((_, before)) = context.names.iter().find(|(other, _)| *other == name) {
        let message = format!("a second account is called `{name}`: the first is at {before}");
        reader.fault(place, message);
        return None;
    }
    context.names.push((name.clone(), place));
    Some(name)
}

fn read_secret(
    map: &mut Mapping<'_>,
    reader: &mut Reader,
    context: &mut Context<'_>,
) -> Option<(SecretSource, AppSecret)> {
    let given: Vec<(&'static str, &Node)> = ["app_secret", "app_secret_file", "app_secret_env"]
        .into_iter()
        .filter_map(|key| Some((key, map.get(key)?)))
        .collect();
    let (key, node) = match given.as_slice() {
        [one] => *one,
        [] => {
            reader.fault(
                map.place(),
                "this account has no secret: give one of `app_secret_file`, `app_secret_env` \
                 and `app_secret`",
            );
            return None;
        }
        [_, (second, node), ..] => {
            let message = format!(
                "`{second}` is a second secret: give one of `app_secret_file`, \
                 `app_secret_env` and `app_secret`"
            );
            reader.fault(node.place, message);
            return None;
        }
    };
    // The value of `app_secret` may stand in no message, so it is not read like the others.
    let what = format!("`{key}`");
    let source = if key == "app_secret" {
        let text = reader.text(node, &what)?;
        match AppSecret::new(text) {
            Ok(secret) => SecretSource::Inline(secret),
            Err(empty) => {
                reader.fault(node.place, format!("{what}: {empty}"));
                return None;
            }
        }
    } else {
        let text = non_blank(node, &what, reader)?;
        if key == "app_secret_file" {
            SecretSource::File(context.directory.join(text))
        } else {
            SecretSource::Variable(text)
        }
    };
    match context.fingerprint.secret(&source) {
        Ok(secret) => Some((source, secret)),
        Err(why) => {
            reader.fault(node.place, format!("{what}: {why}"));
            None
        }
    }
}

/// Reads all files that a pattern names.
fn read_files(
    node: &Node,
    reader: &mut Reader,
    context: &mut Context<'_>,
    watched: &mut Vec<PathBuf>,
) -> Vec<Arc<Channel>> {
    let Some(pattern) = reader.text(node, "an entry of `channel_files`") else {
        return Vec::new();
    };
    // Patterns stand for names, so the directory's own name must not be read as one.
    let directory = glob::Pattern::escape(&context.directory.to_string_lossy());
    let absolute = Path::new(&directory).join(pattern);
    let paths = match context.fingerprint.expand(&absolute.to_string_lossy()) {
        Ok(paths) => paths,
        Err(error) => {
            let message = format!("`{pattern}` is no pattern: {}", error.msg);
            reader.fault(node.place, message);
            return Vec::new();
        }
    };
    watched.push(fixed_part(&context.directory.join(pattern)));
    if paths.is_empty() {
        context.warnings.push(Diagnostic {
            source: Arc::clone(reader.source()),
            place: Some(node.place),
            message: format!("`{pattern}` matches no file so far"),
        });
    }
    let mut channels = Vec::new();
    for path in paths {
        match path {
            Ok(path) => {
                if let Some(directory) = path.parent()
                    && !watched.iter().any(|other| other == directory)
                {
                    watched.push(directory.to_owned());
                }
                channels.extend(read_file(&path, reader, context));
            }
            Err(error) => reader.fault(node.place, error.to_string()),
        }
    }
    channels
}

/// Reads a channel file: a list of channels.
fn read_file(path: &Path, reader: &mut Reader, context: &mut Context<'_>) -> Vec<Arc<Channel>> {
    let source: Arc<str> = path.to_string_lossy().into();
    let parsed = context
        .fingerprint
        .read(path)
        .map_err(|error| Diagnostic {
            source: Arc::clone(&source),
            place: None,
            message: format!("this channel file can't be read: {error}"),
        })
        .and_then(|text| Node::parse(&source, &text));
    let root = match parsed {
        Ok(root) => root,
        Err(fault) => {
            reader.absorb(&fault.into());
            return Vec::new();
        }
    };
    let mut inner = Reader::new(source);
    let channels = if is_empty(&root) {
        Vec::new()
    } else {
        channel::read_all(
            &root,
            "a channel file",
            context.live_interval,
            &mut inner,
            context.seen,
        )
    };
    reader.absorb(&inner.into_faults());
    channels
}

/// An empty document parses as an empty mapping; as a channel file it is an empty list.
fn is_empty(root: &Node) -> bool {
    matches!(&root.value, crate::yaml::Value::Map(entries) if entries.is_empty())
}

/// The directory of a pattern, as far as it has no wildcards.
fn fixed_part(pattern: &Path) -> PathBuf {
    let mut fixed = PathBuf::new();
    for part in pattern.parent().unwrap_or(pattern).components() {
        if part.as_os_str().to_string_lossy().contains(['*', '?', '[']) {
            break;
        }
        fixed.push(part);
    }
    fixed
}

fn non_blank(node: &Node, what: &str, reader: &mut Reader) -> Option<String> {
    let text = reader.text(node, what)?.trim();
    if text.is_empty() {
        reader.fault(node.place, format!("{what} is empty"));
        return None;
    }
    Some(text.to_owned())
}
