//! `replay`: which health issues recorded channels would have had with a configuration.

use std::fmt::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::{CommandError, load_config, output};
use crate::cli::ReplayArgs;
use crate::config::{Channel, Config};
use crate::display::Language;
use crate::recorder::{Period, Reader};
use crate::replay::{ReplayedIssue, WARM_UP, replay};
use crate::report::{Presentation, utc};
use crate::scheduler::freshness_policy;
use crate::state::ChannelMeta;
use crate::telemetry::init_tracing;
use polyv_client::StreamName;

/// A channel and the issues that it would have had.
struct Replayed {
    meta: ChannelMeta,
    issues: Vec<ReplayedIssue>,
}

#[derive(Serialize)]
struct IssueJson<'a> {
    account: &'a str,
    channel_id: &'a str,
    channel_name: &'a str,
    stream: Option<&'a str>,
    problem: &'static str,
    severity: &'static str,
    start: String,
    end: Option<String>,
    seconds: f64,
}

/// Plays, and shows.
pub(super) fn run(arguments: &ReplayArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    if arguments.since >= arguments.until {
        return Err(CommandError::Usage(
            "--since has to be before --until".to_owned(),
        ));
    }
    let config = load_config::load(&arguments.config)?;
    let Some(recorder) = &config.recorder else {
        return Err(CommandError::Usage(
            "nothing is recorded: the configuration has no `recorder.path`".to_owned(),
        ));
    };
    let channels = channels(&config, arguments);
    if channels.is_empty() {
        return Err(CommandError::Usage(
            "the configuration has no such channel".to_owned(),
        ));
    }
    let period = Period {
        start: arguments.since,
        end: arguments.until,
    };
    let replayed = replay_all(&config, &channels, period, || {
        Ok(Reader::open(&recorder.path)?)
    })?;
    if replayed.is_empty() {
        return Err(CommandError::Failed(anyhow::anyhow!(
            "the recording in {} has nothing of these channels in that period",
            recorder.path.display()
        )));
    }
    let text = text(&replayed, arguments);
    output::show_report(arguments.output, &text, &json(&replayed))?;
    Ok(())
}

/// The configured channels that are to be played, sorted by account and id.
fn channels(config: &Config, arguments: &ReplayArgs) -> Vec<ChannelMeta> {
    let wanted = &arguments.channel;
    let is_wanted =
        |channel: &Channel| wanted.is_empty() || wanted.iter().any(|id| **id == *channel.id);
    let accounts = config.accounts.iter();
    let channels = accounts.flat_map(|account| {
        let name: Arc<str> = account.name.as_str().into();
        let channels = account.channels.iter();
        let channels = channels.filter(|channel| is_wanted(channel));
        channels.map(move |channel| ChannelMeta {
            account: Arc::clone(&name),
            channel: Arc::clone(channel),
        })
    });
    channels.collect()
}

/// Plays all channels, on all cores. Channels of which nothing was recorded are left out.
fn replay_all(
    config: &Config,
    channels: &[ChannelMeta],
    period: Period,
    open: impl Fn() -> anyhow::Result<Reader> + Sync,
) -> anyhow::Result<Vec<Replayed>> {
    let policy = freshness_policy(config);
    let next = AtomicUsize::new(0);
    let played = Period {
        start: period.start - WARM_UP,
        end: period.end,
    };
    let replayed = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        let reader = open()?;
        while let Some(meta) = channels.get(next.fetch_add(1, Ordering::Relaxed)) {
            let id = &meta.channel.id;
            let Some(recording) = reader.recording(&meta.account, id, played)? else {
                continue;
            };
            let issues = replay(&recording, meta.clone(), policy, period.start);
            let done = Replayed {
                meta: meta.clone(),
                issues,
            };
            let mut replayed = replayed.lock().unwrap_or_else(PoisonError::into_inner);
            replayed.push(done);
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut ends = workers.into_iter().map(|worker| {
            let end = worker.join();
            end.unwrap_or_else(|_| Err(anyhow::anyhow!("a recording cannot be played")))
        });
        ends.try_for_each(|end| end)
    })?;
    let mut replayed = replayed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    replayed.sort_by(|a: &Replayed, b| {
        (&a.meta.account, &a.meta.channel.id).cmp(&(&b.meta.account, &b.meta.channel.id))
    });
    Ok(replayed)
}

fn text(replayed: &[Replayed], arguments: &ReplayArgs) -> String {
    let shown = Presentation {
        language: Language::English,
        time_zone: arguments.time_zone,
    };
    let mut text = String::new();
    for Replayed { meta, issues } in replayed.iter().filter(|r| !r.issues.is_empty()) {
        let channel = &meta.channel;
        _ = writeln!(
            text,
            "{} {}",
            channel.id,
            crate::display::display_text(&channel.name)
        );
        for replayed in issues {
            let issue = &replayed.issue;
            let stream = issue.stream.as_ref();
            let stream = stream.map_or_else(String::new, |stream| format!(", {stream}"));
            _ = writeln!(
                text,
                "  {}  {:<22} {}{stream}{}",
                shown.date_time(replayed.period.start),
                issue.kind.as_str(),
                shown.length(length_ms(replayed)),
                if replayed.is_open { ", to the end" } else { "" },
            );
        }
    }
    let count: usize = replayed.iter().map(|channel| channel.issues.len()).sum();
    _ = writeln!(
        text,
        "{count} problems of {} channels, {} of them without any; times are in {}",
        replayed.len(),
        replayed
            .iter()
            .filter(|channel| channel.issues.is_empty())
            .count(),
        arguments.time_zone.name(),
    );
    text
}

fn json(replayed: &[Replayed]) -> Vec<IssueJson<'_>> {
    let all = replayed.iter().flat_map(|channel| {
        channel.issues.iter().map(|replayed| IssueJson {
            account: &channel.meta.account,
            channel_id: &channel.meta.channel.id,
            channel_name: &channel.meta.channel.name,
            stream: replayed.issue.stream.as_ref().map(StreamName::as_str),
            problem: replayed.issue.kind.as_str(),
            severity: replayed.issue.kind.severity().as_str(),
            start: utc(replayed.period.start),
            end: (!replayed.is_open).then(|| utc(replayed.period.end)),
            seconds: seconds(length_ms(replayed)),
        })
    });
    all.collect()
}

fn length_ms(replayed: &ReplayedIssue) -> i64 {
    replayed.period.end.millis_after(replayed.period.start)
}

#[allow(clippy::cast_precision_loss)] // exact for 285,000 years
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
