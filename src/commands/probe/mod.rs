//! `probe`: polls a channel once and shows Polyv's response.

mod hints;
mod related_lookups;
mod report;
mod sources;
mod sparkline;
mod text;

use std::time::Duration;

use super::api_session::{ApiSession, with_session};
use super::{CommandError, output};
use crate::cli::ProbeArgs;
use polyv_client::{Client, Error, Outcome, Permit, Range};
use related_lookups::{RelatedLookups, Samples};
use report::Report;
use sources::SourceLookups;

/// How much is requested, and shown as a trend.
const LOOKBACK: Duration = Duration::from_secs(600);

/// Asks, shows, and says what to do where something is wrong.
pub(super) fn run(arguments: &ProbeArgs) -> Result<(), CommandError> {
    let (report, text) =
        with_session(&arguments.account, &arguments.channel_id, async |session| {
            let report = probe(&session).await;
            let text = text::write(&report, session.config.poll.time_zone);
            Ok((report, text))
        })?;
    output::show_report(arguments.account.output, &text, &report)?;
    if report.is_success() {
        Ok(())
    } else {
        Err(CommandError::AlreadyReported)
    }
}

async fn probe(session: &ApiSession<'_>) -> Report {
    let (channel_id, clock) = (session.channel_id, &session.clock);
    let range = || Range::since(clock.now().server_time - LOOKBACK);
    let result = session
        .read(async |client: &Client, permit: Permit| {
            client.stream_info(permit, channel_id, range()).await
        })
        .await;
    let (puzzling, may_be_live) = match &result {
        Ok(info) => (info.samples.is_empty(), true),
        Err(Error::Rejected(_) | Error::Forbidden(_)) => (true, true),
        Err(_) => (false, false),
    };
    let sources = if may_be_live {
        SourceLookups::probe(session, &result, range()).await
    } else {
        SourceLookups::default()
    };
    let related = if puzzling {
        RelatedLookups::probe(session).await
    } else {
        RelatedLookups::default()
    };
    Report::new(session, result, sources, &related)
}

/// What to do about an outcome of the account's call, where nothing else is known.
pub(super) fn advice(outcome: Outcome, account: &str) -> Vec<String> {
    hints::for_outcome(
        outcome,
        account,
        Samples::Some,
        &RelatedLookups::default(),
        &SourceLookups::default(),
    )
}
