//! The messages to send: from the command line, a file or standard input.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use ring::rand;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::SendArgs;
use crate::commands::error::CommandError;
use polyv_client::{ChatMessage, ViewerType};

/// A message as people write it: one without an id gets one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageInput {
    msg_id: Option<String>,
    viewer_id: String,
    nick_name: String,
    content: String,
    avatar: Option<String>,
    session_id: Option<String>,
    viewer_type: Option<ViewerType>,
}

/// The messages, checked as Polyv checks them.
///
/// # Errors
/// Every fault, each with the message's number and the field; then nothing is to be sent.
pub(super) fn read(arguments: &SendArgs) -> Result<Vec<ChatMessage>, CommandError> {
    let (of, written) = match &arguments.messages {
        Some(path) => from_file(path)?,
        None => (String::new(), vec![Ok(from_flags(arguments))]),
    };
    let mut messages = Vec::new();
    let mut faults = String::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let alone = written.len() == 1 && arguments.messages.is_none();
    for (number, written) in (1..).zip(written) {
        let place = if alone {
            String::new()
        } else {
            format!("{of}: message {number}: ")
        };
        let message = match written {
            Ok(written) => written.into_message()?,
            Err(why) => {
                _ = writeln!(faults, "{place}{why}");
                continue;
            }
        };
        for fault in message.check().err().into_iter().flatten() {
            _ = writeln!(faults, "{place}{fault}");
        }
        if let Some(first) = seen.insert(message.msg_id.clone(), number) {
            let id = message.msg_id.escape_debug();
            _ = writeln!(
                faults,
                "{place}its `msgId` `{id}` is that of message {first}"
            );
        }
        messages.push(message);
    }
    if faults.is_empty() {
        Ok(messages)
    } else {
        Err(CommandError::Usage(format!(
            "nothing was sent:\n{}",
            faults.trim_end()
        )))
    }
}

/// A new random id: 32 hex digits.
///
/// # Errors
/// Where the system has no randomness to give.
pub(super) fn random_id() -> anyhow::Result<String> {
    let bytes = rand::generate::<[u8; 16]>(&rand::SystemRandom::new())
        .map_err(|_unspecified| anyhow::anyhow!("the system has no randomness for an id"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes.expose())))
}

fn from_flags(arguments: &SendArgs) -> MessageInput {
    MessageInput {
        msg_id: arguments.msg_id.clone(),
        viewer_id: arguments.viewer_id.clone().unwrap_or_default(),
        nick_name: arguments.nickname.clone().unwrap_or_default(),
        content: arguments.content.clone().unwrap_or_default(),
        avatar: arguments.avatar.clone(),
        session_id: arguments.session_id.clone(),
        viewer_type: arguments.viewer_type,
    }
}

/// A message as it was written, or why it can't be read.
type Entry = Result<MessageInput, String>;

/// What is in a file, message by message, and what to call the file.
fn from_file(path: &Path) -> Result<(String, Vec<Entry>), CommandError> {
    let from_stdin = path == Path::new("-");
    let name = if from_stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let text = if from_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let usage = |why: String| CommandError::Usage(format!("{name}: {why}"));
    let text = text.map_err(|error| usage(format!("it can't be read: {error}")))?;
    // Raw, so that a field that stands twice is found.
    let list: Vec<Box<RawValue>> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| usage(format!("a JSON list of messages was expected: {error}")))?;
    if list.is_empty() {
        return Err(usage("there is no message in it".to_owned()));
    }
    let written = list
        .into_iter()
        .map(|value| {
            if value.get().starts_with('{') {
                serde_json::from_str(value.get()).map_err(|error| error.to_string())
            } else {
                Err("it is no JSON object".to_owned())
            }
        })
        .collect();
    Ok((name, written))
}

impl MessageInput {
    fn into_message(self) -> anyhow::Result<ChatMessage> {
        let msg_id = match self.msg_id {
            Some(id) => id,
            None => random_id()?,
        };
        Ok(ChatMessage {
            msg_id,
            viewer_id: self.viewer_id,
            nick_name: self.nick_name,
            content: self.content,
            avatar: self.avatar,
            session_id: self.session_id,
            viewer_type: self.viewer_type,
        })
    }
}
