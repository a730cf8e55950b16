//! A channel's audience and its planned broadcasts.

use std::time::Duration;

use serde::Deserialize;

use super::fields::{Amount, HumanDuration, SignedDuration};
use super::rng::DeterministicRng;
use super::time::{MediaTime, signed_millis};

/// The time between two counts of viewers.
pub(crate) const COUNT_INTERVAL: Duration = Duration::from_secs(10);
/// The largest deviation of a count, as a share of the usual number of viewers.
const NOISE: f64 = 0.02;

/// The usual numbers of a channel's viewers while it is live.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audience {
    /// Each number, and from when on it is the usual one; oldest first.
    usual: Vec<(MediaTime, f64)>,
}

/// A planned session of a channel, relative to the start of the simulation or to the call that
/// added the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedSession {
    /// The planned start: `10m` from now, or `-10m`, 10 minutes ago.
    pub(crate) start: SignedDuration,
    /// The planned duration; without one Polyv has no planned end.
    pub(crate) duration: Option<HumanDuration>,
}

/// What is planned for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plans {
    /// What the times are relative to.
    pub(crate) since: Option<MediaTime>,
    pub(crate) sessions: Vec<PlannedSession>,
    /// The start that viewers see as a countdown.
    pub(crate) start_time: Option<SignedDuration>,
}

// === impl Audience ===

impl Audience {
    pub(crate) fn new(usual: Option<Amount>) -> Self {
        let usual = usual.map_or(0.0, |amount| amount.0);
        Self {
            usual: vec![(MediaTime::MIN, usual)],
        }
    }

    /// Changes the usual number from now on.
    pub(crate) fn set(&mut self, now: MediaTime, usual: f64) {
        self.usual.push((now, usual));
    }

    /// The usual number at present.
    pub(crate) fn usual(&self) -> f64 {
        self.usual.last().map_or(0.0, |(_, usual)| *usual)
    }

    /// The number of viewers at that time of a channel that is live.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    pub(crate) fn count(&self, rng: DeterministicRng, at: MediaTime) -> u64 {
        let mut usual = self.usual.iter().rev();
        let usual = usual.find(|(since, _)| *since <= at);
        let usual = usual.map_or(0.0, |(_, usual)| *usual);
        let rng = rng.with_text("viewers").with(at.as_millis().unsigned_abs());
        (usual * (1.0 + NOISE * rng.normal().clamp(-1.0, 1.0))).round() as u64
    }
}

// === impl Plans ===

impl Plans {
    /// The planned start and end of each session.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (MediaTime, Option<MediaTime>)> {
        let since = self.since;
        self.sessions.iter().filter_map(move |session| {
            let start = since?.plus_millis(session.start.0);
            let end = session
                .duration
                .map(|duration| start.plus_millis(signed_millis(duration.0)));
            Some((start, end))
        })
    }

    /// The start that viewers see.
    pub(crate) fn start_time(&self) -> Option<MediaTime> {
        Some(self.since?.plus_millis(self.start_time?.0))
    }
}
