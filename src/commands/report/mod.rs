//! `report`: what happened in a broadcast, for people and programs.

mod history;

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::api_session::with_session;
use super::{CommandError, load_config, output};
use crate::cli::{AccountArgs, Output, ReportArgs, ReportFormat};
use crate::config::{RecorderConfig, check_channel_id};
use crate::report::{self, BroadcastReport, ChannelReports, Presentation};
use crate::telemetry::init_tracing;

/// Writes the report.
pub(super) fn run(arguments: &ReportArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    check_channel_id(&arguments.channel_id).map_err(CommandError::Usage)?;
    let config = load_config::load(&arguments.config)?;
    let account = config
        .account_of(&arguments.channel_id)
        .map(|account| account.name.as_str());
    let account = arguments.account.as_deref().or(account);
    let report = match &config.recorder {
        Some(recorder) => recorded(arguments, account, recorder)?,
        None => requested(arguments)?,
    };
    let text = render(arguments, &report)?;
    match &arguments.output {
        Some(path) => write(path, &text)?,
        None => output::show(&text)?,
    }
    Ok(())
}

/// The report on a recorded broadcast.
fn recorded(
    arguments: &ReportArgs,
    account: Option<&str>,
    recorder: &RecorderConfig,
) -> anyhow::Result<BroadcastReport> {
    let channel_id = &arguments.channel_id;
    let gap = recorder.broadcast_gap;
    let reports = ChannelReports::open(&recorder.path, account, channel_id, gap)?;
    let reports = reports.with_context(|| {
        let path = recorder.path.display();
        format!("the recording in {path} has nothing of channel {channel_id}")
    })?;
    if arguments.since.is_some() || arguments.until.is_some() {
        let report = reports.period(arguments.since, arguments.until)?;
        return report.with_context(|| {
            format!("the recording has nothing of channel {channel_id} in that period")
        });
    }
    let chosen = arguments.broadcast.find(&reports.broadcasts);
    let report = chosen.map(|index| reports.broadcast(index)).transpose()?;
    report.flatten().with_context(|| {
        let starts = reports.broadcasts.iter().rev().take(10);
        let starts: Vec<_> = starts.map(|b| report::path_time(b.start)).collect();
        match starts.as_slice() {
            [] => format!("the recording has no broadcast of channel {channel_id}"),
            starts => format!(
                "there is no such broadcast of channel {channel_id}; the latest ones began at: {}",
                starts.join(", ")
            ),
        }
    })
}

/// The report on what Polyv has of a live channel.
fn requested(arguments: &ReportArgs) -> Result<BroadcastReport, CommandError> {
    let account = AccountArgs {
        config: arguments.config.clone(),
        account: arguments.account.clone(),
        output: Output::Text,
        log: arguments.log.clone(),
    };
    with_session(&account, &arguments.channel_id, async |session| {
        history::report(&session, arguments).await
    })
}

fn render(arguments: &ReportArgs, report: &BroadcastReport) -> anyhow::Result<String> {
    let shown = Presentation {
        language: arguments.lang,
        time_zone: arguments.time_zone,
    };
    Ok(match arguments.format() {
        ReportFormat::Html => report::html(report, shown, &maud::Markup::default()),
        ReportFormat::Markdown => report::markdown(report, shown),
        ReportFormat::Csv => report::csv(report),
        ReportFormat::Json => report::json(report)?,
    })
}

/// Writes a file as a whole: a reader never sees half of it.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = std::fs::File::create(path).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)
}
