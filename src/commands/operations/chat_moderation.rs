//! `chat moderation`

use super::context::{OperationContext, operate};
use super::report::{OperationError, OperationReport, OperationStatus};
use crate::cli::{ChatModerationArgs, SwitchArg};
use crate::commands::error::CommandError;
use polyv_client::set_chat_moderation;

pub(crate) fn run(arguments: &ChatModerationArgs) -> Result<(), CommandError> {
    let ChatModerationArgs { operation, state } = arguments;
    operate(operation, async |context| {
        let what = format!("Chat moderation of channel {}", context.target.channel_id);
        switch(&context, &what, *state, operation.dry_run)
            .await
            .unwrap_or_else(|error| OperationReport::failed(&context.target, &what, &error))
    })
}

async fn switch(
    context: &OperationContext,
    what: &str,
    wanted: SwitchArg,
    dry_run: bool,
) -> Result<OperationReport, OperationError> {
    let present = async || {
        context
            .read(async |client, permit| {
                client
                    .chat_moderation(permit, &context.target.channel_id)
                    .await
            })
            .await
    };
    let before = present().await?;
    // Polyv could toggle itself, but then a lost response would leave an unknown state behind.
    let wanted = match wanted {
        SwitchArg::On => true,
        SwitchArg::Off => false,
        SwitchArg::Toggle => !before,
    };
    if before == wanted {
        let text = format!("{what}: {} already", word(before));
        let report = OperationReport::new(&context.target, OperationStatus::Unchanged, text);
        return Ok(report.with("before", &before).with("after", &before));
    }
    let request = set_chat_moderation(&context.target.channel_id, wanted);
    if dry_run {
        return Ok(OperationReport::dry_run(
            &context.target,
            &[context.preview(&request)],
        ));
    }
    context.write(&request).await?;
    let from_to = format!("{what}: {} → {}", word(before), word(wanted));
    let report = match present().await {
        Ok(after) if after == wanted => {
            OperationReport::new(&context.target, OperationStatus::Done, from_to)
                .with("after", &after)
        }
        Ok(after) => {
            let text = format!(
                "{from_to}: Polyv accepted that, and says that it is {} all the same",
                word(after)
            );
            OperationReport::new(&context.target, OperationStatus::NotDone, text)
                .with("after", &after)
                .with(
                    "error",
                    &"it was accepted, and was not so when it was read back",
                )
        }
        Err(error) => {
            let text = format!(
                "{from_to}: Polyv accepted that, but it could not be read back. {}",
                error.what
            );
            OperationReport::new(&context.target, OperationStatus::Unknown, text)
                .with("error", &error.what)
                .with("outcome", &error.outcome)
        }
    };
    Ok(report.with("before", &before))
}

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
