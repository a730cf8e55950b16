//! Reading a channel's `life:`.
//!
//! Four ways to write one: a phase's name; a phase with its keys; a list of phases, which run
//! once; and `repeat:` with a list of phases, which run again and again.

use std::time::Duration;

use super::keys;
use crate::simulator::life::Life;
use crate::simulator::phase::{FrozenBitrate, NotLive, Phase};
use crate::yaml::{Mapping, Node, Reader, Value};

/// The phases' names.
pub(super) const NAMES: [&str; 11] = [
    "steady",
    "bitrate_drop",
    "framerate_sag",
    "video_freeze",
    "audio_loss",
    "audio_only",
    "two_streams",
    "no_samples",
    "empty",
    "offline",
    "deleted",
];

/// The life that a node describes; `None` where it describes none, which then is on record.
pub(crate) fn read_life(reader: &mut Reader, node: &Node) -> Option<Life> {
    match &node.value {
        Value::List(_) => read_once(reader, node),
        Value::Map(entries) if entries.iter().any(|entry| entry.key == "repeat") => {
            read_repeating(reader, node)
        }
        Value::Map(_) | Value::Scalar { .. } => {
            read_phase(reader, node).map(|(phase, lasts)| match lasts {
                Some(lasts) => Life::once(vec![(phase, lasts)], Phase::Steady),
                None => Life::forever(phase),
            })
        }
    }
}

/// Phases that run once. The last one may stay for good; where it does not, all is well
/// after it.
fn read_once(reader: &mut Reader, node: &Node) -> Option<Life> {
    let items = reader.list(node, "`life`");
    let mut timed = Vec::new();
    let mut then = None;
    for (index, item) in items.iter().enumerate() {
        match read_phase(reader, item)? {
            (phase, Some(lasts)) => timed.push((phase, lasts)),
            (phase, None) if index + 1 == items.len() => then = Some(phase),
            (phase, None) => {
                needs_time(reader, item, &phase);
                return None;
            }
        }
    }
    if items.is_empty() {
        reader.fault(node.place, "a life needs at least one phase");
        return None;
    }
    Some(Life::once(timed, then.unwrap_or(Phase::Steady)))
}

fn read_repeating(reader: &mut Reader, node: &Node) -> Option<Life> {
    let mut keys = reader.mapping(node, "`life`")?;
    let list = keys.get("repeat")?;
    keys.finish(reader);
    let mut timed = Vec::new();
    for item in reader.list(list, "`repeat`") {
        match read_phase(reader, item)? {
            (phase, Some(lasts)) => timed.push((phase, lasts)),
            (phase, None) => {
                needs_time(reader, item, &phase);
                return None;
            }
        }
    }
    match Life::repeating(timed) {
        Ok(life) => Some(life),
        Err(error) => {
            reader.fault(list.place, error.to_string());
            None
        }
    }
}

fn needs_time(reader: &mut Reader, item: &Node, phase: &Phase) {
    let message = format!(
        "this phase needs a `for`, since another one follows: \
         {{phase: {}, for: 30s}}",
        phase.name()
    );
    reader.fault(item.place, message);
}

/// A phase, and how long it lasts where that is said.
fn read_phase(reader: &mut Reader, node: &Node) -> Option<(Phase, Option<Duration>)> {
    if let Value::Scalar { .. } = node.value {
        let words = NAMES.map(|name| (name, name));
        let name = keys::word(reader, node, "a phase", &words)?;
        return Some((plain(name), None));
    }
    let mut keys = reader.mapping(node, "a phase")?;
    let Some(name) = keys.get("phase") else {
        let message = format!("a phase needs `phase`, one of {}", NAMES.join(", "));
        reader.fault(node.place, message);
        return None;
    };
    let words = NAMES.map(|name| (name, name));
    let name = keys::word(reader, name, "`phase`", &words)?;
    let lasts = keys::positive_duration(reader, &mut keys, "for");
    let mut phase = plain(name);
    read_details(reader, &mut keys, &mut phase);
    keys.finish(reader);
    Some((phase, lasts))
}

/// A phase with what it is by default.
fn plain(name: &str) -> Phase {
    match name {
        "bitrate_drop" => Phase::BitrateDrop { to: 0.3 },
        "framerate_sag" => Phase::FramerateSag { to: 0.5 },
        "video_freeze" => Phase::VideoFreeze {
            bitrate: FrozenBitrate::default(),
        },
        "audio_loss" => Phase::AudioLoss,
        "audio_only" => Phase::AudioOnly,
        "two_streams" => Phase::TwoStreams {
            name: "backup".to_owned(),
        },
        "no_samples" => Phase::NoSamples,
        "empty" => Phase::Empty,
        "offline" => Phase::Offline { status: None },
        "deleted" => Phase::Deleted,
        _ => Phase::Steady,
    }
}

