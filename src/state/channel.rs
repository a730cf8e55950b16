//! The record of one channel: where state, streams and screening come together.

use std::time::Duration;

use super::MAX_STREAMS;
use super::freshness::{FreshnessPolicy, IntervalScale};
use super::history::{HistoryPoint, shared_bucket_width};
use super::liveness::{LiveState, Liveness};
use super::poll_log::{PollLog, PollLogEntry};
use super::sample_validation::{DiscardCounts, DiscardReason, SampleValidator, ValidSample};
use super::stream::{IngestResult, Stream, StreamAggregates};
use super::update::{ChannelActivity, NewSample, NextRange, RANGE_OVERLAP};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{LiveStatus, Outcome, Range, StreamInfo, StreamName};

/// What is known of one channel.
#[derive(Debug, Clone)]
pub struct ChannelState {
    /// How often it is asked while it is live.
    live_interval: Duration,
    liveness: Liveness,
    last_outcome: Option<Outcome>,
    poll_log: PollLog,
    last_success: Option<MonotonicInstant>,
    /// What Polyv calls its status, and when it last said so.
    reported: Option<(LiveStatus, MonotonicInstant)>,
    /// When it was last known to be live.
    last_live: Option<MonotonicInstant>,
    last_new_sample: Option<MonotonicInstant>,
    last_sample: Option<Timestamp>,
    /// How old the newest sample was when it was first seen.
    sample_delay: Duration,
    /// When the first answer came, by Polyv's clock.
    first_response_at: Option<Timestamp>,
    /// Sorted by name.
    streams: Vec<Stream>,
    validator: SampleValidator,
    /// The longest range to ask for, after an answer that was too large.
    max_range: Option<Duration>,
}

/// What an answer brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateSummary {
    /// The samples that were not known before.
    pub new_samples: Vec<NewSample>,
    /// What could not be used.
    pub discarded: DiscardCounts,
}

/// A broadcast that has ended is of interest for so long.
const OF_INTEREST: Duration = Duration::from_secs(3600);

// === impl ChannelState ===

impl ChannelState {
    /// A channel that was not asked yet.
    #[must_use]
    pub fn new(live_interval: Duration, now: MonotonicInstant) -> Self {
        Self {
            live_interval,
            liveness: Liveness::new(now),
            last_outcome: None,
            poll_log: PollLog::default(),
            last_success: None,
            reported: None,
            last_live: None,
            last_new_sample: None,
            last_sample: None,
            sample_delay: Duration::ZERO,
            first_response_at: None,
            streams: Vec::new(),
            validator: SampleValidator::default(),
            max_range: None,
        }
    }

    /// Changes how often it is asked while it is live.
    pub fn set_live_interval(&mut self, live_interval: Duration) {
        self.live_interval = live_interval;
    }

    /// Whether it is live, since when, and how often that changed.
    #[must_use]
    pub fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// How the last poll ended; `None` before the first.
    #[must_use]
    pub fn last_outcome(&self) -> Option<Outcome> {
        self.last_outcome
    }

    /// How the last polls ended, newest first.
    pub fn poll_log(&self) -> impl Iterator<Item = &PollLogEntry> {
        self.poll_log.recent()
    }

    /// When a poll last brought an answer.
    #[must_use]
    pub fn last_success(&self) -> Option<MonotonicInstant> {
        self.last_success
    }

