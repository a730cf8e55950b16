//! One channel: its description in the scenario, and its state in the running simulation.

use std::time::Duration;

use serde::Deserialize;

use super::audience::{Audience, Plans};
use super::cdn::Cdn;
use super::channel_script::ChannelScript;
use super::phase::{NotLive, Phase};
use super::rng::DeterministicRng;
use super::stream::{Sample, Stream};
use super::time::MediaTime;
use super::timeline::Timeline;
use super::written_state::WrittenState;

/// A channel as a scenario describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The app id of the account that owns it; `None` for an account outside the simulation.
    pub(crate) owner: Option<String>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) live_for: Duration,
    pub(crate) sample_delay: Option<Duration>,
    pub(crate) script: ChannelScript,
    /// Chat messages that contain any of these are refused.
    pub(crate) refused_words: Vec<String>,
    pub(crate) seminar: Option<Seminar>,
    pub(crate) ingest: Ingest,
    pub(crate) audience: Audience,
    pub(crate) plans: Plans,
}

/// How a channel's stream reaches Polyv.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ingest {
    pub(crate) cdn: Cdn,
    /// The address of the node that receives the push; `None` for the CDN's own.
    pub(crate) node: Option<String>,
    /// The share of lost frames as the CDN reports it; `None` for what is usual there.
    pub(crate) lost_frames: Option<f64>,
}

/// The effect of a seminar channel (研讨会, Polyv's conference mode) on a call for the status of
/// several channels. Polyv's page excludes these channels without saying what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Seminar {
    /// The whole call is refused.
    Refused,
    /// The channel is left out.
    LeftOut,
}

/// A channel in the running simulation.
#[derive(Debug, Clone)]
pub(crate) struct LiveChannel {
    pub(crate) spec: Channel,
    pub(crate) timeline: Timeline,
    pub(crate) rng: DeterministicRng,
    pub(crate) audience: Audience,
    pub(crate) plans: Plans,
    /// Number of calls that named this channel first.
    pub(crate) calls: u64,
    /// The newest sample that was sent, of each stream.
    pub(crate) newest_sent: Vec<Sample>,
    /// The state that writing operations have left.
    pub(crate) written_state: WrittenState,
    /// Media time up to which samples had appeared when the delay last changed: a sample that
    /// has appeared does not disappear again.
    visible_until: Option<MediaTime>,
}

impl Channel {
    /// The channel's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The script that it starts with.
    #[must_use]
    pub fn script(&self) -> &ChannelScript {
        &self.script
    }

    /// Whether a chat message with that content is refused.
    pub(crate) fn refuses(&self, content: &str) -> bool {
        self.refused_words.iter().any(|word| content.contains(word))
    }
}

impl LiveChannel {
    /// A channel whose script starts now.
    pub(crate) fn new(spec: Channel, seed: u64, now: MediaTime) -> Self {
        Self {
            timeline: Timeline::new(now, spec.live_for, spec.script.clone()),
            rng: DeterministicRng::new(seed).with_text(&spec.id),
            calls: 0,
            newest_sent: Vec::new(),
            written_state: WrittenState::default(),
            visible_until: None,
            audience: spec.audience.clone(),
            plans: Plans {
                since: Some(now),
                ..spec.plans.clone()
            },
            spec,
        }
    }

    pub(crate) fn belongs_to(&self, app_id: &str) -> bool {
        self.spec.owner.as_deref() == Some(app_id)
    }

    /// The current phase.
    pub(crate) fn phase(&self, now: MediaTime) -> &Phase {
        const NOT_STARTED: &Phase = &Phase::Offline {
            status: Some(NotLive::UnStart),
        };
        self.timeline.at(now).unwrap_or(NOT_STARTED)
    }

    /// Whether it is not deleted.
    pub(crate) fn exists(&self, now: MediaTime) -> bool {
        !self.timeline.is_deleted(now)
    }

    /// Its current status in the live status list.
    pub(crate) fn live_status(&self, now: MediaTime) -> &'static str {
        match self.phase(now) {
            Phase::Offline { status } => {
                let default = || {
                    if self.timeline.was_live_before(now) {
                        NotLive::End
                    } else {
                        NotLive::UnStart
                    }
                };
                status.unwrap_or_else(default).name()
            }
            _ => "live",
        }
    }

    /// Media time up to which samples have appeared, where samples take `default_delay` unless
    /// the channel has its own delay.
    pub(crate) fn visible_until(&self, now: MediaTime, default_delay: Duration) -> MediaTime {
        let delayed = now.minus(self.spec.sample_delay.unwrap_or(default_delay));
        self.visible_until.map_or(delayed, |kept| kept.max(delayed))
    }

    /// Keeps the samples that have appeared, before the delay changes.
    pub(crate) fn keep_visible_samples(&mut self, now: MediaTime, default_delay: Duration) {
        self.visible_until = Some(self.visible_until(now, default_delay));
    }

    /// The name under which the stream is pushed: what suffices to push to the channel.
    pub(crate) fn push_name(&self) -> String {
        let rng = self.rng.with_text("push name");
        format!(
            "{:016x}{:010}",
            rng.with(1).bits(),
            rng.with(2).below(10_000_000_000)
        )
    }

    /// Records the newest sample sent of each stream.
    pub(crate) fn record_sent(&mut self, samples: &[Sample]) {
        for sample in samples {
            let mut known = self.newest_sent.iter_mut();
            match known.find(|known| known.stream == sample.stream) {
                Some(known) if known.at <= sample.at => *known = sample.clone(),
                Some(_) => {}
                None => self.newest_sent.push(sample.clone()),
            }
        }
    }
}
