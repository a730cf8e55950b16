//! The messages to send: from the command line, a file or standard input.

use std::collections::HashMap;
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
    let (file, written) = match &arguments.messages {
        Some(path) => from_file(path)?,
        None => (String::new(), vec![Ok(from_flags(arguments))]),
    };
    let mut messages = Vec::new();
    let mut faults = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (number, written) in (1..).zip(written) {
        let place = match &arguments.messages {
            Some(_) => format!("{file}: message {number}: "),
            None => String::new(),
        };
        let mut fault = |why: String| faults.push(format!("{place}{why}"));
        let message = match written {
            Ok(written) => written.into_message()?,
            Err(why) => {
                fault(why);
                continue;
            }
        };
        for invalid in message.check().err().into_iter().flatten() {
            fault(invalid.to_string());
        }
        if let Some(first) = seen.insert(message.msg_id.clone(), number) {
            let id = message.msg_id.escape_debug();
            fault(format!("its `msgId` `{id}` is that of message {first}"));
        }
        messages.push(message);
    }
    if faults.is_empty() {
        return Ok(messages);
    }
    let faults = faults.join("\n");
    Err(CommandError::Usage(format!("nothing was sent:\n{faults}")))
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
    let (name, text) = if path == Path::new("-") {
        let text = std::io::read_to_string(std::io::stdin());
        ("standard input".to_owned(), text)
    } else {
        (path.display().to_string(), std::fs::read_to_string(path))
    };
    let usage = |why: String| CommandError::Usage(format!("{name}: {why}"));
    let text = text.map_err(|error| usage(format!("it can't be read: {error}")))?;
    // Raw, so that a field that stands twice is found.
    let list: Vec<Box<RawValue>> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| usage(format!("a JSON list of messages was expected: {error}")))?;
    if list.is_empty() {
        return Err(usage("there is no message in it".to_owned()));
    }
    let read = |value: Box<RawValue>| match value.get() {
        object if object.starts_with('{') => {
            serde_json::from_str(object).map_err(|error| error.to_string())
        }
        _ => Err("it is no JSON object".to_owned()),
    };
    let written = list.into_iter().map(read).collect();
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
