//! `moderation set`

use std::fmt::Write;

use super::report::OperationError;
use super::setting::{self, Setting};
use crate::cli::{ModerationArgs, NotifyArg};
use crate::commands::error::CommandError;
use polyv_client::{
    Client, CurrentModeration, Effect, Error, Notify, Permit, Strategy, VideoModeration,
    set_video_moderation,
};

pub(crate) fn run(arguments: &ModerationArgs) -> Result<(), CommandError> {
    let requested = requested(arguments).map_err(|why| CommandError::Usage(why.to_owned()))?;
    let operation = &arguments.operation;
    setting::change(operation, |before| {
        let settings = merge(&requested, before)?;
        let request = set_video_moderation(&operation.channel, &settings);
        Ok((CurrentModeration::from(&settings), request))
    })
}

/// The settings that were given.
fn requested(arguments: &ModerationArgs) -> Result<CurrentModeration, &'static str> {
    let requested = CurrentModeration {
        enabled: match (arguments.enabled, arguments.disabled) {
            (true, true) => return Err("give either --enabled or --disabled"),
            (false, false) => None,
            (enabled, _) => Some(enabled),
        },
        interval: arguments.interval,
        strategy: arguments.strategy,
        notify: arguments.notify.as_deref().map(recipients).transpose()?,
    };
    if requested == CurrentModeration::default() {
        return Err(
            "there is nothing to set: give --enabled or --disabled, --interval, --strategy or \
             --notify",
        );
    }
    Ok(requested)
}

/// Exactly those who are named.
fn recipients(who: &[NotifyArg]) -> Result<Notify, &'static str> {
    let names = |named| who.contains(&named);
    if names(NotifyArg::None) && who.len() > 1 {
        return Err("--notify: either `none` or those who are to be notified");
    }
    Ok(Notify {
        platform: names(NotifyArg::Platform),
        monitor: names(NotifyArg::Monitor),
        assistant: names(NotifyArg::Assistant),
        talent: names(NotifyArg::Talent),
    })
}

/// The requested settings, and for the others those in force.
fn merge(
    requested: &CurrentModeration,
    current: &CurrentModeration,
) -> Result<VideoModeration, OperationError> {
    fn known<T>(requested: Option<T>, current: Option<T>, flag: &str) -> Result<T, OperationError> {
        requested.or(current).ok_or_else(|| OperationError {
            effect: Effect::None,
            what: format!(
                "Polyv does not tell the present setting, and every change sets them all: give \
                 {flag} too"
            ),
            outcome: None,
        })
    }
    Ok(VideoModeration {
        enabled: known(
            requested.enabled,
            current.enabled,
            "--enabled or --disabled",
        )?,
        interval: known(requested.interval, current.interval, "--interval")?,
        strategy: known(requested.strategy, current.strategy, "--strategy")?,
        notify: known(requested.notify, current.notify, "--notify")?,
    })
}

impl Setting for CurrentModeration {
    const NAME: &'static str = "Video moderation";

    async fn read(client: &Client, permit: Permit, channel_id: &str) -> Result<Self, Error> {
        client.video_moderation(permit, channel_id).await
    }

    fn unchanged(&self) -> String {
        format!("{}\nNothing to change", self.changed(self))
    }

    fn changed(&self, to: &Self) -> String {
        let mut text = String::new();
        for ((name, from), (_, to)) in setting_texts(self).into_iter().zip(setting_texts(to)) {
            _ = write!(text, "\n  {name:<11} {from}");
            if from != to {
                _ = write!(text, " → {to}");
            }
        }
        text
    }

    fn contradicted(&self, found: &Self) -> String {
        let differences = self.changed(found);
        format!("\nPolyv accepted that, and says all the same (wanted → found):{differences}")
    }
}

/// The name and the value of each setting.
fn setting_texts(settings: &CurrentModeration) -> [(&'static str, String); 4] {
    fn text<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
        value.map_or_else(|| "unknown".to_owned(), text)
    }
    [
        (
            "moderation",
            text(settings.enabled, |on| {
                (if on { "on" } else { "off" }).to_owned()
            }),
        ),
        (
            "interval",
            text(settings.interval, |interval| {
                format!("{}s", interval.seconds())
            }),
        ),
        ("strategy", text(settings.strategy, strategy)),
        ("notify", text(settings.notify, notified)),
    ]
}

fn strategy(strategy: Strategy) -> String {
    let text = match strategy {
        Strategy::Easy => "easy",
        Strategy::Normal => "normal",
        Strategy::Serious => "serious",
    };
    text.to_owned()
}

fn notified(notify: Notify) -> String {
    let all = [
        (notify.platform, "platform"),
        (notify.monitor, "monitor"),
        (notify.assistant, "assistant"),
        (notify.talent, "talent"),
    ];
    let who: Vec<_> = all
        .into_iter()
        .filter_map(|(on, who)| on.then_some(who))
        .collect();
    if who.is_empty() {
        "none".to_owned()
    } else {
        who.join(", ")
    }
}