/// The keys that only some phases have.
fn read_details(reader: &mut Reader, keys: &mut Mapping<'_>, phase: &mut Phase) {
    match phase {
        Phase::BitrateDrop { to } | Phase::FramerateSag { to } => {
            keys::amount(reader, keys, "to", to);
        }
        Phase::VideoFreeze { bitrate } => {
            let words = [
                ("collapses", FrozenBitrate::Collapses),
                ("stays", FrozenBitrate::Stays),
            ];
            keys::choice(reader, keys, "bitrate", &words, bitrate);
        }
        Phase::TwoStreams { name } => keys::text(reader, keys, "name", name),
        Phase::Offline { status } => {
            let words = [
                NotLive::UnStart,
                NotLive::End,
                NotLive::Waiting,
                NotLive::Playback,
                NotLive::Banpush,
            ]
            .map(|status| (status.word(), Some(status)));
            keys::choice(reader, keys, "status", &words, status);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_name_is_a_life_for_good() {
        for name in NAMES {
            let life = Life::parse("test", name).unwrap();
            assert_eq!(life, Life::forever(plain(name)), "{name}");
            assert_eq!(plain(name).name(), name);
        }
    }

    #[test]
    fn the_four_ways_to_write_a_life_are_read() {
        let drop = Phase::BitrateDrop { to: 0.2 };
        let offline = Phase::Offline {
            status: Some(NotLive::Banpush),
        };
        for (text, life) in [
            ("{phase: bitrate_drop, to: 0.2}", drop.clone().into()),
            (
                "{phase: bitrate_drop, to: 0.2, for: 40s}",
                Life::once(vec![(drop.clone(), secs(40))], Phase::Steady),
            ),
            (
                "[{phase: steady, for: 1m}, {phase: bitrate_drop, to: 0.2, for: 40s}]",
                Life::once(
                    vec![(Phase::Steady, secs(60)), (drop.clone(), secs(40))],
                    Phase::Steady,
                ),
            ),
            (
                "- {phase: steady, for: 1m}\n- {phase: offline, status: banpush}",
                Life::once(vec![(Phase::Steady, secs(60))], offline),
            ),
            (
                "repeat:\n- {phase: steady, for: 1m}\n- {phase: bitrate_drop, to: 0.2, for: 40s}",
                Life::repeating(vec![(Phase::Steady, secs(60)), (drop, secs(40))]).unwrap(),
            ),
            (
                "{\"phase\": \"video_freeze\", \"bitrate\": \"stays\"}",
                Phase::VideoFreeze {
                    bitrate: FrozenBitrate::Stays,
                }
                .into(),
            ),
        ] {
            assert_eq!(Life::parse("test", text).unwrap(), life, "{text}");
        }
    }

    #[test]
    fn rubbish_is_refused_with_its_place_and_a_remedy() {
        for (text, fault) in [
            (
                "stedy",
                "test:1:1: a phase cannot be `stedy`; did you mean `steady`?",
            ),
            ("happy", "test:1:1: a phase must be one of `steady`"),
            (
                "{phase: bitrate_drop, too: 0.3}",
                "test:1:23: unknown key `too`; did you mean `to`?",
            ),
            (
                "{phase: bitrate_drop, to: -1}",
                "test:1:27: `to` must be a number from 0 on",
            ),
            (
                "{phase: bitrate_drop, to: nan}",
                "test:1:27: `to` must be a number from 0 on",
            ),
            ("{phase: steady, to: 0.3}", "test:1:17: unknown key `to`"),
            ("{for: 40s}", "test:1:1: a phase needs `phase`"),
            ("[steady, offline]", "test:1:2: this phase needs a `for`"),
            ("{repeat: [offline]}", "test:1:11: this phase needs a `for`"),
            (
                "{repeat: []}",
                "test:1:10: a life that repeats needs a phase that lasts",
            ),
            ("[]", "test:1:1: a life needs at least one phase"),
            ("{phase: steady, for: 40}", "did you mean `40s`?"),
            (
                "{phase: steady, for: 0s}",
                "`for` must be at least a millisecond",
            ),
        ] {
            let faults = Life::parse("test", text).unwrap_err().to_string();
            assert!(faults.contains(fault), "{text}: {faults}");
        }
    }
}
