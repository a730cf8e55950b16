//! A channel's script: a sequence of phases.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use strum::VariantNames as _;

use super::document::{self, ScenarioError};
use super::fields::{Amount, PositiveDuration, format_duration, name_or_fields};
use super::phase::{FrozenBitrate, NotLive, Phase};
use super::time::signed_millis;

/// A channel's script: phases with durations, and what follows the last one.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelScript {
    timed: Vec<(Phase, Duration)>,
    after_last: AfterLast,
}

#[derive(Debug, Clone, PartialEq)]
enum AfterLast {
    Stay(Phase),
    Repeat { total_ms: i64 },
}

/// A repeating script whose phases take no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a script that repeats needs a phase with a duration")]
pub struct ZeroLengthLoop;

/// The loops of a repeating script whose sessions are known.
const MAX_LOOPS: i64 = 1_000;

impl ChannelScript {
    /// One phase without end.
    #[must_use]
    pub fn forever(phase: Phase) -> Self {
        Self::once(Vec::new(), phase)
    }

    /// Phases that run once, and the one that follows and stays.
    #[must_use]
    pub fn once(phases: Vec<(Phase, Duration)>, then: Phase) -> Self {
        Self {
            timed: phases,
            after_last: AfterLast::Stay(then),
        }
    }

    /// Phases that run again and again.
    ///
    /// # Errors
    /// The phases take less than a millisecond together.
    pub fn repeating(phases: Vec<(Phase, Duration)>) -> Result<Self, ZeroLengthLoop> {
        let total_ms = phases.iter().fold(0_i64, |total, (_, duration)| {
            total.saturating_add(signed_millis(*duration))
        });
        if total_ms == 0 {
            return Err(ZeroLengthLoop);
        }
        Ok(Self {
            timed: phases,
            after_last: AfterLast::Repeat { total_ms },
        })
    }

    /// Parses the value of a scenario's `life:` from a document of its own.
    ///
    /// ```
    /// use polyv_simulator::{ChannelScript, Phase};
    ///
    /// let script = ChannelScript::parse("now", "{phase: bitrate_drop, to: 0.3}")?;
    /// assert_eq!(script, ChannelScript::forever(Phase::BitrateDrop { to: 0.3 }));
    /// # Ok::<(), polyv_simulator::ScenarioError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with line and column; `document` names the document.
    pub fn parse(document: &str, text: &str) -> Result<Self, ScenarioError> {
        document::parse(document, text)
    }

    /// The phase at that time after the script's start.
    pub(crate) fn at(&self, elapsed_ms: i64) -> &Phase {
        let mut left = match self.after_last {
            AfterLast::Repeat { total_ms } => elapsed_ms.rem_euclid(total_ms),
            AfterLast::Stay(_) => elapsed_ms,
        };
        for (phase, duration) in &self.timed {
            let duration_ms = signed_millis(*duration);
            if left < duration_ms {
                return phase;
            }
            left -= duration_ms;
        }
        match &self.after_last {
            AfterLast::Stay(phase) => phase,
            // Unreachable: the phases add up to the total.
            AfterLast::Repeat { .. } => &Phase::Steady,
        }
    }

    /// The starts of phases up to that time, each with whether the channel is live in it. Of a
    /// script that repeats, the newest [`MAX_LOOPS`] loops.
    pub(crate) fn turns(&self, elapsed_ms: i64) -> Vec<(i64, bool)> {
        let (first, last, total_ms) = match self.after_last {
            AfterLast::Repeat { total_ms } => {
                let last = elapsed_ms.max(0) / total_ms.max(1);
                ((last - MAX_LOOPS).max(0), last, total_ms)
            }
            AfterLast::Stay(_) => (0, 0, 0),
        };
        let mut turns = Vec::new();
        for number in first..=last {
            let mut start_ms = number.saturating_mul(total_ms);
            for (phase, duration) in &self.timed {
                turns.push((start_ms, phase.is_live()));
                start_ms = start_ms.saturating_add(signed_millis(*duration));
            }
            if let AfterLast::Stay(phase) = &self.after_last {
                turns.push((start_ms, phase.is_live()));
            }
        }
        turns.retain(|(start_ms, _)| *start_ms <= elapsed_ms);
        turns
    }

