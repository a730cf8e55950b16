//! `session link`

use super::verdict::{Ending, Verdict};
use super::{Failure, Operator, messages, operate};
use crate::cli::LinkArgs;
use polyv_client::{ExternalSessionId, link_sessions};

pub(crate) fn run(arguments: &LinkArgs) -> Result<(), Failure> {
    // By value, since a variable may say `false`.
    let id = match (&arguments.external_id, arguments.generate) {
        (Some(id), false) => ExternalSessionId::new(id),
        (None, true) => ExternalSessionId::new(&messages::random_id()?),
        (None, false) | (Some(_), true) => {
            return Err(Failure::Usage(
                "give either --external-id ID32 or --generate".to_owned(),
            ));
        }
    };
    let id = id.map_err(|error| Failure::Usage(error.to_string()))?;
    let dry_run = arguments.operation.dry_run;
    operate(&arguments.operation, async |operator| {
        link(&operator, &id, dry_run)
            .await
            .with("external_id", &id.as_str())
    })
}

async fn link(operator: &Operator, id: &ExternalSessionId, dry_run: bool) -> Verdict {
    let request = link_sessions(&operator.channel_id, id);
    if dry_run {
        return Verdict::dry_run(operator, &[operator.preview(&request)]);
    }
    let channel = &operator.channel_id;
    match operator.write(&request).await {
        Ok(()) => Verdict::new(
            operator,
            Ending::Done,
            format!(
                "Channel {channel}: the sessions that it starts from now on are linked to {}",
                id.as_str()
            ),
        ),
        Err(trouble) => {
            let what = format!(
                "Channel {channel}: linking its coming sessions to {}",
                id.as_str()
            );
            Verdict::trouble(operator, &what, &trouble)
        }
    }
}