    /// What Polyv calls its status, where that was said lately enough to be true.
    #[must_use]
    pub fn reported_status(
        &self,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<LiveStatus> {
        let (status, _) = self.reported?;
        let until = self.reported_until(rules, scale)?;
        (now.monotonic < until).then_some(status)
    }

    /// Until when a channel that is shown for the sake of its broadcast is shown: an hour after
    /// it was last known to be live. `None` where it never was.
    #[must_use]
    pub fn recently_live_until(&self) -> Option<MonotonicInstant> {
        self.last_live.map(|last| last + OF_INTEREST)
    }

    /// When a sample that was not known before was last seen.
    #[must_use]
    pub fn last_new_sample(&self) -> Option<MonotonicInstant> {
        self.last_new_sample
    }

    /// The newest sample of any stream ever, by its own time.
    #[must_use]
    pub fn last_sample(&self) -> Option<Timestamp> {
        self.last_sample
    }

    /// How old the newest sample was when it was first seen; zero where that says nothing.
    pub(super) fn sample_delay(&self) -> Duration {
        self.sample_delay
    }

    /// How many polls in a row have brought no answer.
    pub(super) fn failures(&self) -> u64 {
        self.poll_log.failures()
    }

    /// How often it is asked, as things are.
    #[must_use]
    pub fn interval(&self, rules: &FreshnessPolicy) -> Duration {
        match self.liveness.state() {
            LiveState::Live => self.live_interval,
            LiveState::NotLive | LiveState::Unknown => rules.idle_interval,
        }
    }

    /// Whether it is live, or was within the last hour.
    #[must_use]
    pub fn is_recently_live(&self, now: TimeSnapshot) -> bool {
        let until = self.recently_live_until();
        self.liveness.state() == LiveState::Live || until.is_some_and(|until| now.monotonic < until)
    }

    /// The samples to request next.
    #[must_use]
    pub fn next_range(&self) -> NextRange {
        NextRange {
            newest: self.last_sample,
            limit: self.max_range,
        }
    }

    /// How active the channel is.
    #[must_use]
    pub fn activity(&self, rules: &FreshnessPolicy) -> ChannelActivity {
        let reported_live = self
            .reported
            .filter(|(status, _)| *status == LiveStatus::Live);
        ChannelActivity {
            state: self.liveness.state(),
            live_interval: self.live_interval,
            recently_live_until: self.recently_live_until(),
            reported_live_until: reported_live
                .and_then(|_| self.reported_until(rules, IntervalScale::NONE)),
        }
    }

    /// The channel is live, and this is what Polyv knows of its streams.
    pub fn apply_stream_info(
        &mut self,
        now: TimeSnapshot,
        info: &StreamInfo,
        rules: &FreshnessPolicy,
    ) -> UpdateSummary {
        self.record_success(Outcome::Ok, now);
        self.liveness.observe_live(now);
        self.last_live = Some(now.monotonic);
        let mut digest = UpdateSummary::default();
        self.validator
            .discard_unreadable(info.unreadable, &mut digest.discarded);
        let mut samples: Vec<ValidSample> = info
            .samples
            .iter()
            .filter_map(|raw| {
                self.validator
                    .validate(raw, now.server_time, &mut digest.discarded)
            })
            .collect();
        samples.sort_unstable_by(|a, b| {
            (&a.stream, a.time, a.values.rank()).cmp(&(&b.stream, b.time, b.values.rank()))
        });
        samples.dedup_by(|later, first| later.stream == first.stream && later.time == first.time);

        let (mut known, mut unknown): (Vec<_>, Vec<_>) = samples
            .chunk_by(|a, b| a.stream == b.stream)
            .partition(|of_stream| {
                let name = of_stream.first().map(|sample| &sample.stream);
                name.is_some_and(|name| self.position(name).is_ok())
            });
        // Observation streams first, so that one of them which has just come back to life is not
        // taken for dead; of the others those with the newest samples.
        unknown.sort_by_key(|samples| std::cmp::Reverse(samples.last().map(|last| last.time)));
        known.append(&mut unknown);
        for of_stream in known {
            self.ingest(of_stream, now, rules, &mut digest);
        }
        self.validator.settle();
        if !digest.new_samples.is_empty() {
            self.last_new_sample = Some(now.monotonic);
            self.max_range = None;
        }
        self.forget_old_streams(now, rules);
        let new_samples = u64::try_from(digest.new_samples.len()).unwrap_or(u64::MAX);
        self.poll_log
            .push(Outcome::Ok, None, new_samples, now.monotonic);
        digest
    }

    /// The channel is not live.
    pub fn apply_not_live(&mut self, now: TimeSnapshot, rules: &FreshnessPolicy) {
        self.record_success(Outcome::NotLive, now);
        self.poll_log.push(Outcome::NotLive, None, 0, now.monotonic);
        if self.liveness.state() == LiveState::Live {
            self.last_live = Some(now.monotonic);
        }
        // That it is called live is over, or not true yet.
        self.reported = self
            .reported
            .filter(|(status, _)| *status != LiveStatus::Live);
        self.liveness.observe_not_live(now);
        let step = self.history_bucket_width(rules);
        for stream in &mut self.streams {
            stream.end_session(step);
        }
        self.forget_old_streams(now, rules);
    }

    /// Polyv calls its status this. That alone says nothing of its being live: the stream does.
    pub fn apply_reported_status(&mut self, status: LiveStatus, now: TimeSnapshot) {
        self.reported = Some((status, now.monotonic));
    }

    /// There was no answer; `message` say why.
    pub fn apply_error(&mut self, outcome: Outcome, message: &str, now: MonotonicInstant) {
        self.last_outcome = Some(outcome);
        self.poll_log.push(outcome, Some(message), 0, now);
    }

    /// The answer to `asked` was too large: the next next_query_range asks for half of it.
    pub fn shrink_query_range(&mut self, asked: Range, now: TimeSnapshot) {
        if let Some(start) = asked.start {
            self.max_range = Some((now.server_time.since(start) / 2).max(RANGE_OVERLAP));
        }
    }

    /// Lets time pass; whether the channel's state changed by that alone.
    pub fn expire(
        &mut self,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> bool {
        let staleness_timeout = self.staleness_timeout(rules, scale);
        self.liveness.expire(now.monotonic, staleness_timeout)
    }

    /// When time alone next changes something that is shown.
    #[must_use]
    pub fn next_expiry(
        &self,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        let valid_until = self
            .liveness
            .valid_until(self.staleness_timeout(rules, scale));
        let streams = self
            .streams
            .iter()
            .filter_map(|stream| self.visible_until(stream, now, rules, scale))
            .filter(|until| *until > now.monotonic);
        let missed_from = self.missed_from();
        let later = [missed_from, self.reported_until(rules, scale)];
        let later = later.into_iter().flatten().filter(|at| *at > now.monotonic);
        valid_until.into_iter().chain(later).chain(streams).min()
    }

    /// The streams that are true at present, with their figures.
    pub fn visible_streams<'a>(
        &'a self,
        now: TimeSnapshot,
        rules: &'a FreshnessPolicy,
        scale: IntervalScale,
    ) -> impl Iterator<Item = (&'a Stream, StreamAggregates)> {
        self.fresh_streams(now, rules, scale)
            .filter_map(|stream| Some((stream, stream.aggregates(rules)?)))
    }

    fn fresh_streams(
        &self,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(move |stream| {
            self.visible_until(stream, now, rules, scale)
                .is_some_and(|until| until > now.monotonic)
        })
    }

    /// What each of its streams was like over the last half hour, those that are not shown any
    /// more included.
    pub fn histories<'a>(
        &'a self,
        rules: &FreshnessPolicy,
    ) -> impl Iterator<Item = (&'a StreamName, Vec<HistoryPoint>)> {
        let step = self.history_bucket_width(rules);
        self.streams
            .iter()
            .map(move |stream| (stream.name(), stream.history(step)))
    }

