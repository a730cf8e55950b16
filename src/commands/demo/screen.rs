//! What the demonstration shows first.

use std::fmt::Write;

use super::actions::{ACTIONS, CHANNEL_ID, Pages};
use polyv_simulator::Scenario;

/// A channel with interruptions from the first minutes on.
const INTERRUPTED_CHANNEL_ID: &str = "1000006";

/// How a person changes the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controls {
    /// A letter and Enter, on a terminal.
    Keys,
    /// Control calls of the simulated Polyv.
    Calls,
}

/// The opening: what the channels are about to do, what to look at, and what to do. The last is
/// what a small terminal still shows.
pub(super) fn opening(
    scenario: &Scenario,
    pages: &Pages,
    polyv: &str,
    controls: Controls,
) -> String {
    let mut text = String::new();
    write_plot(scenario, &mut text);
    write_pages(pages, &mut text);
    match controls {
        Controls::Keys => write_keys(&mut text),
        Controls::Calls => write_calls(polyv, &mut text),
    }
    if let Some(action) = ACTIONS.first() {
        let (name, effects) = (action.name, action.effects(pages));
        _ = write!(text, "\nAfter \u{201c}{name}\u{201d}:\n\n{effects}");
    }
    _ = write!(
        text,
        "\nAlerts fire in a Prometheus with alerts/polyv.rules.yml that scrapes the metrics.\n\
         The simulated Polyv has more to change: {polyv}/_simulator/\n\
         Ctrl-C ends the demonstration, and its recording with it.\n\n",
    );
    text
}

fn write_pages(pages: &Pages, text: &mut String) {
    text.push_str("\nLook here, in this order:\n\n");
    let exporter = &pages.exporter;
    let mut lines = vec![
        (
            format!("{exporter}/"),
            "all channels: what is live, what is wrong and why",
        ),
        (
            format!("{exporter}/channels/{CHANNEL_ID}"),
            "Main stage: charts, viewers, the plan",
        ),
    ];
    if pages.recording {
        lines.push((
            pages.broadcasts(INTERRUPTED_CHANNEL_ID),
            "Press conference: a report on each broadcast",
        ));
    }
    lines.push((format!("{exporter}/metrics"), "what Prometheus scrapes"));
    let width = lines.iter().map(|(url, _)| url.len()).max().unwrap_or(0);
    for (index, (url, what)) in lines.iter().enumerate() {
        _ = writeln!(text, "  {}. {url:<width$}  {what}", index + 1);
    }
}

fn write_keys(text: &mut String) {
    text.push_str("\nThen break it. Type a letter and Enter:\n\n");
    for action in &ACTIONS {
        _ = writeln!(text, "  {}  {}", action.key, action.name);
    }
    text.push_str("  q  end\n");
}

fn write_calls(polyv: &str, text: &mut String) {
    text.push_str("\nThen break it:\n\n");
    for action in &ACTIONS {
        _ = writeln!(
            text,
            "  # {}\n  curl -X PUT {polyv}/_simulator/channels/{CHANNEL_ID}/life -d '{}'",
            action.name, action.script
        );
    }
}

fn write_plot(scenario: &Scenario, text: &mut String) {
    text.push_str("polyv-exporter watches the channels of a simulated Polyv. From now on:\n\n");
    for channel in scenario.channels() {
        let aside = match channel.id() {
            CHANNEL_ID => ", planned for two hours",
            "1000009" => ", two streams",
            "1000011" => ", where samples are snapshots, from the third minute on",
            "1000012" => ": planned in 3 minutes, and half a minute late",
            "1000014" => ", and Polyv fails for it 40 s in every 2 minutes",
            _ => "",
        };
        let (id, name, life) = (channel.id(), channel.name(), channel.script());
        _ = writeln!(text, "  {id}  {name:<22}  {life}{aside}");
    }
}
