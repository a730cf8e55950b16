//! Whether Polyv takes what a first configuration says.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;

use super::inputs::Channels;
use crate::commands::CommandError;
use crate::commands::api_session::ApiSession;
use crate::commands::probe;
use crate::config::Config;
use polyv_client::{ChannelPageRequest, Client, Error, Outcome, Permit, Range};

/// How much of a channel's history is requested: little, but Polyv refuses an empty range, and no
/// clock is exact.
const LOOKBACK: Duration = Duration::from_secs(60);

/// Sends a call for each channel, or for the first page of the account's channels, and returns what
/// was found, for a person.
///
/// # Errors
/// What Polyv refuses, and what to do.
pub(super) async fn with_polyv(
    config: &Config,
    channels: &Channels,
) -> Result<String, CommandError> {
    let account = config.accounts.first().context("there is no account")?;
    let session = ApiSession::new(config, account, "")?;
    match channels {
        Channels::Discovered => discovered(&session).await,
        Channels::Listed(ids) => listed(&session, ids).await,
    }
}

async fn discovered(session: &ApiSession<'_>) -> Result<String, CommandError> {
    let page = ChannelPageRequest {
        status: None,
        number: 1,
    };
    let list = async |client: &Client, permit: Permit| client.channel_list(permit, page).await;
    let page = session.read(list).await;
    let page = page.map_err(|error| refusal("the list of channels", &error))?;
    Ok(format!(
        "Polyv lists {} channels of this account\n",
        page.total
    ))
}

async fn listed(session: &ApiSession<'_>, ids: &[String]) -> Result<String, CommandError> {
    let mut found = String::new();
    let mut refusals = Vec::new();
    for id in ids {
        let info = async |client: &Client, permit: Permit| {
            let range = Range::since(session.clock.now().server_time - LOOKBACK);
            client.stream_info(permit, id, range).await
        };
        let state = match session.read(info).await {
            Ok(_) => "live",
            Err(Error::NotLive) => "not live",
            Err(error @ (Error::Rejected(_) | Error::Forbidden(_))) => {
                refusals.push(explain(&format!("channel {id}"), &error));
                continue;
            }
            // As for the other channels: one message is enough.
            Err(error) => return Err(refusal(&format!("channel {id}"), &error)),
        };
        _ = writeln!(found, "channel {id} is {state}");
    }
    if refusals.is_empty() {
        Ok(found)
    } else {
        Err(failed(&refusals.join("\n")))
    }
}

fn refusal(what: &str, error: &Error) -> CommandError {
    failed(&explain(what, error))
}

fn failed(text: &str) -> CommandError {
    anyhow::anyhow!("{text}\nNothing was written.").into()
}

/// What failed and what to do, a line each.
fn explain(what: &str, error: &Error) -> String {
    let mut text = format!("{what}: {error}");
    let outcome: Outcome = error.outcome();
    for advice in probe::advice(outcome, "main") {
        _ = write!(text, "\n  {advice}");
    }
    text
}