    /// Whether any of the phases deletes the channel.
    pub(crate) fn deletes(&self) -> bool {
        self.timed.iter().any(|(phase, _)| *phase == Phase::Deleted)
            || self.after_last == AfterLast::Stay(Phase::Deleted)
    }

    /// Whether a live phase starts within that time after the script's start.
    pub(crate) fn was_live_within(&self, elapsed_ms: i64) -> bool {
        let mut start_ms = 0_i64;
        for (phase, duration) in &self.timed {
            if start_ms > elapsed_ms {
                return false;
            }
            if phase.is_live() && !duration.is_zero() {
                return true;
            }
            start_ms = start_ms.saturating_add(signed_millis(*duration));
        }
        matches!(&self.after_last, AfterLast::Stay(phase) if start_ms <= elapsed_ms && phase.is_live())
    }
}

/// For people: `steady for 3m, bitrate_drop for 40s, and again`.
impl fmt::Display for ChannelScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, duration) in &self.timed {
            write!(f, "{} for {}, ", phase.name(), format_duration(*duration))?;
        }
        match &self.after_last {
            AfterLast::Repeat { .. } => f.write_str("and again"),
            AfterLast::Stay(phase) if self.timed.is_empty() => f.write_str(phase.name()),
            AfterLast::Stay(phase) => write!(f, "then {}", phase.name()),
        }
    }
}

impl From<Phase> for ChannelScript {
    fn from(phase: Phase) -> Self {
        Self::forever(phase)
    }
}

/// A script is written in one of four ways: the name of a phase; a phase with its keys; a list of
/// phases, which run once; `repeat:` with a list of phases.
impl<'de> Deserialize<'de> for ChannelScript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScriptVisitor)
    }
}

struct ScriptVisitor;

impl<'de> Visitor<'de> for ScriptVisitor {
    type Value = ChannelScript;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a phase, a list of phases, or `repeat` with a list of phases")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<ChannelScript, E> {
        let entry = PhaseEntry::deserialize(name.into_deserializer())?;
        Ok(entry.phase.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ChannelScript, A::Error> {
        let mut fields = PhaseFields::deserialize(MapAccessDeserializer::new(map))?;
        match fields.repeat.take() {
            Some(_) if !fields.phase.is_empty() => {
                Err(Error::custom("`repeat` cannot be combined with `phase`"))
            }
            Some(entries) => {
                let timed = timed(entries).map_err(Error::custom)?;
                ChannelScript::repeating(timed).map_err(Error::custom)
            }
            None => {
                let entry = fields.try_into().map_err(Error::custom)?;
                once(vec![entry]).map_err(Error::custom)
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ChannelScript, A::Error> {
        let entries = Vec::<PhaseEntry>::deserialize(SeqAccessDeserializer::new(list))?;
        once(entries).map_err(Error::custom)
    }
}

/// Phases that run once. The last one stays, or is followed by `steady` if it has a duration.
fn once(mut entries: Vec<PhaseEntry>) -> Result<ChannelScript, String> {
    if entries.is_empty() {
        return Err("a script needs at least one phase".to_owned());
    }
    let stays = entries.pop_if(|entry| entry.duration.is_none());
    let then = stays.map_or(Phase::Steady, |entry| entry.phase);
    Ok(ChannelScript::once(timed(entries)?, then))
}

/// Phases of which each one needs a duration.
fn timed(entries: Vec<PhaseEntry>) -> Result<Vec<(Phase, Duration)>, String> {
    let timed = |PhaseEntry { phase, duration }| {
        let name = phase.name();
        duration.map(|duration| (phase, duration)).ok_or_else(|| {
            format!(
                "the phase `{name}` needs `for`, because another one follows: \
                 {{phase: {name}, for: 30s}}"
            )
        })
    };
    entries.into_iter().map(timed).collect()
}

/// A phase of a script and its duration, if it has one.
struct PhaseEntry {
    phase: Phase,
    duration: Option<Duration>,
}

/// The keys of a phase, and `repeat`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseFields {
    #[serde(default)]
    phase: String,
    r#for: Option<PositiveDuration>,
    to: Option<Amount>,
    bitrate: Option<FrozenBitrate>,
    name: Option<String>,
    status: Option<NotLive>,
    repeat: Option<Vec<PhaseEntry>>,
}

impl<'de> Deserialize<'de> for PhaseEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields: PhaseFields = name_or_fields(deserializer, "phase")?;
        fields.try_into().map_err(Error::custom)
    }
}

impl TryFrom<PhaseFields> for PhaseEntry {
    type Error = String;

