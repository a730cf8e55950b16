//! `moderation set`

use std::fmt::Write;

use super::context::{OperationContext, operate};
use super::report::{OperationError, OperationReport, OperationStatus};
use crate::cli::{IntervalArg, ModerationArgs, NotifyArg, StrategyArg};
use crate::commands::error::CommandError;
use polyv_client::{
    CurrentModeration, Effect, ImageInterval, Notify, Strategy, VideoModeration,
    set_video_moderation,
};

/// The settings that were given.
struct RequestedSettings {
    enabled: Option<bool>,
    interval: Option<ImageInterval>,
    strategy: Option<Strategy>,
    notify: Option<Notify>,
}

pub(crate) fn run(arguments: &ModerationArgs) -> Result<(), CommandError> {
    let wanted = RequestedSettings::of(arguments)?;
    let operation = &arguments.operation;
    operate(operation, async |context| {
        let what = format!("Video moderation of channel {}", context.target.channel_id);
        set(&context, &what, &wanted, operation.dry_run)
            .await
            .unwrap_or_else(|error| OperationReport::failed(&context.target, &what, &error))
    })
}

async fn set(
    context: &OperationContext,
    what: &str,
    wanted: &RequestedSettings,
    dry_run: bool,
) -> Result<OperationReport, OperationError> {
    let present = async || {
        context
            .read(async |client, permit| {
                client
                    .video_moderation(permit, &context.target.channel_id)
                    .await
            })
            .await
    };
    let before = present().await?;
    let settings = wanted.merged_with(&before)?;
    let after = CurrentModeration::from(&settings);
    let changes = changes(&before, &after);
    let text = format!("{what}:{changes}");
    if before == after {
        let report = OperationReport::new(
            &context.target,
            OperationStatus::Unchanged,
            format!("{text}\nNothing to change"),
        );
        return Ok(report.with("before", &before).with("after", &after));
    }
    let request = set_video_moderation(&context.target.channel_id, &settings);
    if dry_run {
        let report = OperationReport::dry_run(&context.target, &[context.preview(&request)]);
        return Ok(report.with("before", &before).with("after", &after));
    }
    context.write(&request).await?;
    let report = match present().await {
        Ok(found) if found == after => {
            OperationReport::new(&context.target, OperationStatus::Done, text)
        }
        Ok(found) => {
            let differs = self::changes(&after, &found);
            let text = format!(
                "{text}\nPolyv accepted that, and says all the same (wanted → found):{differs}"
            );
            OperationReport::new(&context.target, OperationStatus::NotDone, text)
                .with("found", &found)
                .with(
                    "error",
                    &"it was accepted, and was not so when it was read back",
                )
        }
        Err(error) => {
            let text = format!(
                "{text}\nPolyv accepted that, but it could not be read back. {}",
                error.what
            );
            OperationReport::new(&context.target, OperationStatus::Unknown, text)
                .with("error", &error.what)
                .with("outcome", &error.outcome)
        }
    };
    Ok(report.with("before", &before).with("after", &after))
}

/// From and to, setting by setting.
fn changes(from: &CurrentModeration, to: &CurrentModeration) -> String {
    let mut text = String::new();
    for (name, of) in [
        ("moderation", enabled as fn(&CurrentModeration) -> String),
        ("interval", interval),
        ("strategy", strategy),
        ("notify", notify),
    ] {
        let (from, to) = (of(from), of(to));
        if from == to {
            _ = write!(text, "\n  {name:<11} {to}");
        } else {
            _ = write!(text, "\n  {name:<11} {from} → {to}");
        }
    }
    text
}

fn enabled(settings: &CurrentModeration) -> String {
    match settings.enabled {
        Some(true) => "on",
        Some(false) => "off",
        None => "unknown",
    }
    .to_owned()
}

fn interval(settings: &CurrentModeration) -> String {
    settings
        .interval
        .map_or_else(|| "unknown".to_owned(), |i| format!("{}s", i.seconds()))
}

fn strategy(settings: &CurrentModeration) -> String {
    match settings.strategy {
        Some(Strategy::Easy) => "easy",
        Some(Strategy::Normal) => "normal",
        Some(Strategy::Serious) => "serious",
        None => "unknown",
    }
    .to_owned()
}

fn notify(settings: &CurrentModeration) -> String {
    let Some(Notify {
        platform,
        monitor,
        assistant,
        talent,
    }) = settings.notify
    else {
        return "unknown".to_owned();
    };
    let who: Vec<_> = [
        (platform, "platform"),
        (monitor, "monitor"),
        (assistant, "assistant"),
        (talent, "talent"),
    ]
    .into_iter()
    .filter_map(|(on, who)| on.then_some(who))
    .collect();
    if who.is_empty() {
        "none".to_owned()
    } else {
        who.join(", ")
    }
}

// === impl RequestedSettings ===

impl RequestedSettings {
    fn of(arguments: &ModerationArgs) -> Result<Self, CommandError> {
        let wanted = Self {
            enabled: match (arguments.enabled, arguments.disabled) {
                (true, true) => {
                    return Err(CommandError::Usage(
                        "give either --enabled or --disabled".to_owned(),
                    ));
                }
                (true, false) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            interval: arguments.interval.map(|interval| match interval {
                IntervalArg::Seconds5 => ImageInterval::Seconds5,
                IntervalArg::Seconds20 => ImageInterval::Seconds20,
                IntervalArg::Seconds60 => ImageInterval::Seconds60,
            }),
            strategy: arguments.strategy.map(|strategy| match strategy {
                StrategyArg::Easy => Strategy::Easy,
                StrategyArg::Normal => Strategy::Normal,
                StrategyArg::Serious => Strategy::Serious,
            }),
            notify: arguments.notify.as_deref().map(notified).transpose()?,
        };
        let nothing = wanted.enabled.is_none()
            && wanted.interval.is_none()
            && wanted.strategy.is_none()
            && wanted.notify.is_none();
        if nothing {
            return Err(CommandError::Usage(
                "there is nothing to set: give --enabled or --disabled, --interval, --strategy \
                 or --notify"
                    .to_owned(),
            ));
        }
        Ok(wanted)
    }

    /// These settings, and for the others what is so at present.
    fn merged_with(&self, present: &CurrentModeration) -> Result<VideoModeration, OperationError> {
        let missing = |flag: &str| OperationError {
            effect: Effect::None,
            what: format!(
                "Polyv does not tell the present setting, and every change sets them all: give {flag} too"
            ),
            outcome: None,
        };
        Ok(VideoModeration {
            enabled: self
                .enabled
                .or(present.enabled)
                .ok_or_else(|| missing("--enabled or --disabled"))?,
            interval: self
                .interval
                .or(present.interval)
                .ok_or_else(|| missing("--interval"))?,
            strategy: self
                .strategy
                .or(present.strategy)
                .ok_or_else(|| missing("--strategy"))?,
            notify: self
                .notify
                .or(present.notify)
                .ok_or_else(|| missing("--notify"))?,
        })
    }
}

/// Exactly those who are named.
fn notified(who: &[NotifyArg]) -> Result<Notify, CommandError> {
    let names = |named| who.contains(&named);
    if names(NotifyArg::None) && who.len() > 1 {
        return Err(CommandError::Usage(
            "--notify: either `none` or those who are to be notified".to_owned(),
        ));
    }
    Ok(Notify {
        platform: names(NotifyArg::Platform),
        monitor: names(NotifyArg::Monitor),
        assistant: names(NotifyArg::Assistant),
        talent: names(NotifyArg::Talent),
    })
}
