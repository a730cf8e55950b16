//! `check-config`: validates a configuration.

use std::fmt::{Display, Write};
use std::path::Path;
use std::time::SystemTime;

use chrono::DateTime;

use super::{CommandError, output};
use crate::cli::CheckConfigArgs;
use crate::config::{Channel, Config, Source};
use crate::plan::{PlannedBroadcast, Schedule};
use crate::scheduler::capacity_warning;
use polyv_client::clock::Timestamp;
use web_config::{WebConfig, WebConfigFile};

/// Names every fault with its place, or says what the configuration comes to.
pub(super) fn run(arguments: &CheckConfigArgs) -> Result<(), CommandError> {
    let mut report = String::new();
    let config = Source::file(&arguments.file).and_then(|source| source.load());
    let mut valid = match config {
        Ok(config) => {
            describe(&config, arguments.file.display(), &mut report);
            true
        }
        Err(faults) => print_faults(&arguments.file, &faults, faults.len()),
    };
    if let Some(path) = &arguments.web.config_file {
        valid &= match WebConfigFile::new(path).load().config {
            Ok(web_config) => {
                describe_web(&web_config, path.display(), &mut report);
                true
            }
            Err(faults) => print_faults(path, &faults, faults.len()),
        };
    }
    output::show(&report)?;
    if valid {
        Ok(())
    } else {
        Err(CommandError::AlreadyReported)
    }
}

fn describe(config: &Config, file: impl Display, report: &mut String) {
    for warning in &config.warnings {
        _ = writeln!(report, "{warning} (warning)");
    }
    if let Some(warning) = capacity_warning(config) {
        _ = writeln!(report, "{file}: {warning} (warning)");
    }
    let (accounts, channels) = (config.accounts.len(), config.channel_count());
    _ = writeln!(
        report,
        "{file}: valid; accounts: {accounts}, channels: {channels}"
    );
    let now = SystemTime::now().into();
    for channel in config.accounts.iter().flat_map(|a| &a.channels) {
        if let Some(schedule) = &channel.schedule {
            describe_schedule(channel, schedule, now, report);
        }
    }
}

/// Lists the next broadcasts of a channel.
fn describe_schedule(channel: &Channel, schedule: &Schedule, now: Timestamp, report: &mut String) {
    const SHOWN: usize = 3;
    let format = |time: Timestamp, format: &str| {
        let time = DateTime::from_timestamp_millis(time.as_millis()).unwrap_or_default();
        time.with_timezone(&schedule.zone)
            .format(format)
            .to_string()
    };
    let describe = |broadcast: &PlannedBroadcast| {
        let start = format(broadcast.start, "%a %Y-%m-%d %H:%M");
        let end = format(broadcast.runs_until(), "%H:%M");
        format!("{start} to {end}")
    };
    let upcoming = schedule.upcoming(now, SHOWN);
    let broadcasts = if upcoming.is_empty() {
        "none".to_owned()
    } else {
        let broadcasts: Vec<String> = upcoming.iter().map(describe).collect();
        format!("{} ({})", broadcasts.join(", "), schedule.zone)
    };
    let Channel { id, name, .. } = channel;
    _ = writeln!(
        report,
        "channel {id} ({name}): next broadcasts: {broadcasts}"
    );
}

fn describe_web(web_config: &WebConfig, file: impl Display, report: &mut String) {
    let word = |is: bool| if is { "yes" } else { "no" };
    let (tls, passwords) = (word(web_config.has_tls()), word(web_config.requires_auth()));
    let clients = word(web_config.verifies_clients());
    _ = writeln!(
        report,
        "{file}: valid; TLS: {tls}, verified client certificates: {clients}, passwords: {passwords}"
    );
}

/// Prints the faults of a file, which is not valid.
#[allow(clippy::print_stderr)] // to a person
fn print_faults(path: &Path, faults: &impl Display, count: usize) -> bool {
    let noun = if count == 1 { "fault" } else { "faults" };
    eprintln!("{faults}\n{}: {count} {noun}", path.display());
    false
}
