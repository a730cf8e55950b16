//! `chat send`

use std::collections::HashMap;
use std::fmt::{self, Write};
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

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum MessageStatus {
    Sent,
    /// Polyv will not have it.
    Refused,
    /// It may be sent again.
    NotSent,
    /// It may have been sent.
    Unknown,
}

/// What became of one message, and why.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageReport<'a> {
    /// Which of the messages that were given it is, from 1.
    number: usize,
    msg_id: &'a str,
    result: MessageStatus,
    /// Polyv's id of a message that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip)]
    message: &'a ChatMessage,
}

pub(crate) fn run(arguments: &SendArgs) -> Result<(), CommandError> {
    let messages = messages::read(arguments)?;
    let batch_size = usize::from(arguments.batch_size);
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

/// Sends batch after batch, up to the first that fails as a whole.
async fn send<'a>(
    context: &OperationContext<'_>,
    messages: &'a [ChatMessage],
    batch_size: usize,
) -> (Vec<MessageReport<'a>>, Option<OperationError>) {
    let mut reports: Vec<_> = (1..).zip(messages).map(MessageReport::not_tried).collect();
    let bar = progress(messages.len(), batch_size);
    let mut error = None;
    for (batch, reports) in messages
        .chunks(batch_size)
        .zip(reports.chunks_mut(batch_size))
    {
        let request = send_chat_messages(context.channel_id, batch);
        match context.write(&request).await {
            Ok(results) => record(reports, results),
            Err(failure) => {
                let status = failed_status(&failure, batch);
                for report in reports {
                    report.failed(status, &failure.what);
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
fn failed_status(error: &OperationError, batch: &[ChatMessage]) -> MessageStatus {
    match (error.effect, error.outcome) {
        (Effect::Unknown, _) => MessageStatus::Unknown,
        (Effect::None, Some("rejected")) if batch.len() == 1 => MessageStatus::Refused,
        (Effect::None, _) => MessageStatus::NotSent,
    }
}

/// Records the results of a batch. Their order means nothing.
fn record(reports: &mut [MessageReport<'_>], results: Vec<ChatResult>) {
    let results = results
        .into_iter()
        .map(|result| (result.msg_id.clone(), result));
    let mut results: HashMap<String, ChatResult> = results.collect();
    for report in reports {
        let Some(result) = results.remove(report.msg_id) else {
            report.failed(
                MessageStatus::Unknown,
                "Polyv's response does not mention it",
            );
            continue;
        };
        match result.sent {
            Some(true) => {
                report.result = MessageStatus::Sent;
                (report.id, report.reason) = (result.id, None);
            }
            Some(false) => report.failed(MessageStatus::Refused, &result.reason),
            None => {
                let why = "Polyv's response does not say whether it was sent";
                report.failed(MessageStatus::Unknown, why);
            }
        }
    }
}

/// The report on all messages.
fn summary(
    channel_id: &str,
    reports: &[MessageReport<'_>],
    unsent_file: Option<&Path>,
) -> OperationReport {
    let with = |status| reports.iter().filter(move |report| report.result == status);
    let sent = with(MessageStatus::Sent).count();
    let unknown = with(MessageStatus::Unknown).count();
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
    for status in [
        MessageStatus::Refused,
        MessageStatus::NotSent,
        MessageStatus::Unknown,
    ] {
        let number = with(status).count();
        if number > 0 {
            _ = write!(text, ", {number} {}", status.as_str());
        }
    }
    if unknown > 0 {
        text.push_str(
            "\n→ Those that are unknown may have been sent, and were not sent again. Look at \
             the chat before you do.",
        );
    }
    let unsent: Vec<_> = with(MessageStatus::NotSent)
        .map(|report| report.message)
        .collect();
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
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::NotSent => "not sent",
            Self::Unknown => "unknown",
        }
    }
}

// === impl MessageReport ===

impl<'a> MessageReport<'a> {
    fn not_tried((number, message): (usize, &'a ChatMessage)) -> Self {
        Self {
            number,
            msg_id: &message.msg_id,
            result: MessageStatus::NotSent,
            id: None,
            reason: Some("a call before it failed".to_owned()),
            message,
        }
    }

    fn failed(&mut self, result: MessageStatus, reason: &str) {
        self.result = result;
        self.reason = Some(reason.to_owned());
    }
}

impl fmt::Display for MessageReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (result, id) = (self.result.as_str(), self.msg_id.escape_debug());
        let details = self.id.as_ref().or(self.reason.as_ref());
        let details = details.map_or("", String::as_str);
        write!(f, "{result:<9} {:>3}  {id}  {details}", self.number)?;
        if self.result != MessageStatus::Sent {
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
        let mut reports: Vec<_> = (1..).zip(&batch).map(MessageReport::not_tried).collect();
        record(&mut reports, results);
        let statuses: Vec<_> = reports.iter().map(|report| report.result).collect();
        let unknown = MessageStatus::Unknown;
        let expected = [
            MessageStatus::Sent,
            MessageStatus::Refused,
            unknown,
            unknown,
        ];
        assert_eq!(statuses, expected);
        assert_eq!(reports[0].id.as_deref(), Some("polyv-a"));
        assert_eq!(reports[1].reason.as_deref(), Some("why"));
    }
}