    /// In what steps its streams' histories are.
    #[must_use]
    pub fn history_bucket_width(&self, rules: &FreshnessPolicy) -> Duration {
        let streams = self.streams.iter().filter(|s| s.has_history()).count();
        shared_bucket_width(rules.history_bucket_width, streams)
    }

    fn record_success(&mut self, outcome: Outcome, now: TimeSnapshot) {
        self.last_outcome = Some(outcome);
        self.last_success = Some(now.monotonic);
        self.first_response_at.get_or_insert(now.server_time);
    }

    /// Until when its status is what Polyv called it last, if it says nothing more.
    fn reported_until(
        &self,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        let (_, at) = self.reported?;
        let interval = self.interval(rules).max(rules.idle_interval);
        // It is asked for in bulk, or not at all.
        Some(at + rules.staleness_timeout(interval, scale.all))
    }

    fn staleness_timeout(&self, rules: &FreshnessPolicy, scale: IntervalScale) -> Duration {
        let scale = match self.liveness.state() {
            LiveState::Live => scale.all,
            LiveState::NotLive | LiveState::Unknown => scale.idle,
        };
        rules.staleness_timeout(self.interval(rules), scale)
    }

    /// Until when a stream is true, as things are.
    fn visible_until(
        &self,
        stream: &Stream,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        if self.liveness.state() != LiveState::Live {
            return None;
        }
        let newest = stream.newest_time()?;
        let heard_until = stream.last_new() + self.staleness_timeout(rules, scale);
        let left = (newest + rules.max_sample_age).millis_after(now.server_time);
        // The very millisecond at which it is that old still counts.
        let young_until = match u64::try_from(left + 1) {
            Ok(left) => now.monotonic + Duration::from_millis(left),
            Err(_) => now.monotonic,
        };
        Some(heard_until.min(young_until))
    }

