//! One channel: what the scenario says of it, and how it is doing.

use std::sync::Arc;
use std::time::Duration;

use super::chance::Chance;
use super::life::Life;
use super::phase::{NotLive, Phase};
use super::remembered::Remembered;
use super::samples::Sample;
use super::time::MediaTime;
use super::timeline::Timeline;

/// A channel as a scenario describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) streams: Vec<Stream>,
    pub(super) live_for: Duration,
    pub(super) sample_delay: Option<Duration>,
    pub(super) life: Life,
    /// Chat messages with any of these in them are refused.
    pub(super) refused_words: Vec<String>,
    /// What a call for many channels' status makes of it, if it is a seminar channel.
    pub(super) seminar: Option<Seminar>,
}

/// What a call for many channels' status makes of a seminar channel. It is not for them; what
/// happens to one all the same is undocumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seminar {
    /// The whole call is refused.
    Refused,
    /// The channel is left out.
    LeftOut,
}

/// Whose channel it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The account with this app id.
    Account(Arc<str>),
    /// Somebody whom this simulation does not know.
    Other,
}

/// A stream that is pushed to a channel, with its values when all is well.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) normal: Normal,
}

/// The values of a stream that is well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Normal {
    /// Bits per second.
    pub(super) bitrate: f64,
    /// Frames per second.
    pub(super) video: f64,
    /// Frames per second.
    pub(super) audio: f64,
}

/// A `streamUrl`, also as JSON since it is written thousands of times. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamName(Arc<(String, String)>);

/// A channel in the running simulation.
#[derive(Debug, Clone)]
pub(super) struct LiveChannel {
    pub(super) spec: Channel,
    pub(super) timeline: Timeline,
    pub(super) chance: Chance,
    /// How many calls named this channel first.
    pub(super) calls: u64,
    /// The newest sample that was sent, of each stream.
    pub(super) newest_sent: Vec<Sample>,
    /// What the writing operations have left behind.
    pub(super) remembered: Remembered,
    /// Media time up to which samples had appeared when the delay was last changed: what has
    /// appeared does not vanish again.
    appeared: Option<MediaTime>,
}

// === impl Channel ===

impl Channel {
    /// The channel's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a chat message that says this is refused.
    pub(super) fn refuses(&self, content: &str) -> bool {
        let mut words = self.refused_words.iter();
        words.any(|word| content.contains(word.as_str()))
    }

    /// The life that it begins with.
    #[must_use]
    pub fn life(&self) -> &Life {
        &self.life
    }
}

// === impl StreamName ===

impl StreamName {
    pub(super) fn new(name: &str) -> Self {
        let json = serde_json::Value::from(name).to_string();
        Self(Arc::new((name.to_owned(), json)))
    }

    pub(super) fn text(&self) -> &str {
        &self.0.0
    }

    /// As JSON, in quotes.
    pub(super) fn json(&self) -> &str {
        &self.0.1
    }
}

// === impl LiveChannel ===

impl LiveChannel {
    /// A channel whose life begins now.
    pub(super) fn new(spec: Channel, seed: u64, now: MediaTime) -> Self {
        Self {
            timeline: Timeline::new(now, spec.live_for, spec.life.clone()),
            chance: Chance::new(seed).and_text(&spec.id),
            calls: 0,
            newest_sent: Vec::new(),
            remembered: Remembered::default(),
            appeared: None,
            spec,
        }
    }

    pub(super) fn belongs_to(&self, app_id: &str) -> bool {
        matches!(&self.spec.owner, Owner::Account(owner) if **owner == *app_id)
    }

    /// What it does at present.
    pub(super) fn phase(&self, now: MediaTime) -> &Phase {
        const NOT_BEGUN: &Phase = &Phase::Offline {
            status: Some(NotLive::UnStart),
        };
        self.timeline.at(now).unwrap_or(NOT_BEGUN)
    }

    /// Whether it was not deleted.
    pub(super) fn exists(&self, now: MediaTime) -> bool {
        !self.timeline.is_deleted(now)
    }

    /// The word of the live status list for what it does at present.
    pub(super) fn live_status(&self, now: MediaTime) -> &'static str {
        match self.phase(now) {
            Phase::Offline {
                status: Some(status),
            } => status.word(),
            Phase::Offline { status: None } if self.timeline.was_live_before(now) => {
                NotLive::End.word()
            }
            Phase::Offline { status: None } => NotLive::UnStart.word(),
            _ => "live",
        }
    }

    /// Media time up to which samples have appeared, where they take `general_delay` unless
    /// the channel has a delay of its own.
    pub(super) fn horizon(&self, now: MediaTime, general_delay: Duration) -> MediaTime {
        let delay = self.spec.sample_delay.unwrap_or(general_delay);
        let horizon = now.minus(delay);
        self.appeared
            .map_or(horizon, |appeared| horizon.max(appeared))
    }

    /// Keeps what has appeared, before the delay changes.
    pub(super) fn keep_what_appeared(&mut self, now: MediaTime, general_delay: Duration) {
        self.appeared = Some(self.horizon(now, general_delay));
    }

    /// Remembers which samples were sent.
    pub(super) fn sent<'a>(&mut self, samples: impl Iterator<Item = &'a Sample>) {
        for sample in samples {
            let known = self
                .newest_sent
                .iter_mut()
                .find(|known| known.stream == sample.stream);
            match known {
                Some(known) if known.at <= sample.at => *known = sample.clone(),
                Some(_) => {}
                None => self.newest_sent.push(sample.clone()),
            }
        }
    }
}
