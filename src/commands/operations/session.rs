//! `session link`

use super::context::{OperationContext, operate};
use super::messages;
use super::report::{OperationReport, OperationStatus};
use crate::cli::LinkArgs;
use crate::commands::error::CommandError;
use polyv_client::{ExternalSessionId, link_sessions};

pub(crate) fn run(arguments: &LinkArgs) -> Result<(), CommandError> {
    // By value, since a variable may say `false`.
    let id = match (&arguments.external_id, arguments.generate) {
        (Some(id), false) => ExternalSessionId::new(id),
        (None, true) => ExternalSessionId::new(&messages::random_id()?),
        (None, false) | (Some(_), true) => {
            return Err(CommandError::Usage(
                "give either --external-id ID32 or --generate".to_owned(),
            ));
        }
    };
    let id = id.map_err(|error| CommandError::Usage(error.to_string()))?;
    let dry_run = arguments.operation.dry_run;
    operate(&arguments.operation, async |context| {
        let report = link(&context, &id, dry_run).await;
        report.with("external_id", &id.as_str())
    })
}

async fn link(
    context: &OperationContext<'_>,
    id: &ExternalSessionId,
    dry_run: bool,
) -> OperationReport {
    let channel = context.channel_id;
    let request = link_sessions(channel, id);
    let id = id.as_str();
    if dry_run {
        return context.dry_run(&[request]);
    }
    match context.write(&request).await {
        Ok(()) => OperationReport::new(
            OperationStatus::Done,
            format!(
                "Channel {channel}: the sessions that it starts from now on are linked to {id}"
            ),
        ),
        Err(error) => {
            let what = format!("Channel {channel}: linking its coming sessions to {id}");
            OperationReport::failed(&what, &error)
        }
    }
}
