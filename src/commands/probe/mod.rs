//! `probe`: asks Polyv once about a channel and shows what it said.

mod hints;
mod related_lookups;
mod report;
mod sparkline;
mod text;

use std::time::Duration;

use anyhow::Context;

use super::api_session::{ApiSession, select_account};
use super::{CommandError, load_config, output};
use crate::cli::{Output, ProbeArgs};
use crate::config::{Account, Config, check_channel_id};
use crate::telemetry::init_tracing;
use polyv_client::{Error, Range, StreamInfo};
use related_lookups::RelatedLookups;
use report::Report;

/// How much is asked for, and shown as a trend.
const LOOKBACK: Duration = Duration::from_secs(600);

/// Asks, shows, and says what to do where something is wrong.
pub(super) fn run(arguments: &ProbeArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    check_channel_id(&arguments.channel_id).map_err(CommandError::Usage)?;
    let (_source, config) = load_config::load(&arguments.config)?;
    let account = select_account(&config, &arguments.channel_id, arguments.account.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let report = runtime.block_on(ask(&config, account, &arguments.channel_id));
    // A name that is still being looked up must not keep the person waiting.
    runtime.shutdown_background();
    let report = report?;
    let shown = match arguments.output {
        Output::Text => text::write(&report, config.poll.time_zone),
        Output::Json => {
            let mut json = serde_json::to_string_pretty(&report)?;
            json.push('\n');
            json
        }
    };
    output::show(&shown)?;
    if report.is_answer() {
        Ok(())
    } else {
        Err(CommandError::AlreadyReported)
    }
}

async fn ask(config: &Config, account: &Account, channel_id: &str) -> anyhow::Result<Report> {
    let ApiSession {
        client,
        limiter,
        clock,
    } = ApiSession::new(config, account)?;
    let question = async || -> Result<StreamInfo, Error> {
        let permit = limiter.acquire().await;
        let range = Range::since(clock.now().server_time - LOOKBACK);
        client.stream_info(permit, channel_id, range).await
    };
    let mut result = question().await;
    if let Err(Error::ClockSkew(_)) = result {
        // Polyv's clock is known now.
        result = question().await;
    }
    let puzzling = match &result {
        Ok(info) => info.samples.is_empty(),
        Err(error) => matches!(error, Error::Rejected(_) | Error::Forbidden(_)),
    };
    let related = if puzzling {
        let permit = limiter.acquire().await;
        let validity = client.status_valid(permit, &[channel_id]).await;
        let permit = limiter.acquire().await;
        let status = client.live_status(permit, &[channel_id]).await;
        RelatedLookups::found(channel_id, validity, status)
    } else {
        RelatedLookups::default()
    };
    let name = account
        .channels
        .iter()
        .find(|channel| *channel.id == *channel_id)
        .map(|channel| channel.name.to_string());
    Ok(Report::new(
        report::QueryInfo {
            account: account.name.clone(),
            channel_id: channel_id.to_owned(),
            channel_name: name,
            at: clock.now().server_time,
            clock_skew_seconds: clock.skew_seconds(Duration::MAX),
        },
        result,
        &related,
    ))
}
