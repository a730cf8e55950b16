//! Changing a setting: it is read, written, and read back.

use serde::Serialize;

use super::context::{OperationContext, operate};
use super::report::{OperationError, OperationReport, OperationStatus};
use crate::cli::OperationArgs;
use crate::commands::error::CommandError;
use polyv_client::{Client, Error, Permit, WriteRequest};

/// A setting of a channel.
pub(super) trait Setting: PartialEq + Serialize + Sized {
    /// What is set.
    const NAME: &'static str;

    /// Reads what is in force.
    async fn read(client: &Client, permit: Permit, channel_id: &str) -> Result<Self, Error>;

    /// Says what is in force already.
    fn unchanged(&self) -> String;

    /// Says what is changed to what.
    fn changed(&self, to: &Self) -> String;

    /// Says that `found` is in force, although Polyv accepted this one.
    fn contradicted(&self, found: &Self) -> String;
}

/// Makes `S` what `plan` makes of the one in force; `plan` also gives the request for that.
pub(super) fn change<S: Setting>(
    arguments: &OperationArgs,
    plan: impl Fn(&S) -> Result<(S, WriteRequest<()>), OperationError>,
) -> Result<(), CommandError> {
    operate(arguments, async |context| {
        let what = format!("{} of channel {}", S::NAME, context.channel_id);
        try_change(&context, &what, plan, arguments.dry_run)
            .await
            .unwrap_or_else(|error| OperationReport::failed(&what, &error))
    })
}

async fn try_change<S: Setting>(
    context: &OperationContext<'_>,
    what: &str,
    plan: impl Fn(&S) -> Result<(S, WriteRequest<()>), OperationError>,
    dry_run: bool,
) -> Result<OperationReport, OperationError> {
    let read = async |client: &Client, permit| S::read(client, permit, context.channel_id).await;
    let before = context.read(read).await?;
    let (after, request) = plan(&before)?;
    let report = if before == after {
        let text = format!("{what}:{}", before.unchanged());
        OperationReport::new(OperationStatus::Unchanged, text)
    } else if dry_run {
        context.dry_run(&[request])
    } else {
        context.write(&request).await?;
        let text = format!("{what}:{}", before.changed(&after));
        // Polyv's response to the change itself can't be relied on.
        read_back(context.read(read).await, &after, text)
    };
    Ok(report.with("before", &before).with("after", &after))
}

fn read_back<S: Setting>(
    found: Result<S, OperationError>,
    wanted: &S,
    text: String,
) -> OperationReport {
    match found {
        Ok(found) if found == *wanted => OperationReport::new(OperationStatus::Done, text),
        Ok(found) => {
            let text = text + &wanted.contradicted(&found);
            let why = "it was accepted, and was not so when it was read back";
            OperationReport::new(OperationStatus::NotDone, text)
                .with("found", &found)
                .with("error", &why)
        }
        Err(error) => {
            let why = &error.what;
            let text = format!("{text}\nPolyv accepted that, but it could not be read back. {why}");
            OperationReport::new(OperationStatus::Unknown, text).with_error(&error)
        }
    }
}
