//! Plays channels through the real state machine, and what it exposes through the real rules.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{NumericField, RawSample, SampleTime, StreamInfo, StreamName};
use polyv_exporter::config::{Channel, Expect};
use polyv_exporter::metrics::{Format, RenderedChannels, render};
use polyv_exporter::state::{ChannelKey, ChannelMeta, ChannelStore, ChannelUpdate};
use polyv_exporter::state::{Exposure, FreshnessPolicy, NextRange};
use polyv_exporter::telemetry::Metrics;

use crate::problems::ProblemLog;
use crate::rules::{Firing, Recording, SCRAPE_SECONDS};
use crate::track::{Sample, Track};

/// Channels that one exporter and one Prometheus watch, all of one account.
pub struct Playback {
    pub seconds: usize,
    pub channels: Vec<Played>,
}

/// A channel to be played.
pub struct Played {
    pub track: Track,
    pub expect: Expect,
}

/// What came of a playback.
pub struct Outcome {
    /// The alerts that fire, each at every evaluation, and the index of its channel.
    pub firing: Vec<(usize, Firing)>,
    /// Where they disagree with the problems that the exporter shows.
    pub disagreements: Vec<String>,
}

/// The exporter's parts that a playback needs.
struct Exporter {
    store: Arc<ChannelStore>,
    rendered: RenderedChannels,
    metrics: Metrics,
    policy: FreshnessPolicy,
}

/// When a channel is polled next.
struct Polled {
    key: ChannelKey,
    /// The offset of its polls, as a share of the interval.
    phase: f64,
    due: i64,
    range: NextRange,
}

const ACCOUNT: &str = "default";
/// The beginning of a playback: 2023-11-14T22:13:20Z.
const EPOCH: i64 = 1_700_000_000_000;
const LIVE_INTERVAL: i64 = 15_000;
const IDLE_INTERVAL: i64 = 30_000;
/// How long before the time of its samples a scrape happens, at most (seconds). Evaluations are on
/// the grid of the tenth second and scrapes on that of the fifteenth, so without this the rules
/// would see a scrape after 0 or 5 seconds; with it they do after any time up to 10.
const MAX_SCRAPE_LEAD: usize = 5;
const FIRST_CHANNEL: usize = 1_000_000;

// === impl Playback ===

impl Playback {
    /// Plays it.
    pub fn play(&self, rng: &mut Rng) -> Outcome {
        let exporter = Exporter::new();
        let mut polled: Vec<Polled> = self
            .channels
            .iter()
            .enumerate()
            .map(|(n, channel)| exporter.insert(n, channel.expect, rng.f64()))
            .collect();
        let lead = rng.usize(0..MAX_SCRAPE_LEAD);
        let mut recording = Recording::new();
        let mut problems = ProblemLog::default();
        for second in 0..self.seconds {
            let time = second as i64 * 1000;
            for (polled, channel) in polled.iter_mut().zip(&self.channels) {
                while polled.due <= time {
                    exporter.poll(polled, &channel.track);
                }
            }
            if second == 0 || (second + lead).is_multiple_of(SCRAPE_SECONDS) {
                let scrape = exporter.scrape(time);
                // As promtool has it: scrapes are on the grid.
                problems.add(recording.seconds(), &scrape);
                recording.add(&scrape);
            }
        }
        let firing = recording.firing();
        let disagreements = problems.disagreements(&firing);
        let index = |id: &str| id.parse::<usize>().ok()?.checked_sub(FIRST_CHANNEL);
        let firing = firing
            .into_iter()
            .filter_map(|firing| Some((index(&firing.channel)?, firing)));
        Outcome {
            firing: firing.collect(),
            disagreements,
        }
    }
}

// === impl Exporter ===

impl Exporter {
    fn new() -> Self {
        let policy = FreshnessPolicy {
            lookback: Duration::from_secs(35 * 60),
            idle_interval: Duration::from_millis(IDLE_INTERVAL.unsigned_abs()),
            stale_after: Duration::from_secs(120),
            max_sample_age: Duration::from_secs(15 * 60),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
            sources: polyv_exporter::config::Sources::Auto,
        };
        let store = Arc::new(ChannelStore::new(policy, EPOCH));
        let metrics = Metrics::new().unwrap();
        metrics.init_account(ACCOUNT);
        Self {
            rendered: RenderedChannels::new(Arc::clone(&store)),
            store,
            metrics,
            policy,
        }
    }

    fn insert(&self, n: usize, expect: Expect, phase: f64) -> Polled {
        let id: Arc<str> = (FIRST_CHANNEL + n).to_string().into();
        let interval = Duration::from_millis(LIVE_INTERVAL.unsigned_abs());
        let channel = Channel {
            expect,
            ..Channel::new(id, interval)
        };
        let meta = ChannelMeta {
            account: ACCOUNT.into(),
            channel: Arc::new(channel),
        };
        Polled {
            key: self.store.insert(meta, Exposure::Always, at(0)),
            phase,
            due: (phase * LIVE_INTERVAL as f64) as i64,
            range: NextRange::default(),
        }
    }

    /// Polls a channel.
    fn poll(&self, polled: &mut Polled, track: &Track) {
        let now = at(polled.due);
        let (update, interval) = if track.is_live(polled.due) {
            let start = polled.range.at(now, self.policy.lookback).start.unwrap();
            let samples = track.response(start.as_millis() - EPOCH, polled.due);
            let info = StreamInfo {
                samples: samples.map(raw).collect(),
                unreadable: 0,
            };
            let update = self.store.apply_stream_info(polled.key, &info, true, now);
            (update, LIVE_INTERVAL)
        } else {
            (self.store.apply_not_live(polled.key, now), IDLE_INTERVAL)
        };
        let update = update.unwrap();
        self.observe_delays(&update);
        polled.range = update.next_range;
        polled.due = polled.slot_after(interval);
    }

    fn observe_delays(&self, update: &ChannelUpdate) {
        for delay in update.new_samples.iter().filter_map(|sample| sample.delay) {
            self.metrics.sample_delay(ACCOUNT, delay);
        }
    }

    fn scrape(&self, time: i64) -> String {
        let families = self.metrics.gather();
        let text = render(&self.rendered, &families, Format::Prometheus, at(time));
        String::from_utf8(text).unwrap()
    }
}

// === impl Polled ===

impl Polled {
    /// The next poll: on the channel's own grid, as the scheduler plans it.
    fn slot_after(&self, interval: i64) -> i64 {
        let offset = (self.phase * interval as f64) as i64;
        self.due + interval - (self.due - offset).rem_euclid(interval)
    }
}

fn raw(sample: &Sample) -> RawSample {
    let number = |value: Option<f64>| value.map_or(NumericField::Missing, NumericField::Number);
    RawSample {
        stream: StreamName::new(sample.stream),
        time: SampleTime::At(Timestamp::from_millis(EPOCH + sample.time)),
        video_bitrate: number(sample.video_bitrate),
        video_framerate: number(sample.video_framerate),
        audio_framerate: number(sample.audio_framerate),
    }
}

fn at(time: i64) -> TimeSnapshot {
    let time = time.max(0);
    TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(time.unsigned_abs()),
        server_time: Timestamp::from_millis(EPOCH + time),
    }
}
