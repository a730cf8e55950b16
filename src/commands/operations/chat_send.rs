//! `chat send`

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::fs::OpenOptions;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::context::{OperationContext, operate};
use super::messages;
use super::report::{OperationError, OperationReport, OperationStatus};
use crate::cli::SendArgs;
use crate::commands::error::CommandError;
use polyv_client::{ChatMessage, ChatResult, Effect, send_chat_messages, truncate};

/// Characters of a message that are shown if it was not sent.
const EXCERPT_CHARS: usize = 30;

const SENT: &str = "sent";
const REFUSED: &str = "refused";
const NOT_SENT: &str = "not sent";
const UNKNOWN: &str = "unknown";

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

/// What became of one of the messages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageReport<'a> {
    /// Which of the messages that were given it is, from 1.
    number: usize,
    msg_id: &'a str,
    #[serde(flatten)]
    status: MessageStatus,
    #[serde(skip)]
    message: &'a ChatMessage,
}

pub(crate) fn run(arguments: &SendArgs) -> Result<(), CommandError> {
    let messages = messages::read(arguments)?;
    let batch_size = usize::from(arguments.batch_size);
    if let Some(path) = arguments.unsent.as_deref()
        && !arguments.operation.dry_run
    {
        check_writable(path)?;
    }
    operate(&arguments.operation, async |context| {
        if arguments.operation.dry_run {
            let batches = messages.chunks(batch_size);
            let requests = batches.map(|batch| send_chat_messages(context.channel_id, batch));
            return context.dry_run(&requests.collect::<Vec<_>>());
        }
        let (reports, error) = send(&context, &messages, batch_size).await;
        let report = summary(context.channel_id, &reports, arguments.unsent.as_deref());
        match error {
            Some(error) => report.with_error(&error),
            None => report,
        }
    })
}

/// Checks that the messages that will not be sent can be written, before any is sent.
fn check_writable(path: &Path) -> Result<(), CommandError> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(|_| ()).map_err(|error| {
        let path = path.display();
        CommandError::Usage(format!(
            "nothing was sent: {path} can't be written: {error}"
        ))
    })
}

