//! What is known of a channel, for pages that people look at: made when somebody looks.

use std::sync::Arc;
use std::time::Duration;

use super::key::ChannelKey;
use super::piece::{ChannelMeta, Subject};
use crate::state::{Channel, Figures, Lowest, Problem, Rules, State};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{LiveStatus, Outcome, StreamName};

/// A channel as it is at present.
///
/// Times are by the host's clock, except samples' own.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// Identifies the channel.
    pub key: ChannelKey,
    /// The store's [version](super::ChannelStore::version) when it last changed.
    pub version: u64,
    /// What the configuration says of it.
    pub meta: ChannelMeta,
    /// Whether it is live.
    pub state: State,
    /// What Polyv calls its status, where that was said lately.
    pub reported: Option<LiveStatus>,
    /// Since when, as seen here.
    pub since: Timestamp,
    /// How often it changed between live and not live.
    pub transitions: u64,
    /// How the last poll ended; `None` before the first.
    pub last_outcome: Option<Outcome>,
    /// When a poll last brought an answer.
    pub last_success: Option<Timestamp>,
    /// When a sample that was not known before was last seen.
    pub last_new_sample: Option<Timestamp>,
    /// The newest sample of any stream, by its own time.
    pub last_sample: Option<Timestamp>,
    /// Its streams that are true now.
    pub streams: Vec<StreamSnapshot>,
    /// What is wrong with it, the worst first.
    pub problems: Vec<Problem>,
    /// Whether a newest sample says what would be one if it lasted.
    pub wavering: bool,
}

/// A stream of a channel.
#[derive(Debug, Clone)]
pub struct StreamSnapshot {
    /// Its name, as the label shows it.
    pub name: StreamName,
    /// How many distinct samples were seen.
    pub samples_total: u64,
    /// What they come to.
    pub figures: Figures,
}

/// What one stream was like over the last half hour, oldest first.
#[derive(Debug, Clone)]
pub struct StreamHistory {
    /// The stream's name.
    pub name: StreamName,
    /// How long a step is.
    pub step: Duration,
    /// The lowest readings, step by step.
    pub steps: Vec<Lowest>,
}

/// Polls that ended alike, one after the other; times by the host's clock.
#[derive(Debug, Clone)]
pub struct PollLogView {
    /// How they ended.
    pub outcome: Outcome,
    /// What was said about it, where it was not an answer.
    pub words: Option<Arc<str>>,
    /// When the first of them ended.
    pub first: Timestamp,
    /// When the last of them ended.
    pub last: Timestamp,
    /// How many there were.
    pub count: u64,
    /// How many samples they brought that were not known before.
    pub new_samples: u64,
}

/// A channel with all that is remembered of it.
#[derive(Debug, Clone)]
pub struct ChannelDetail {
    /// The channel as it is.
    pub channel: ChannelSnapshot,
    /// Its streams' last half hour, those that are not shown any more included.
    pub histories: Vec<StreamHistory>,
    /// How the last polls ended, newest first.
    pub answers: Vec<PollLogView>,
}

// === impl ChannelSnapshot ===

impl ChannelSnapshot {
    pub(super) fn new(
        key: ChannelKey,
        version: u64,
        meta: ChannelMeta,
        subject: &Subject<'_>,
        now: TimeSnapshot,
    ) -> Self {
        let channel = subject.channel;
        let presence = channel.presence();
        let wall = |moment: Option<MonotonicInstant>| moment.map(|moment| subject.wall(moment));
        Self {
            key,
            version,
            state: presence.state(),
            reported: subject.reported,
            since: subject.wall(presence.since()),
            transitions: presence.transitions(),
            last_outcome: channel.last_outcome(),
            last_success: wall(channel.last_success()),
            last_new_sample: wall(channel.last_new_sample()),
            last_sample: channel.last_sample(),
            wavering: channel.is_wavering(&subject.streams, &meta.channel.expect),
            problems: channel.problems(&subject.streams, &meta.channel.expect, now),
            streams: subject
                .streams
                .iter()
                .map(|(stream, figures)| StreamSnapshot {
                    name: stream.name().clone(),
                    samples_total: stream.samples_total(),
                    figures: figures.clone(),
                })
                .collect(),
            meta,
        }
    }
}

// === impl StreamHistory ===

impl StreamHistory {
    pub(super) fn of(channel: &Channel, rules: &Rules) -> Vec<Self> {
        let step = channel.history_step(rules);
        channel
            .histories(rules)
            .map(|(name, steps)| Self {
                name: name.clone(),
                step,
                steps,
            })
            .collect()
    }
}

// === impl ChannelDetail ===

impl ChannelDetail {
    pub(super) fn new(channel: ChannelSnapshot, subject: &Subject<'_>, rules: &Rules) -> Self {
        let answers = subject.channel.answers();
        Self {
            channel,
            histories: StreamHistory::of(subject.channel, rules),
            answers: answers
                .map(|run| PollLogView {
                    outcome: run.outcome,
                    words: run.words.clone(),
                    first: subject.wall(run.first),
                    last: subject.wall(run.last),
                    count: run.count,
                    new_samples: run.new_samples,
                })
                .collect(),
        }
    }
}
