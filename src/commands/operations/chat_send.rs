//! `chat send`

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::context::{OperationContext, operate};
use super::messages;
use super::report::{OperationError, OperationReport, OperationStatus};
use crate::cli::SendArgs;
use crate::commands::error::CommandError;
use polyv_client::{ChatMessage, ChatResult, Effect, send_chat_messages};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
enum MessageStatus {
    Sent {
        /// Polyv's id of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Polyv will not have it.
    Refused { reason: String },
    /// It may be sent again.
    NotSent { reason: String },
    /// It may have been sent.
    Unknown { reason: String },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// Which of the messages that were given it is, from 1.
    number: usize,
    msg_id: &'a str,
    #[serde(flatten)]
    status: &'a MessageStatus,
}

pub(crate) fn run(arguments: &SendArgs) -> Result<(), CommandError> {
    let messages = messages::read(arguments)?;
    let batch_size = usize::from(arguments.batch_size);
    let dry_run = arguments.operation.dry_run;
    operate(&arguments.operation, async |context| {
        if dry_run {
            let requests: Vec<_> = messages
                .chunks(batch_size)
                .map(|batch| send_chat_messages(&context.target.channel_id, batch))
                .map(|request| context.preview(&request))
                .collect();
            return OperationReport::dry_run(&context.target, &requests);
        }
        let (statuses, error) = send(&context, &messages, batch_size).await;
        let unsent = arguments.unsent.as_deref();
        let report = report(&context, &messages, &statuses, unsent);
        match error {
            Some(error) => report
                .with("error", &error.what)
                .with("outcome", &error.outcome),
            None => report,
        }
    })
}

/// Sends batch after batch, up to the first that fails as a whole.
async fn send(
    context: &OperationContext,
    messages: &[ChatMessage],
    batch_size: usize,
) -> (Vec<MessageStatus>, Option<OperationError>) {
    let mut failed = None;
    let bar = progress(messages.len(), batch_size);
    let mut statuses = Vec::with_capacity(messages.len());
    for batch in messages.chunks(batch_size) {
        let request = send_chat_messages(&context.target.channel_id, batch);
        match context.write(&request).await {
            Ok(results) => statuses.extend(matched(batch, results)),
            Err(error) => {
                let status = fate_of_batch(&error, batch.len());
                statuses.extend(std::iter::repeat_n(status, batch.len()));
                failed = Some(error);
                break;
            }
        }
        bar.set_position(statuses.len() as u64);
    }
    bar.finish_and_clear();
    let reason = "a call before it failed".to_owned();
    statuses.resize(messages.len(), MessageStatus::NotSent { reason });
    (statuses, failed)
}

/// Drawn on a terminal, and only where there is something to wait for.
fn progress(messages: usize, batch_size: usize) -> ProgressBar {
    if messages <= batch_size {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} messages");
    ProgressBar::new(messages as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Which message of several Polyv refused a call for, it does not say: then all may be sent
/// again, a few at a time.
fn fate_of_batch(error: &OperationError, messages: usize) -> MessageStatus {
    let reason = error.what.clone();
    match (error.effect, error.outcome) {
        (Effect::Unknown, _) => MessageStatus::Unknown { reason },
        (Effect::None, Some("rejected")) if messages == 1 => MessageStatus::Refused { reason },
        (Effect::None, _) => MessageStatus::NotSent { reason },
    }
}

/// The statuses of a batch's messages. The order of results means nothing.
fn matched(batch: &[ChatMessage], results: Vec<ChatResult>) -> Vec<MessageStatus> {
    let mut results: HashMap<String, ChatResult> = results
        .into_iter()
        .map(|result| (result.msg_id.clone(), result))
        .collect();
    batch
        .iter()
        .map(|message| match results.remove(&message.msg_id) {
            Some(result) => match result.sent {
                Some(true) => MessageStatus::Sent { id: result.id },
                Some(false) => MessageStatus::Refused {
                    reason: result.reason,
                },
                None => MessageStatus::Unknown {
                    reason: "Polyv's answer does not say whether it was sent".to_owned(),
                },
            },
            None => MessageStatus::Unknown {
                reason: "Polyv's answer says nothing of it".to_owned(),
            },
        })
        .collect()
}

fn report(
    context: &OperationContext,
    messages: &[ChatMessage],
    statuses: &[MessageStatus],
    unsent_file: Option<&Path>,
) -> OperationReport {
    let count =
        |is: fn(&MessageStatus) -> bool| statuses.iter().filter(|status| is(status)).count();
    let sent = count(|status| matches!(status, MessageStatus::Sent { .. }));
    let refused = count(|status| matches!(status, MessageStatus::Refused { .. }));
    let not_sent = count(|status| matches!(status, MessageStatus::NotSent { .. }));
    let unknown = count(|status| matches!(status, MessageStatus::Unknown { .. }));
    let ending = match (sent, unknown) {
        _ if sent == messages.len() => OperationStatus::Done,
        (_, 1..) => OperationStatus::Unknown,
        (0, 0) => OperationStatus::NotDone,
        (1.., 0) => OperationStatus::Partly,
    };
    let mut text = String::new();
    for (number, (message, status)) in (1..).zip(messages.iter().zip(statuses)) {
        let (word, why) = match status {
            MessageStatus::Sent { id } => ("sent", id.as_deref().unwrap_or("")),
            MessageStatus::Refused { reason } => ("refused", reason.as_str()),
            MessageStatus::NotSent { reason } => ("not sent", reason.as_str()),
            MessageStatus::Unknown { reason } => ("unknown", reason.as_str()),
        };
        let id = message.msg_id.escape_debug();
        _ = write!(text, "{word:<9} {number:>3}  {id}  {why}");
        if !matches!(status, MessageStatus::Sent { .. }) {
            // So that it is found where it may be: in the file, or in the chat.
            let excerpt: String = message.content.chars().take(30).collect();
            _ = write!(text, "  “{}”", excerpt.escape_debug());
        }
        text.push('\n');
    }
    _ = write!(text, "Channel {}: {sent} sent", context.target.channel_id);
    for (number, word) in [
        (refused, "refused"),
        (not_sent, "not sent"),
        (unknown, "unknown"),
    ] {
        if number > 0 {
            _ = write!(text, ", {number} {word}");
        }
    }
    if unknown > 0 {
        text.push_str(
            "\n→ Those that are unknown may have been sent, and were not sent again. Look at \
             the chat before you do.",
        );
    }
    let unsent: Vec<&ChatMessage> = messages
        .iter()
        .zip(statuses)
        .filter(|(_, status)| matches!(status, MessageStatus::NotSent { .. }))
        .map(|(message, _)| message)
        .collect();
    if !unsent.is_empty() || unsent_file.is_some() {
        write_unsent(&unsent, unsent_file, &mut text);
    }
    let lines: Vec<_> = (1..)
        .zip(messages.iter().zip(statuses))
        .map(|(number, (message, status))| Line {
            number,
            msg_id: &message.msg_id,
            status,
        })
        .collect();
    OperationReport::new(&context.target, ending, text)
        .with("messages", &lines)
        .with("unsent", &unsent)
}

/// Writes messages that were not sent to the given file, or shows them. A file is written even if
/// there are none: what an earlier run left there must not be sent again.
fn write_unsent(unsent: &[&ChatMessage], file: Option<&Path>, text: &mut String) {
    let json = serde_json::to_string_pretty(unsent).unwrap_or_default();
    if let Some(path) = file {
        match std::fs::write(path, format!("{json}\n")) {
            Ok(()) => {
                if !unsent.is_empty() {
                    let path = path.display();
                    _ = write!(text, "\n→ To send those that were not sent: --file {path}");
                }
                return;
            }
            Err(error) => _ = write!(text, "\n{} can't be written: {error}", path.display()),
        }
    }
    _ = write!(
        text,
        "\n→ To send those that were not sent, give this to --file:\n{json}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_matched_by_id_whatever_their_order() {
        let message = |id: &str| ChatMessage {
            msg_id: id.to_owned(),
            viewer_id: "v".to_owned(),
            nick_name: "n".to_owned(),
            content: "c".to_owned(),
            avatar: None,
            session_id: None,
            viewer_type: None,
        };
        let result = |id: &str, sent: Option<bool>| ChatResult {
            msg_id: id.to_owned(),
            id: Some(format!("polyv-{id}")),
            sent,
            reason: "why".to_owned(),
        };
        let batch = ["a", "b", "c", "d"].map(message);
        let results = vec![
            result("d", None),
            result("another one's", Some(true)),
            result("b", Some(false)),
            result("a", Some(true)),
        ];
        let statuses = matched(&batch, results);
        assert!(matches!(&statuses[0], MessageStatus::Sent { id: Some(id) } if id == "polyv-a"));
        assert!(matches!(&statuses[1], MessageStatus::Refused { reason } if reason == "why"));
        assert!(matches!(&statuses[2], MessageStatus::Unknown { .. }));
        assert!(matches!(&statuses[3], MessageStatus::Unknown { .. }));
    }
}