    fn try_from(mut fields: PhaseFields) -> Result<Self, String> {
        let name = std::mem::take(&mut fields.phase);
        let mut phase = Phase::from_str(&name).map_err(|_| {
            let names = Phase::VARIANTS.join(", ");
            match name.as_str() {
                "" => format!("`phase` is missing: one of {names}"),
                _ => format!("unknown phase `{name}`, expected one of {names}"),
            }
        })?;
        match &mut phase {
            Phase::BitrateDrop { to } => *to = fields.to.take().map_or(0.3, |to| to.0),
            Phase::FramerateSag { to } => *to = fields.to.take().map_or(0.5, |to| to.0),
            Phase::UplinkLoss { to } => *to = fields.to.take().map_or(0.2, |to| to.0),
            Phase::VideoFreeze { bitrate } => *bitrate = fields.bitrate.take().unwrap_or_default(),
            Phase::TwoStreams { name } => {
                *name = fields.name.take().unwrap_or_else(|| "backup".to_owned());
            }
            Phase::Offline { status } => *status = fields.status.take(),
            _ => {}
        }
        let unused = [
            ("to", fields.to.is_some()),
            ("bitrate", fields.bitrate.is_some()),
            ("name", fields.name.is_some()),
            ("status", fields.status.is_some()),
            ("repeat", fields.repeat.is_some()),
        ];
        match unused.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(format!("the phase `{name}` has no key `{key}`")),
            None => Ok(Self {
                phase,
                duration: fields.r#for.map(|duration| duration.0),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROP: Phase = Phase::BitrateDrop { to: 0.3 };

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn script_that_runs_once_stays_in_its_last_phase() {
        let script = ChannelScript::once(
            vec![(Phase::Steady, secs(60)), (DROP, secs(40))],
            Phase::AudioLoss,
        );
        for (at_ms, phase) in [
            (0, &Phase::Steady),
            (59_999, &Phase::Steady),
            (60_000, &DROP),
            (99_999, &DROP),
            (100_000, &Phase::AudioLoss),
            (i64::MAX, &Phase::AudioLoss),
        ] {
            assert_eq!(script.at(at_ms), phase, "{at_ms}");
        }
    }

    #[test]
    fn repeating_script_starts_again() {
        let offline = Phase::Offline { status: None };
        let script =
            ChannelScript::repeating(vec![(Phase::Steady, secs(30)), (offline.clone(), secs(15))])
                .unwrap();
        for round in [0, 1, 1_000] {
            let start = round * 45_000;
            assert_eq!(script.at(start), &Phase::Steady);
            assert_eq!(script.at(start + 29_999), &Phase::Steady);
            assert_eq!(script.at(start + 30_000), &offline);
            assert_eq!(script.at(start + 44_999), &offline);
        }
    }

    #[test]
    fn loop_without_duration_is_an_error() {
        assert_eq!(ChannelScript::repeating(Vec::new()), Err(ZeroLengthLoop));
        let instant = vec![(Phase::Steady, Duration::ZERO)];
        assert_eq!(ChannelScript::repeating(instant), Err(ZeroLengthLoop));
    }

    #[test]
    fn script_has_a_text_form() {
        for (yaml, text) in [
            ("steady", "steady"),
            (
                "{phase: bitrate_drop, for: 40s}",
                "bitrate_drop for 40s, then steady",
            ),
            (
                "repeat: [{phase: steady, for: 3m}, {phase: offline, for: 90s}]",
                "steady for 3m, offline for 1m30s, and again",
            ),
        ] {
            assert_eq!(
                ChannelScript::parse("test", yaml).unwrap().to_string(),
                text
            );
        }
    }

    #[test]
    fn name_alone_is_a_phase_without_end() {
        for name in Phase::VARIANTS {
            let script = ChannelScript::parse("test", name).unwrap();
            assert_eq!(script.at(0).name(), *name);
        }
    }

    #[test]
    fn four_ways_to_write_a_script_are_parsed() {
        let drop = Phase::BitrateDrop { to: 0.2 };
        let offline = Phase::Offline {
            status: Some(NotLive::Banpush),
        };
        for (text, script) in [
            ("{phase: bitrate_drop, to: 0.2}", drop.clone().into()),
            (
                "{phase: bitrate_drop, to: 0.2, for: 40s}",
                ChannelScript::once(vec![(drop.clone(), secs(40))], Phase::Steady),
            ),
            (
                "[{phase: steady, for: 1m}, {phase: bitrate_drop, to: 0.2, for: 40s}]",
                ChannelScript::once(
                    vec![(Phase::Steady, secs(60)), (drop.clone(), secs(40))],
                    Phase::Steady,
                ),
            ),
            (
                "- {phase: steady, for: 1m}\n- {phase: offline, status: banpush}",
                ChannelScript::once(vec![(Phase::Steady, secs(60))], offline),
            ),
            (
                "repeat:\n- {phase: steady, for: 1m}\n- {phase: bitrate_drop, to: 0.2, for: 40s}",
                ChannelScript::repeating(vec![(Phase::Steady, secs(60)), (drop, secs(40))])
                    .unwrap(),
            ),
            (
                "{\"phase\": \"video_freeze\", \"bitrate\": \"stays\"}",
                Phase::VideoFreeze {
                    bitrate: FrozenBitrate::Stays,
                }
                .into(),
            ),
        ] {
            assert_eq!(
                ChannelScript::parse("test", text).unwrap(),
                script,
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_are_reported_with_line_and_column() {
        for (text, part) in [
            (
                "stedy",
                "test:1:1: unknown phase `stedy`, expected one of steady,",
            ),
            (
                "{phase: bitrate_drop, too: 0.3}",
                "test:1:23: unknown field `too`",
            ),
            (
                "{phase: bitrate_drop, to: -1}",
                "test:1:27: -1 is not a number from 0 on",
            ),
            (
                "{phase: bitrate_drop, to: .nan}",
                "test:1:27: NaN is not a number from 0 on",
            ),
            (
                "{phase: steady, to: 0.3}",
                "the phase `steady` has no key `to`",
            ),
            ("{for: 40s}", "`phase` is missing"),
            ("[steady, offline]", "the phase `steady` needs `for`"),
            ("{repeat: [offline]}", "the phase `offline` needs `for`"),
            (
                "{repeat: []}",
                "a script that repeats needs a phase with a duration",
            ),
            (
                "{repeat: [offline], phase: steady}",
                "`repeat` cannot be combined",
            ),
            ("[]", "a script needs at least one phase"),
            (
                "{phase: steady, for: 40}",
                "test:1:22: `40` is not a duration",
            ),
            (
                "{phase: steady, for: 0s}",
                "test:1:22: `0s` is shorter than 1ms",
            ),
        ] {
            let error = ChannelScript::parse("test", text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
