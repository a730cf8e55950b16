//! What happens to a channel: a life is phases, one after the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::phase::Phase;
use super::time::signed_millis;
use crate::yaml::{Faults, Node, Reader, format_duration};

/// A channel's life: phases with durations, and what comes after them.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    timed: Vec<(Phase, Duration)>,
    then: Then,
}

#[derive(Debug, Clone, PartialEq)]
enum Then {
    Stay(Phase),
    Again { total_ms: i64 },
}

/// A repeating life whose phases take no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a life that repeats needs a phase that lasts")]
pub struct NothingLasts;

// === impl Life ===

impl Life {
    /// One phase, for good.
    #[must_use]
    pub fn forever(phase: Phase) -> Self {
        Self::once(Vec::new(), phase)
    }

    /// Phases that run once, and the one that then stays.
    #[must_use]
    pub fn once(phases: Vec<(Phase, Duration)>, then: Phase) -> Self {
        Self {
            timed: phases,
            then: Then::Stay(then),
        }
    }

    /// Phases that run again and again.
    ///
    /// # Errors
    /// Where none of them lasts at least a millisecond.
    pub fn repeating(phases: Vec<(Phase, Duration)>) -> Result<Self, NothingLasts> {
        let total_ms = phases.iter().fold(0_i64, |total, (_, lasts)| {
            total.saturating_add(signed_millis(*lasts))
        });
        if total_ms == 0 {
            return Err(NothingLasts);
        }
        Ok(Self {
            timed: phases,
            then: Then::Again { total_ms },
        })
    }

    /// Reads what stands behind `life:` in a scenario file, from a document of its own.
    ///
    /// ```
    /// use polyv_exporter::simulator::{Life, Phase};
    ///
    /// let life = Life::parse("now", "{phase: bitrate_drop, to: 0.3}")?;
    /// assert_eq!(life, Life::forever(Phase::BitrateDrop { to: 0.3 }));
    /// # Ok::<(), polyv_exporter::yaml::Faults>(())
    /// ```
    ///
    /// # Errors
    /// All that is wrong with it, with places; `source` names the document there.
    pub fn parse(source: &str, text: &str) -> Result<Self, Faults> {
        let source = Arc::from(source);
        let node = Node::parse(&source, text)?;
        let mut reader = Reader::new(source);
        let life = super::scenario::read_life(&mut reader, &node);
        let steady = Self::forever(Phase::Steady);
        reader.into_faults().or(life.unwrap_or(steady))
    }

    /// The phase that far into the life.
    pub(super) fn at(&self, elapsed_ms: i64) -> &Phase {
        let mut left = match self.then {
            Then::Again { total_ms } => elapsed_ms.rem_euclid(total_ms),
            Then::Stay(_) => elapsed_ms,
        };
        for (phase, lasts) in &self.timed {
            let lasts = signed_millis(*lasts);
            if left < lasts {
                return phase;
            }
            left -= lasts;
        }
        match &self.then {
            Then::Stay(phase) => phase,
            // Not reached: the phases add up to the total.
            Then::Again { .. } => &Phase::Steady,
        }
    }

    /// Whether the channel is deleted in any of the phases.
    pub(super) fn deletes(&self) -> bool {
        let then = match &self.then {
            Then::Stay(phase) => Some(phase),
            Then::Again { .. } => None,
        };
        let mut phases = self.timed.iter().map(|(phase, _)| phase).chain(then);
        phases.any(|phase| *phase == Phase::Deleted)
    }

    /// Whether a live phase has begun that far into the life.
    pub(super) fn was_live_within(&self, elapsed_ms: i64) -> bool {
        let mut begin = 0_i64;
        for (phase, lasts) in &self.timed {
            if begin > elapsed_ms {
                return false;
            }
            if phase.is_live() && !lasts.is_zero() {
                return true;
            }
            begin = begin.saturating_add(signed_millis(*lasts));
        }
        matches!(&self.then, Then::Stay(phase) if begin <= elapsed_ms && phase.is_live())
    }
}

/// For people: `steady for 3m, bitrate_drop for 40s, and again`.
impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, lasts) in &self.timed {
            write!(f, "{} for {}, ", phase.name(), format_duration(*lasts))?;
        }
        match &self.then {
            Then::Again { .. } => f.write_str("and again"),
            Then::Stay(phase) if self.timed.is_empty() => f.write_str(phase.name()),
            Then::Stay(phase) => write!(f, "then {}", phase.name()),
        }
    }
}

impl From<Phase> for Life {
    fn from(phase: Phase) -> Self {
        Self::forever(phase)
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
    fn a_life_that_runs_once_ends_in_its_last_phase() {
        let life = Life::once(
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
            assert_eq!(life.at(at_ms), phase, "{at_ms}");
        }
    }

    #[test]
    fn a_repeating_life_begins_again() {
        let offline = Phase::Offline { status: None };
        let life =
            Life::repeating(vec![(Phase::Steady, secs(30)), (offline.clone(), secs(15))]).unwrap();
        for round in [0, 1, 1_000] {
            let start = round * 45_000;
            assert_eq!(life.at(start), &Phase::Steady);
            assert_eq!(life.at(start + 29_999), &Phase::Steady);
            assert_eq!(life.at(start + 30_000), &offline);
            assert_eq!(life.at(start + 44_999), &offline);
        }
    }

    #[test]
    fn a_life_that_repeats_nothing_is_refused() {
        assert_eq!(Life::repeating(Vec::new()), Err(NothingLasts));
        let instant = vec![(Phase::Steady, Duration::ZERO)];
        assert_eq!(Life::repeating(instant), Err(NothingLasts));
    }

    #[test]
    fn a_life_can_be_told() {
        for (yaml, told) in [
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
            assert_eq!(Life::parse("test", yaml).unwrap().to_string(), told);
        }
    }
}
