//! `chat moderation`

use super::setting::{self, Setting};
use crate::cli::{ChatModerationArgs, SwitchArg};
use crate::commands::error::CommandError;
use polyv_client::{Client, Error, Permit, set_chat_moderation};

pub(crate) fn run(arguments: &ChatModerationArgs) -> Result<(), CommandError> {
    let ChatModerationArgs { operation, state } = arguments;
    setting::change(operation, |before: &bool| {
        // Polyv could toggle itself, but then a lost response would leave an unknown state behind.
        let wanted = match state {
            SwitchArg::On => true,
            SwitchArg::Off => false,
            SwitchArg::Toggle => !before,
        };
        Ok((wanted, set_chat_moderation(&operation.channel, wanted)))
    })
}

impl Setting for bool {
    const NAME: &'static str = "Chat moderation";

    async fn read(client: &Client, permit: Permit, channel_id: &str) -> Result<Self, Error> {
        client.chat_moderation(permit, channel_id).await
    }

    fn unchanged(&self) -> String {
        format!(" {} already", word(*self))
    }

    fn changed(&self, to: &Self) -> String {
        format!(" {} → {}", word(*self), word(*to))
    }

    fn contradicted(&self, found: &Self) -> String {
        let found = word(*found);
        format!(": Polyv accepted that, and says that it is {found} all the same")
    }
}

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
