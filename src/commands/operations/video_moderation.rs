//! `moderation set`

use std::fmt::Write;

use super::verdict::{Ending, Trouble, Verdict};
use super::{Failure, Operator, operate};
use crate::cli::{IntervalArg, ModerationArgs, NotifyArg, StrategyArg};
use polyv_client::{
    CurrentModeration, Effect, ImageInterval, Notify, Strategy, VideoModeration,
    set_video_moderation,
};

/// The settings that were given.
struct Wanted {
    enabled: Option<bool>,
    interval: Option<ImageInterval>,
    strategy: Option<Strategy>,
    notify: Option<Notify>,
}

pub(crate) fn run(arguments: &ModerationArgs) -> Result<(), Failure> {
    let wanted = Wanted::of(arguments)?;
    let operation = &arguments.operation;
    operate(operation, async |operator| {
        let what = format!("Video moderation of channel {}", operator.channel_id);
        set(&operator, &what, &wanted, operation.dry_run)
            .await
            .unwrap_or_else(|trouble| Verdict::trouble(&operator, &what, &trouble))
    })
}

async fn set(
    operator: &Operator,
    what: &str,
    wanted: &Wanted,
    dry_run: bool,
) -> Result<Verdict, Trouble> {
    let present = async || {
        operator
            .read(async |client, permit| {
                client.video_moderation(permit, &operator.channel_id).await
            })
            .await
    };
    let before = present().await?;
    let settings = wanted.merged_with(&before)?;
    let after = CurrentModeration::from(&settings);
    let changes = changes(&before, &after);
    let text = format!("{what}:{changes}");
    if before == after {
        let verdict = Verdict::new(
            operator,
            Ending::Unchanged,
            format!("{text}\nNothing to change"),
        );
        return Ok(verdict.with("before", &before).with("after", &after));
    }
    let request = set_video_moderation(&operator.channel_id, &settings);
    if dry_run {
        let verdict = Verdict::dry_run(operator, &[operator.preview(&request)]);
        return Ok(verdict.with("before", &before).with("after", &after));
    }
    operator.write(&request).await?;
    let verdict = match present().await {
        Ok(found) if found == after => Verdict::new(operator, Ending::Done, text),
        Ok(found) => {
            let differs = self::changes(&after, &found);
            let text = format!(
                "{text}\nPolyv accepted that, and says all the same (wanted → found):{differs}"
            );
            Verdict::new(operator, Ending::NotDone, text)
                .with("found", &found)
                .with(
                    "error",
                    &"it was accepted, and was not so when it was read back",
                )
        }
        Err(trouble) => {
            let text = format!(
                "{text}\nPolyv accepted that, but it could not be read back. {}",
                trouble.what
            );
            Verdict::new(operator, Ending::Unknown, text)
                .with("error", &trouble.what)
                .with("outcome", &trouble.outcome)
        }
    };
    Ok(verdict.with("before", &before).with("after", &after))
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
        "nobody".to_owned()
    } else {
        who.join(", ")
    }
}

// === impl Wanted ===

impl Wanted {
    fn of(arguments: &ModerationArgs) -> Result<Self, Failure> {
        let wanted = Self {
            enabled: match (arguments.enabled, arguments.disabled) {
                (true, true) => {
                    return Err(Failure::Usage(
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
            return Err(Failure::Usage(
                "there is nothing to set: give --enabled or --disabled, --interval, --strategy \
                 or --notify"
                    .to_owned(),
            ));
        }
        Ok(wanted)
    }

    /// These settings, and for the others what is so at present.
    fn merged_with(&self, present: &CurrentModeration) -> Result<VideoModeration, Trouble> {
        let missing = |flag: &str| Trouble {
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

/// Those who are named, and nobody else.
fn notified(who: &[NotifyArg]) -> Result<Notify, Failure> {
    let names = |named| who.contains(&named);
    if names(NotifyArg::None) && who.len() > 1 {
        return Err(Failure::Usage(
            "--notify: either `none` or those who are to be told".to_owned(),
        ));
    }
    Ok(Notify {
        platform: names(NotifyArg::Platform),
        monitor: names(NotifyArg::Monitor),
        assistant: names(NotifyArg::Assistant),
        talent: names(NotifyArg::Talent),
    })
}
