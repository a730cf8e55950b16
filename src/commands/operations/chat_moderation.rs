//! `chat moderation`

use super::verdict::{Ending, Trouble, Verdict};
use super::{Failure, Operator, operate};
use crate::cli::{ChatModerationArgs, SwitchArg};
use polyv_client::set_chat_moderation;

pub(crate) fn run(arguments: &ChatModerationArgs) -> Result<(), Failure> {
    let ChatModerationArgs { operation, state } = arguments;
    operate(operation, async |operator| {
        let what = format!("Chat moderation of channel {}", operator.channel_id);
        switch(&operator, &what, *state, operation.dry_run)
            .await
            .unwrap_or_else(|trouble| Verdict::trouble(&operator, &what, &trouble))
    })
}

async fn switch(
    operator: &Operator,
    what: &str,
    wanted: SwitchArg,
    dry_run: bool,
) -> Result<Verdict, Trouble> {
    let present = async || {
        operator
            .read(async |client, permit| client.chat_moderation(permit, &operator.channel_id).await)
            .await
    };
    let before = present().await?;
    // Polyv could toggle by itself; but then nobody could say what a lost answer left behind.
    let wanted = match wanted {
        SwitchArg::On => true,
        SwitchArg::Off => false,
        SwitchArg::Toggle => !before,
    };
    if before == wanted {
        let text = format!("{what}: {} already", word(before));
        let verdict = Verdict::new(operator, Ending::Unchanged, text);
        return Ok(verdict.with("before", &before).with("after", &before));
    }
    let request = set_chat_moderation(&operator.channel_id, wanted);
    if dry_run {
        return Ok(Verdict::dry_run(operator, &[operator.preview(&request)]));
    }
    operator.write(&request).await?;
    let from_to = format!("{what}: {} → {}", word(before), word(wanted));
    let verdict = match present().await {
        Ok(after) if after == wanted => {
            Verdict::new(operator, Ending::Done, from_to).with("after", &after)
        }
        Ok(after) => {
            let text = format!(
                "{from_to}: Polyv accepted that, and says that it is {} all the same",
                word(after)
            );
            Verdict::new(operator, Ending::NotDone, text)
                .with("after", &after)
                .with(
                    "error",
                    &"it was accepted, and was not so when it was read back",
                )
        }
        Err(trouble) => {
            let text = format!(
                "{from_to}: Polyv accepted that, but it could not be read back. {}",
                trouble.what
            );
            Verdict::new(operator, Ending::Unknown, text)
                .with("error", &trouble.what)
                .with("outcome", &trouble.outcome)
        }
    };
    Ok(verdict.with("before", &before))
}

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
