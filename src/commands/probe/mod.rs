//! `probe`: asks Polyv once about a channel and shows what it said.

mod advice;
mod report;
mod text;
mod trend;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::{Failure, configuration, exporter, output};
use crate::cli::{Output, ProbeArgs};
use crate::clock::Clock;
use crate::config::{Account, Config, check_channel_id};
use crate::poller;
use crate::polyv::{Client, Error, Limiter, PolyvClock, Range, Settings, StreamInfo};
use crate::telemetry::start_log;
use report::{Companions, Report};

/// How much is asked for, and shown as a trend.
const LOOKBACK: Duration = Duration::from_secs(600);

/// Asks, shows, and says what to do where something is wrong.
pub(super) fn run(arguments: &ProbeArgs) -> Result<(), Failure> {
    start_log(arguments.log.level, arguments.log.format);
    check_channel_id(&arguments.channel_id).map_err(Failure::Usage)?;
    let (_source, config) = configuration::load(&arguments.config)?;
    let account = choose(&config, arguments)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let report = runtime.block_on(ask(&config, account, &arguments.channel_id))?;
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
        Err(Failure::Told)
    }
}

/// The account to ask as.
fn choose<'a>(config: &'a Config, arguments: &ProbeArgs) -> Result<&'a Account, Failure> {
    let names = || {
        let names: Vec<_> = config.accounts.iter().map(|a| a.name.as_str()).collect();
        names.join(", ")
    };
    if let Some(name) = &arguments.account {
        return config
            .accounts
            .iter()
            .find(|account| account.name == *name)
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "there is no account `{name}`; the configuration has: {}",
                    names()
                ))
            });
    }
    match (
        config.account_of(&arguments.channel_id),
        config.accounts.as_slice(),
    ) {
        (Some(account), _) | (None, [account]) => Ok(account),
        _ => Err(Failure::Usage(format!(
            "no account of the configuration lists channel {}: say with --account which one \
             to ask as ({})",
            arguments.channel_id,
            names()
        ))),
    }
}

async fn ask(config: &Config, account: &Account, channel_id: &str) -> anyhow::Result<Report> {
    let clock = Arc::new(PolyvClock::new(Clock::default()));
    let limiter = Limiter::new(poller::limit_of(config));
    let client = Client::new(
        Settings {
            base_url: config.api.base_url.clone(),
            timeout: config.api.timeout,
            zone: config.poll.time_zone,
        },
        exporter::transport(config).map_err(anyhow::Error::msg)?,
        Arc::clone(&clock),
        account.credentials.clone(),
    );
    let question = async || -> Result<StreamInfo, Error> {
        let permit = limiter.acquire().await;
        let range = Range::since(clock.now().polyv - LOOKBACK);
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
    let companions = if puzzling {
        let permit = limiter.acquire().await;
        let validity = client.status_valid(permit, &[channel_id]).await;
        let permit = limiter.acquire().await;
        let status = client.live_status(permit, &[channel_id]).await;
        Companions::found(channel_id, validity, status)
    } else {
        Companions::default()
    };
    let name = account
        .channels
        .iter()
        .find(|channel| channel.id == channel_id)
        .map(|channel| channel.name.clone());
    Ok(Report::new(
        report::Asked {
            account: account.name.clone(),
            channel_id: channel_id.to_owned(),
            channel_name: name,
            at: clock.now().polyv,
            clock_skew_seconds: clock.skew_seconds(Duration::MAX),
        },
        result,
        &companions,
    ))
}
