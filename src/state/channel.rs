//! The state of one channel, and how a response changes it.

use std::time::Duration;

use super::freshness::{FreshnessPolicy, IntervalScale};
use super::history::StreamHistory;
use super::liveness::{LiveState, Liveness};
use super::poll_log::PollLog;
use super::push::{self, Push, PushState};
use super::requested_samples::unique;
use super::sample_validation::{DiscardCounts, DiscardReason, SampleValidator, ValidSample};
use super::source::{SourceChoice, SourceSelection, StreamSource, V4_INTERVAL};
use super::stream::{Ingested, Stream, StreamSnapshot};
use super::update::{ChannelActivity, CorrectedSample, NewSample, NextRange, RANGE_OVERLAP};
use super::viewers::Viewers;
use crate::config::Sources;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{ChannelPush, LiveStatus, Outcome, Range, StreamInfo, StreamName, ViewerCount};

/// The state of one channel: its liveness, its streams and its latest polls.
#[derive(Debug, Clone)]
pub(super) struct ChannelState {
    /// The poll interval while the channel is live.
    pub(super) live_interval: Duration,
    /// Whether the channel is live, since when, and how often that changed.
    pub(super) liveness: Liveness,
    /// The outcome of the last poll; `None` before the first.
    pub(super) last_outcome: Option<Outcome>,
    /// The outcomes of the last polls.
    pub(super) poll_log: PollLog,
    /// When a poll last succeeded.
    pub(super) last_success: Option<MonotonicInstant>,
    /// The status that Polyv reported last, and when.
    reported: Option<(LiveStatus, MonotonicInstant)>,
    /// When the channel was last known to be live.
    pub(super) last_live: Option<MonotonicInstant>,
    /// When a new sample was last received.
    pub(super) last_new_sample: Option<MonotonicInstant>,
    /// The own time of the newest sample that any stream ever had.
    pub(super) last_sample: Option<Timestamp>,
    /// The age of the newest sample when it was received; zero where that is not known.
    pub(super) sample_delay: Duration,
    /// The server time of the first successful poll.
    first_response_at: Option<Timestamp>,
    /// Sorted by name.
    streams: Vec<Stream>,
    viewers: Viewers,
    validator: SampleValidator,
    /// The longest range to request, after a response that was too large.
    max_range: Option<Duration>,
    /// When a request is next to look back for streams that have begun and are slow.
    next_look_back: Option<MonotonicInstant>,
    /// Whether the next request does.
    looks_back: bool,
    /// The choice of the call that samples come from.
    sources: SourceSelection,
    /// What is pushed, as Polyv said last. Boxed, since most channels are not live.
    push: Option<Box<PushState>>,
}

/// What a response changed: the samples that it added and those that were discarded.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct UpdateSummary {
    /// The samples that were not known before.
    pub(super) new_samples: Vec<NewSample>,
    /// The samples that were known, perhaps with other values.
    pub(super) corrected_samples: Vec<CorrectedSample>,
    /// The samples and fields that were discarded.
    pub(super) discarded: DiscardCounts,
    /// The counts of viewers that were not known before.
    pub(super) viewers: Vec<ViewerCount>,
}

/// The streams of a channel at most; samples of further ones are discarded.
pub(super) const MAX_STREAMS: usize = 8;
/// How far the samples of a live stream may be behind those of the channel's other streams, so
/// that they are requested although nothing new was received of the stream for a while.
const MAX_STREAM_LAG: Duration = Duration::from_secs(5 * 60);
/// A stream without new samples makes way for one with samples that are newer by this.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(30);
/// How long a channel counts as recently live after its session has ended.
const RECENTLY_LIVE_SPAN: Duration = Duration::from_secs(3600);
/// The longest interval of snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(30);

// === impl ChannelState ===

