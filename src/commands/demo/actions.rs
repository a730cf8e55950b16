//! What a person can do to a channel of the demonstration, and where it shows.

use std::fmt::Write;

/// The channel that the actions change.
pub(super) const CHANNEL_ID: &str = "1000001";

/// A change of the channel's script.
#[derive(Debug)]
pub(super) struct Action {
    /// The letter that starts it.
    pub(super) key: char,
    /// What it does, for the menu.
    pub(super) name: &'static str,
    /// The channel's script from then on, as the simulator's control call takes it.
    pub(super) script: &'static str,
    /// What follows.
    effects: &'static [Effect],
}

/// What shows after an action.
#[derive(Debug)]
struct Effect {
    /// The usual time after the action.
    after: &'static str,
    place: Place,
    /// What shows there.
    what: &'static str,
}

/// Where an effect shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Metrics,
    StatusPage,
    Alert,
    Report,
}

/// The pages of the demonstration.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    /// The address of the exporter, without a path.
    pub(super) exporter: String,
    /// Whether broadcasts are recorded.
    pub(super) recording: bool,
}

pub(super) const ACTIONS: [Action; 5] = [
    Action {
        key: 'd',
        name: "drop the bitrate of Main stage now: its uplink fails",
        script: "{phase: uplink_loss, to: 0.2}",
        effects: &[
            effect(
                "in 10 s",
                Place::Metrics,
                "polyv_stream_video_bitrate_bps falls to 240,000",
            ),
            effect(
                "in 40 s",
                Place::StatusPage,
                "Main stage moves to the top, with the likely cause",
            ),
            effect(
                "in 40 s",
                Place::Metrics,
                "polyv_channel_problem{problem=\"bitrate_dropped\"} appears",
            ),
            effect(
                "in 1 min",
                Place::Alert,
                "PolyvStreamBitrateDropped pages, and says how many are watching",
            ),
            effect(
                "in 1 min",
                Place::Report,
                "an interruption, bitrate dropped",
            ),
        ],
    },
    Action {
        key: 'f',
        name: "freeze its picture",
        script: "{phase: video_freeze, bitrate: stays}",
        effects: &[
            effect(
                "in 10 s",
                Place::Metrics,
                "polyv_stream_video_framerate_fps falls to 0",
            ),
            effect("in 30 s", Place::StatusPage, "Main stage has no picture"),
            effect("in 1 min", Place::Alert, "PolyvStreamVideoFrozen pages"),
            effect(
                "in 1 min",
                Place::Report,
                "an interruption, no video frames",
            ),
        ],
    },
    Action {
        key: 's',
        name: "lose its sound",
        script: "audio_loss",
        effects: &[
            effect(
                "in 10 s",
                Place::Metrics,
                "polyv_stream_audio_framerate_fps falls to 0",
            ),
            effect("in 30 s", Place::StatusPage, "Main stage has no sound"),
            effect("in 1 min", Place::Alert, "PolyvStreamAudioLost pages"),
            effect(
                "in 1 min",
                Place::Report,
                "an interruption, no audio frames",
            ),
        ],
    },
    Action {
        key: 'o',
        name: "take it off air, though a broadcast is planned",
        script: "offline",
        effects: &[
            effect(
                "in 5 s",
                Place::Metrics,
                "polyv_channel_state{state=\"not_live\"} is 1, and the series of its stream are gone",
            ),
            effect(
                "in 5 s",
                Place::StatusPage,
                "Main stage is off air, and planned until later",
            ),
            effect(
                "in 1 min",
                Place::Alert,
                "PolyvChannelOfflineUnexpectedly pages",
            ),
            effect(
                "back on air",
                Place::Report,
                "an interruption, off air: type w",
            ),
        ],
    },
    Action {
        key: 'w',
        name: "all is well again",
        script: "steady",
        effects: &[
            effect("in 15 s", Place::Metrics, "the values are as before"),
            effect("in 15 s", Place::StatusPage, "Main stage is well"),
            effect("in 1 min", Place::Alert, "what had fired is resolved"),
            effect(
                "in 15 s",
                Place::Report,
                "the interruption has an end, a length, and its viewers",
            ),
        ],
    },
];

const fn effect(after: &'static str, place: Place, what: &'static str) -> Effect {
    Effect { after, place, what }
}

/// The letters of all actions, and the one that ends the demonstration.
pub(super) fn letters() -> String {
    let letters: Vec<_> = ACTIONS
        .iter()
        .map(|action| action.key.to_string())
        .collect();
    format!("{} and q", letters.join(", "))
}

// === impl Action ===

impl Action {
    /// The action of what was typed: the first letter counts, in either case.
    pub(super) fn of_line(line: &str) -> Option<&'static Self> {
        let key = line.trim().chars().next()?.to_ascii_lowercase();
        ACTIONS.iter().find(|action| action.key == key)
    }

    /// What follows the action, a line for each effect.
    pub(super) fn effects(&self, pages: &Pages) -> String {
        let mut text = String::new();
        for Effect { after, place, what } in self.effects {
            if *place == Place::Report && !pages.recording {
                continue;
            }
            _ = writeln!(text, "  {after:<11}  {:<11}  {what}", place.name());
        }
        text
    }
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::StatusPage => "status page",
            Self::Alert => "alert",
            Self::Report => "report",
        }
    }
}

// === impl Pages ===

impl Pages {
    /// The page of the recorded broadcasts of a channel.
    pub(super) fn broadcasts(&self, channel_id: &str) -> String {
        format!("{}/channels/{channel_id}/broadcasts", self.exporter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polyv_simulator::ChannelScript;

    #[test]
    fn every_action_has_a_script_and_a_letter_of_its_own() {
        for action in &ACTIONS {
            ChannelScript::parse(action.name, action.script).unwrap();
            for typed in [format!("{}\n", action.key), format!(" {}  ", action.key)] {
                assert_eq!(Action::of_line(&typed).unwrap().name, action.name);
                let upper = typed.to_ascii_uppercase();
                assert_eq!(Action::of_line(&upper).unwrap().name, action.name);
            }
        }
        for nothing in ["", "\n", "?", "é"] {
            assert!(Action::of_line(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn effects_name_a_report_only_where_broadcasts_are_recorded() {
        let mut pages = Pages {
            exporter: "http://127.0.0.1:9847".to_owned(),
            recording: true,
        };
        assert!(ACTIONS[0].effects(&pages).contains("report"));
        pages.recording = false;
        assert!(!ACTIONS[0].effects(&pages).contains("report"));
    }
}