    /// Takes the samples of one stream, sorted by time.
    fn ingest(
        &mut self,
        samples: &[ValidSample],
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
        digest: &mut UpdateSummary,
    ) {
        let Some(first) = samples.first() else {
            return;
        };
        let Some(index) = self.stream_for(&first.stream, now, rules) else {
            for sample in samples {
                self.validator.discard(
                    DiscardReason::TooManyStreams,
                    &sample.stream,
                    sample.time,
                    &mut digest.discarded,
                );
            }
            return;
        };
        let not_before = self.liveness.not_before();
        let step = self.history_bucket_width(rules);
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        for sample in samples {
            let current = not_before.is_none_or(|before| sample.time > before);
            match stream.ingest(sample.time, sample.values, current, now.monotonic, step) {
                IngestResult::New => {
                    let delay = self
                        .first_response_at
                        .filter(|since| sample.time > *since)
                        .map(|_| now.server_time.since(sample.time));
                    self.sample_delay = delay.unwrap_or(self.sample_delay);
                    digest.new_samples.push(NewSample {
                        stream: sample.stream.clone(),
                        time: sample.time,
                        values: sample.values,
                        delay,
                    });
                    self.last_sample = self.last_sample.max(Some(sample.time));
                }
                IngestResult::Again => {}
                IngestResult::TooOld => self.validator.discard(
                    DiscardReason::TooOld,
                    &sample.stream,
                    sample.time,
                    &mut digest.discarded,
                ),
            }
        }
        stream.settle(rules, now.server_time, step);
    }

    /// Where a stream stands, after making a place for it if it is new and there is one: its
    /// own, or that of the stream that was silent longest, if it is not shown any more.
    fn stream_for(
        &mut self,
        name: &StreamName,
        now: TimeSnapshot,
        rules: &FreshnessPolicy,
    ) -> Option<usize> {
        if let Ok(known) = self.position(name) {
            return Some(known);
        }
        if self.streams.len() == MAX_STREAMS {
            let staleness_timeout = rules.staleness_timeout(self.live_interval, 1.0);
            let (silent, _) = self
                .streams
                .iter()
                .enumerate()
                .min_by_key(|(_, stream)| stream.last_new())
                .filter(|(_, stream)| stream.last_new() + staleness_timeout <= now.monotonic)?;
            self.streams.remove(silent);
        }
        let place = self.position(name).unwrap_or_else(|place| place);
        let stream = Stream::new(name.clone(), now.monotonic);
        // Most channels have one, and four of them at once would take a kilobyte more.
        self.streams.reserve_exact(1);
        self.streams.insert(place, stream);
        Some(place)
    }

    fn position(&self, name: &StreamName) -> Result<usize, usize> {
        self.streams
            .binary_search_by(|stream| stream.name().cmp(name))
    }

    /// Streams of which not even an identity is left need no place.
    fn forget_old_streams(&mut self, now: TimeSnapshot, rules: &FreshnessPolicy) {
        let step = self.history_bucket_width(rules);
        self.streams.retain_mut(|stream| {
            stream.settle(rules, now.server_time, step);
            !stream.is_expired()
        });
    }
}