impl ChannelState {
    /// The state of a channel that was not polled yet.
    pub(super) fn new(live_interval: Duration, now: MonotonicInstant) -> Self {
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
            viewers: Viewers::default(),
            validator: SampleValidator::default(),
            max_range: None,
            next_look_back: None,
            looks_back: false,
            sources: SourceSelection::default(),
            push: None,
        }
    }

    /// The status that Polyv reports, unless that report is stale.
    pub(super) fn reported_status(
        &self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<LiveStatus> {
        let (status, _) = self.reported?;
        let until = self.reported_until(policy, scale)?;
        (now.monotonic < until).then_some(status)
    }

    /// Until when the channel counts as recently live: an hour after it was last known to be
    /// live. `None` where it never was.
    pub(super) fn recently_live_until(&self) -> Option<MonotonicInstant> {
        self.last_live.map(|last| last + RECENTLY_LIVE_SPAN)
    }

    /// The poll interval in the channel's present state.
    pub(super) fn interval(&self, policy: &FreshnessPolicy) -> Duration {
        match self.liveness.state {
            LiveState::Live => match self.source(policy) {
                StreamSource::Tencent => self.live_interval,
                StreamSource::ListStreamInfo => self.live_interval.max(V4_INTERVAL),
                StreamSource::Snapshot => self.live_interval.min(SNAPSHOT_INTERVAL),
            },
            LiveState::NotLive | LiveState::Unknown => policy.idle_interval,
        }
    }

    /// Whether the channel is live, or was within the last hour.
    pub(super) fn is_recently_live(&self, now: TimeSnapshot) -> bool {
        let until = self.recently_live_until();
        self.liveness.state == LiveState::Live || until.is_some_and(|until| now.monotonic < until)
    }

    /// The samples to request next: those after the newest one of the slowest stream that may
    /// be live.
    pub(super) fn next_range(
        &self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> NextRange {
        let may_be_live = |stream: &&Stream| {
            stream.newest_time().map(|newest| newest + MAX_STREAM_LAG) >= self.last_sample
                || self.is_visible(stream, now, policy, scale)
        };
        let streams = self.streams.iter().filter(may_be_live);
        let slowest = streams.filter_map(Stream::newest_time).min();
        let newest = slowest.or(self.last_sample);
        let look_back = self.looks_back.then(|| now.server_time - MAX_STREAM_LAG);
        NextRange {
            newest: newest.map(|newest| newest.min(look_back.unwrap_or(newest))),
            limit: self.max_range,
        }
    }

    /// How active the channel is.
    pub(super) fn activity(
        &self,
        policy: &FreshnessPolicy,
        is_expected_live: bool,
    ) -> ChannelActivity {
        let reported_live = self
            .reported
            .filter(|(status, _)| *status == LiveStatus::Live);
        ChannelActivity {
            state: self.liveness.state,
            is_expected_live,
            live_interval: self.live_interval,
            recently_live_until: self.recently_live_until(),
            reported_live_until: reported_live
                .and_then(|_| self.reported_until(policy, IntervalScale::NONE)),
            sources: self.source_choice(policy),
        }
    }

    /// The call that samples come from.
    pub(super) fn source(&self, policy: &FreshnessPolicy) -> StreamSource {
        self.source_choice(policy).source
    }

    /// The choice of the call that samples come from.
    pub(super) fn source_choice(&self, policy: &FreshnessPolicy) -> SourceChoice {
        match policy.sources {
            Sources::Tencent => SourceChoice::TENCENT_ONLY,
            Sources::Auto => {
                let is_live = self.liveness.state == LiveState::Live;
                self.sources.choice(is_live, self.liveness.session_began)
            }
        }
    }

    /// What is pushed to the channel, while it is live and that is known.
    pub(super) fn push(&self, now: TimeSnapshot) -> Option<&Push> {
        let push = self
            .push
            .as_ref()
            .filter(|push| push.is_valid(now.monotonic))?;
        (self.liveness.state == LiveState::Live).then_some(&push.push)
    }

    /// Applies the stream information of a channel that is live, by the Tencent call.
    pub(super) fn apply_stream_info(
        &mut self,
        now: TimeSnapshot,
        info: &StreamInfo,
        policy: &FreshnessPolicy,
    ) -> UpdateSummary {
        self.apply_samples(StreamSource::Tencent, now, info, policy)
    }

    /// Applies the stream information of a channel that is live, from one of the two calls for
    /// it. The samples count where that call is the channel's source.
    pub(super) fn apply_samples(
        &mut self,
        source: StreamSource,
        now: TimeSnapshot,
        info: &StreamInfo,
        policy: &FreshnessPolicy,
    ) -> UpdateSummary {
        let pause = self.last_success.map(|last| now.monotonic.since(last));
        if source == StreamSource::Tencent || source == self.source(policy) {
            self.observe_live(now);
        }
        let mut digest = UpdateSummary::default();
        self.validator
            .discard_unreadable(info.unreadable, &mut digest.discarded);
        let valid = info.samples.iter().filter_map(|raw| {
            self.validator
                .validate(raw, now.server_time, &mut digest.discarded)
        });
        let mut samples: Vec<ValidSample> = valid.collect();
        let not_before = self.liveness.not_before;
        let of_session = |time: Timestamp| not_before.is_none_or(|before| time > before);
        let has_samples = samples.iter().any(|sample| of_session(sample.time));
        match source {
            StreamSource::Tencent if has_samples => self.sources.observe_tencent_samples(),
            StreamSource::ListStreamInfo => self.sources.observe_v4(has_samples),
            StreamSource::Tencent | StreamSource::Snapshot => {}
        }
        self.decide_source(now, policy);
        if source == self.source(policy) {
            self.record_success(Outcome::Ok, now);
        } else {
            samples.clear();
        }
        self.ingest_response(samples, pause, now, policy, &mut digest);
        if source == self.source(policy) {
            let new_samples = u64::try_from(digest.new_samples.len()).unwrap_or(u64::MAX);
            self.poll_log
                .push(Outcome::Ok, None, new_samples, now.monotonic);
        }
        digest
    }

    /// Applies what is pushed to the channel. A stream is a sample where snapshots are the
    /// channel's source; the response says that the channel is live where the Tencent call is not
    /// made or fails.
    pub(super) fn apply_push(
        &mut self,
        push: &ChannelPush,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) -> UpdateSummary {
        let pause = self.last_success.map(|last| now.monotonic.since(last));
        self.push = Some(Box::new(PushState::new(push, now)));
        let mut digest = UpdateSummary::default();
        let choice = self.source_choice(policy);
        let in_session = self.liveness.state == LiveState::Live || self.liveness.is_lost_session();
        let may_be_live = if choice.uses_tencent() {
            let fails = self.last_outcome.is_some_and(|last| !last.is_success());
            fails && !(in_session && choice.is_settled)
        } else {
            in_session
        };
        if push.live && may_be_live {
            self.observe_live(now);
        }
        self.decide_source(now, policy);
        let is_source = self.source(policy) == StreamSource::Snapshot;
        if is_source && push.live && self.liveness.state == LiveState::Live {
            self.record_success(Outcome::Ok, now);
            let sample = push::sample(push, now).into_iter().collect();
            self.ingest_response(sample, pause, now, policy, &mut digest);
            let new_samples = u64::try_from(digest.new_samples.len()).unwrap_or(u64::MAX);
            self.poll_log
                .push(Outcome::Ok, None, new_samples, now.monotonic);
        }
        digest
    }

    /// Records that a source is not offered for the channel any more.
    pub(super) fn give_up_source(
        &mut self,
        source: StreamSource,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        if source == StreamSource::Snapshot {
            self.push = None;
        }
        self.sources.give_up(source);
        self.decide_source(now, policy);
    }

    /// Makes the choice of the source if its time has come.
    fn decide_source(&mut self, now: TimeSnapshot, policy: &FreshnessPolicy) {
        if policy.sources == Sources::Tencent || self.liveness.state != LiveState::Live {
            return;
        }
        let live_for = now.monotonic.since(self.liveness.session_began);
        let push = self
            .push
            .as_ref()
            .filter(|push| push.is_valid(now.monotonic));
        let is_pushing = push.is_some_and(|push| push.push.is_pushing == Some(true));
        self.sources.decide(live_for, is_pushing);
        // What the first guess brought is not continued.
        if self.source(policy) != StreamSource::Snapshot {
            self.streams
                .retain(|stream| !push::is_snapshot(&stream.name));
        }
    }

    fn observe_live(&mut self, now: TimeSnapshot) {
        if self.liveness.observe_live(now) {
            for stream in &mut self.streams {
                stream.begin_session(self.liveness.not_before);
            }
            self.sources.begin_session();
        }
        self.last_live = Some(now.monotonic);
    }

    /// Adds the samples of a response.
    fn ingest_response(
        &mut self,
        samples: Vec<ValidSample>,
        pause: Option<Duration>,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        digest: &mut UpdateSummary,
    ) {
        let samples = unique(samples);

        let (mut known, mut unknown): (Vec<_>, Vec<_>) = samples
            .chunk_by(|a, b| a.stream == b.stream)
            .partition(|of_stream| {
                let name = of_stream.first().map(|sample| &sample.stream);
                name.is_some_and(|name| self.position(name).is_ok())
            });
        // Known streams first, so that no new stream replaces one that has new samples in this
        // response; then those with the newest samples.
        let newest = |samples: &[ValidSample]| samples.last().map(|last| last.time);
        unknown.sort_by_key(|samples| std::cmp::Reverse(newest(samples)));
        known.append(&mut unknown);
        let channel_newest = known.iter().filter_map(|samples| newest(samples)).max();
        for of_stream in known {
            // What polls missed may have ended long before the response.
            let lag = channel_newest
                .zip(newest(of_stream))
                .map_or(Duration::ZERO, |(channel, stream)| channel.since(stream));
            let overdue = lag.min(pause.unwrap_or(lag));
            self.ingest(of_stream, overdue, now, policy, digest);
        }
        self.validator.finish_response();
        if !digest.new_samples.is_empty() {
            self.last_new_sample = Some(now.monotonic);
            self.max_range = None;
        }
        let next_look_back = now.monotonic + MAX_STREAM_LAG;
        self.looks_back = *self.next_look_back.get_or_insert(next_look_back) <= now.monotonic;
        if self.looks_back {
            self.next_look_back = Some(next_look_back);
        }
        self.compact(now);
    }

    /// Applies a response by which the channel is not live.
    pub(super) fn apply_not_live(&mut self, now: TimeSnapshot) {
        self.record_success(Outcome::NotLive, now);
        self.poll_log.push(Outcome::NotLive, None, 0, now.monotonic);
        if self.liveness.state == LiveState::Live {
            self.last_live = Some(now.monotonic);
        }
        // A reported `live` is outdated, or ahead of the stream.
        self.reported = self
            .reported
            .filter(|(status, _)| *status != LiveStatus::Live);
        self.push = None;
        self.liveness.observe_not_live(now);
        self.compact(now);
    }

    /// Applies a failed call of a source that is not the Tencent call, or its response that
    /// nothing is pushed: only the Tencent call and the status end a session.
    pub(super) fn apply_source_error(
        &mut self,
        source: StreamSource,
        outcome: Outcome,
        message: &str,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        if source == self.source(policy) {
            if outcome.is_success() {
                self.record_success(outcome, now);
            }
            self.apply_error(outcome, message, now.monotonic);
        }
        if source == StreamSource::ListStreamInfo {
            self.sources.observe_v4(false);
        }
        self.decide_source(now, policy);
    }

    /// Applies a failed Tencent call: of a channel with another source it tells nothing, unless
    /// that says that the channel is not live any more.
    pub(super) fn apply_tencent_error(
        &mut self,
        outcome: Outcome,
        message: &str,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
    ) {
        if self.source(policy) == StreamSource::Tencent {
            self.apply_error(outcome, message, now.monotonic);
        } else if self.push.as_ref().is_some_and(|push| !push.is_live) {
            self.apply_not_live(now);
        }
        self.decide_source(now, policy);
    }

    /// Applies the status that Polyv reports. Whether the channel is live depends on its stream
    /// information alone.
    pub(super) fn apply_reported_status(&mut self, status: LiveStatus, now: TimeSnapshot) {
        self.reported = Some((status, now.monotonic));
    }

    /// Applies counts of viewers, oldest first.
    pub(super) fn apply_viewers(
        &mut self,
        counts: &[ViewerCount],
        now: TimeSnapshot,
    ) -> UpdateSummary {
        UpdateSummary {
            viewers: self.viewers.ingest(counts, now.server_time),
            ..UpdateSummary::default()
        }
    }

    /// How many people watch the channel; `None` while it is not live, and where that is not
    /// known.
    pub(super) fn viewers(&self, now: TimeSnapshot) -> Option<u64> {
        let is_live = self.liveness.state == LiveState::Live;
        self.viewers.current(now.server_time).filter(|_| is_live)
    }

    /// Applies a failed poll; `message` is the error's.
    pub(super) fn apply_error(&mut self, outcome: Outcome, message: &str, now: MonotonicInstant) {
        self.last_outcome = Some(outcome);
        self.poll_log.push(outcome, Some(message), 0, now);
    }

    /// Halves the range of the next query, because the response to this one was too large.
    pub(super) fn shrink_query_range(&mut self, requested: Range, now: TimeSnapshot) {
        if let Some(start) = requested.start {
            self.max_range = Some((now.server_time.since(start) / 2).max(RANGE_OVERLAP));
        }
    }

    /// Turns the channel's state to unknown if the last response is stale; whether it did.
    pub(super) fn expire(
        &mut self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> bool {
        let staleness_timeout = self.staleness_timeout(policy, scale);
        self.liveness.expire(now.monotonic, staleness_timeout)
    }

    /// When something visible next expires, if no further response arrives.
    pub(super) fn next_expiry(
        &self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        let valid_until = self
            .liveness
            .valid_until(self.staleness_timeout(policy, scale));
        let streams = self
            .streams
            .iter()
            .filter_map(|stream| self.visible_until(stream, now, policy, scale))
            .filter(|until| *until > now.monotonic);
        let missed_from = self.missed_from();
        let viewers = self.viewers.fresh_for(now.server_time);
        let viewers = viewers.map(|left| now.monotonic + left);
        let push = self.push.as_ref().map(|push| push.valid_until());
        let reported = self.reported_until(policy, scale);
        let later = [missed_from, push, reported, viewers];
        let later = later.into_iter().flatten().filter(|at| *at > now.monotonic);
        valid_until.into_iter().chain(later).chain(streams).min()
    }

    /// The streams that are live and fresh, as they are shown.
    pub(super) fn visible_streams(
        &self,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Vec<StreamSnapshot> {
        let streams = self.streams.iter();
        let visible = streams.filter(|stream| self.is_visible(stream, now, policy, scale));
        visible
            .filter_map(|stream| stream.snapshot(policy))
            .collect()
    }

    fn is_visible(
        &self,
        stream: &Stream,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> bool {
        let until = self.visible_until(stream, now, policy, scale);
        until.is_some_and(|until| until > now.monotonic)
    }

    /// The history of each stream for the half hour before `server_time`, of streams that are
    /// not visible any more as well.
    pub(super) fn histories(&self, server_time: Timestamp) -> Vec<StreamHistory> {
        let streams = self.streams.iter();
        streams.map(|stream| stream.history(server_time)).collect()
    }

    fn record_success(&mut self, outcome: Outcome, now: TimeSnapshot) {
        self.last_outcome = Some(outcome);
        self.last_success = Some(now.monotonic);
        self.first_response_at.get_or_insert(now.server_time);
    }

    /// Until when the reported status is valid, if Polyv reports nothing else.
    fn reported_until(
        &self,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        let (_, at) = self.reported?;
        let interval = self.interval(policy).max(policy.idle_interval);
        // Statuses are requested in batches, at the idle interval.
        Some(at + policy.staleness_timeout(interval, scale.all))
    }

    fn staleness_timeout(&self, policy: &FreshnessPolicy, scale: IntervalScale) -> Duration {
        let scale = match self.liveness.state {
            // These calls are made with what is left of the rate limit.
            LiveState::Live if self.source(policy) == StreamSource::ListStreamInfo => scale.idle,
            LiveState::Live => scale.all,
            LiveState::NotLive | LiveState::Unknown => scale.idle,
        };
        policy.staleness_timeout(self.interval(policy), scale)
    }

    /// Until when a stream is visible, if no further response arrives.
    fn visible_until(
        &self,
        stream: &Stream,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        scale: IntervalScale,
    ) -> Option<MonotonicInstant> {
        if self.liveness.state != LiveState::Live {
            return None;
        }
        let newest = stream.newest_time()?;
        let heard_until = stream.heard_until(self.staleness_timeout(policy, scale));
        let left = (newest + policy.max_sample_age).millis_after(now.server_time);
        // A sample of exactly the maximal age is still fresh.
        let young_until = match u64::try_from(left + 1) {
            Ok(left) => now.monotonic + Duration::from_millis(left),
            Err(_) => now.monotonic,
        };
        Some(heard_until.min(young_until))
    }

    /// Adds the samples of one stream, sorted by time, the newest of which was `overdue`.
    fn ingest(
        &mut self,
        samples: &[ValidSample],
        overdue: Duration,
        now: TimeSnapshot,
        policy: &FreshnessPolicy,
        digest: &mut UpdateSummary,
    ) {
        let Some(newest) = samples.last() else {
            return;
        };
        let Some(index) = self.stream_for(newest, now) else {
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
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        for sample in samples {
            match stream.ingest(sample.time, sample.values, policy) {
                Ingested::New => {}
                Ingested::Repeated => continue,
                Ingested::Corrected => {
                    digest.corrected_samples.push(CorrectedSample {
                        stream: sample.stream.clone(),
                        time: sample.time,
                        values: sample.values,
                    });
                    continue;
                }
            }
            stream.record_new(now.monotonic, overdue);
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
    }

    /// The index of the stream that a sample belongs to. A new one is inserted, or replaces the
    /// stream that ended first; `None` where none has ended.
    fn stream_for(&mut self, newest: &ValidSample, now: TimeSnapshot) -> Option<usize> {
        let name = &newest.stream;
        if let Ok(known) = self.position(name) {
            return Some(known);
        }
        if self.streams.len() == MAX_STREAMS {
            let streams = self.streams.iter().enumerate();
            let silent = streams.filter(|(_, stream)| stream.last_new < now.monotonic);
            let (ended, _) = silent
                .filter_map(|(index, stream)| Some((index, stream.last_sample()?)))
                .filter(|(_, last)| *last + REPLACEABLE_AFTER < newest.time)
                .min_by_key(|(_, last)| *last)?;
            self.streams.remove(ended);
        }
        let place = self.position(name).unwrap_or_else(|place| place);
        let stream = Stream::new(name.clone(), self.liveness.not_before, now.monotonic);
        // Most channels have one stream: a capacity of four would waste a kilobyte.
        self.streams.reserve_exact(1);
        self.streams.insert(place, stream);
        Some(place)
    }

    /// The stream of that name.
    pub(super) fn stream(&self, name: &StreamName) -> Option<&Stream> {
        self.streams.get(self.position(name).ok()?)
    }

    /// The stream with the newest sample.
    pub(super) fn newest_stream(&self) -> Option<&Stream> {
        let streams = self.streams.iter();
        streams.max_by_key(|stream| stream.last_sample())
    }

    fn position(&self, name: &StreamName) -> Result<usize, usize> {
        self.streams
            .binary_search_by(|stream| stream.name.cmp(name))
    }

    /// Compacts the streams, and removes expired ones.
    fn compact(&mut self, now: TimeSnapshot) {
        self.streams.retain_mut(|stream| {
            stream.compact(now.server_time);
            !stream.is_expired(now.server_time)
        });
    }
}