/// Sends batch after batch, up to the first that fails as a whole.
async fn send<'a>(
    context: &OperationContext<'_>,
    messages: &'a [ChatMessage],
    batch_size: usize,
) -> (Vec<MessageReport<'a>>, Option<OperationError>) {
    let mut reports = not_tried(messages);
    let bar = progress(messages.len(), batch_size);
    let mut error = None;
    let batches = messages.chunks(batch_size);
    for (batch, reports) in batches.zip(reports.chunks_mut(batch_size)) {
        let request = send_chat_messages(context.channel_id, batch);
        match context.write(&request).await {
            Ok(results) => record(reports, results),
            Err(failure) => {
                let status = failed_status(&failure, batch.len());
                for report in reports {
                    report.status = status.clone();
                }
                error = Some(failure);
                break;
            }
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    (reports, error)
}

fn not_tried(messages: &[ChatMessage]) -> Vec<MessageReport<'_>> {
    let status = MessageStatus::NotSent {
        reason: "a call before it failed".to_owned(),
    };
    let reports = (1..).zip(messages).map(|(number, message)| MessageReport {
        number,
        msg_id: &message.msg_id,
        status: status.clone(),
        message,
    });
    reports.collect()
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

/// What became of all messages of a call that failed. Which of several messages Polyv refused a
/// call for, it does not say: then all may be sent again, a few at a time.
fn failed_status(error: &OperationError, messages: usize) -> MessageStatus {
    let reason = error.what.clone();
    match (error.effect, error.outcome) {
        (Effect::Unknown, _) => MessageStatus::Unknown { reason },
        (Effect::None, Some("rejected")) if messages == 1 => MessageStatus::Refused { reason },
        (Effect::None, _) => MessageStatus::NotSent { reason },
    }
}

/// Records the results of a batch. Their order means nothing.
fn record(reports: &mut [MessageReport<'_>], results: Vec<ChatResult>) {
    let unknown = |reason: &str| MessageStatus::Unknown {
        reason: reason.to_owned(),
    };
    let by_id = results
        .into_iter()
        .map(|result| (result.msg_id.clone(), result));
    let mut by_id: HashMap<String, ChatResult> = by_id.collect();
    for report in reports {
        let Some(ChatResult {
            sent, id, reason, ..
        }) = by_id.remove(report.msg_id)
        else {
            report.status = unknown("Polyv's answer says nothing of it");
            continue;
        };
        report.status = match sent {
            Some(true) => MessageStatus::Sent { id },
            Some(false) => MessageStatus::Refused { reason },
            None => unknown("Polyv's answer does not say whether it was sent"),
        };
    }
}

/// The report on all messages.
fn summary(
    channel_id: &str,
    reports: &[MessageReport<'_>],
    unsent_file: Option<&Path>,
) -> OperationReport {
    let count = |word| {
        let words = reports.iter().map(|report| report.status.describe().0);
        words.filter(|other| *other == word).count()
    };
    let (sent, unknown) = (count(SENT), count(UNKNOWN));
    let ending = match (sent, unknown) {
        _ if sent == reports.len() => OperationStatus::Done,
        (_, 1..) => OperationStatus::Unknown,
        (0, 0) => OperationStatus::NotDone,
        (1.., 0) => OperationStatus::Partly,
    };
    let mut text = String::new();
    for report in reports {
        _ = writeln!(text, "{report}");
    }
    _ = write!(text, "Channel {channel_id}: {sent} sent");
    for word in [REFUSED, NOT_SENT, UNKNOWN] {
        let number = count(word);
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
    let is_unsent = |report: &&MessageReport<'_>| report.status.describe().0 == NOT_SENT;
    let unsent = reports.iter().filter(is_unsent);
    let unsent: Vec<_> = unsent.map(|report| report.message).collect();
    if !unsent.is_empty() || unsent_file.is_some() {
        write_unsent(&unsent, unsent_file, &mut text);
    }
    OperationReport::new(ending, text)
        .with("messages", &reports)
        .with("unsent", &unsent)
}

/// Writes messages that were not sent to the given file, or shows them. A file is written even if
/// there are none: what an earlier run left there must not be sent again.
fn write_unsent(unsent: &[&ChatMessage], file: Option<&Path>, text: &mut String) {
    let json = match serde_json::to_string_pretty(unsent) {
        Ok(json) => json,
        Err(error) => {
            _ = write!(text, "\nThose that were not sent can't be written: {error}");
            return;
        }
    };
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

// === impl MessageStatus ===

impl MessageStatus {
    /// The status in a word, with Polyv's id of the message or the reason.
    fn describe(&self) -> (&'static str, &str) {
        match self {
            Self::Sent { id } => (SENT, id.as_deref().unwrap_or_default()),
            Self::Refused { reason } => (REFUSED, reason),
            Self::NotSent { reason } => (NOT_SENT, reason),
            Self::Unknown { reason } => (UNKNOWN, reason),
        }
    }
}

// === impl MessageReport ===

impl fmt::Display for MessageReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((word, details), id) = (self.status.describe(), self.msg_id.escape_debug());
        write!(f, "{word:<9} {:>3}  {id}  {details}", self.number)?;
        if word != SENT {
            // So that it is found where it may be: in the file, or in the chat.
            let excerpt = truncate(&self.message.content, EXCERPT_CHARS);
            write!(f, "  “{}”", excerpt.escape_debug())?;
        }
        Ok(())
    }
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
        let mut reports = not_tried(&batch);
        record(&mut reports, results);
        let described: Vec<_> = reports.iter().map(|r| r.status.describe()).collect();
        assert_eq!(described[..2], [(SENT, "polyv-a"), (REFUSED, "why")]);
        assert!(described[2..].iter().all(|(word, _)| *word == UNKNOWN));
    }
}
