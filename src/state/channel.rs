//! The state of one channel, and how a response changes it.

use std::sync::Arc;
use std::time::Duration;

use super::freshness::{FreshnessPolicy, IntervalScale};
use super::history::StreamHistory;
use super::liveness::{LiveState, Liveness};
use super::poll_log::PollLog;
use super::push::PushState;
use super::sample_validation::{DiscardCounts, SampleValidator};
use super::source::{SourceSelection, StreamSource};
use super::stream::{Stream, StreamSnapshot};
use super::update::{ChannelActivity, CorrectedSample, NewSample, NextRange, RANGE_OVERLAP};
use super::viewers::Viewers;
use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};
use polyv_client::{LiveStatus, Outcome, Range, ViewerCount};

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
    pub(super) first_response_at: Option<Timestamp>,
    /// Sorted by name.
    pub(super) streams: Vec<Stream>,
    viewers: Viewers,
    pub(super) validator: SampleValidator,
    /// The longest range to request, after a response that was too large.
    pub(super) max_range: Option<Duration>,
    /// When a request is next to look back for streams that have begun and are slow.
    pub(super) next_look_back: Option<MonotonicInstant>,
    /// Whether the next request does.
    pub(super) looks_back: bool,
    /// The choice of the call that samples come from.
    pub(super) sources: SourceSelection,
    /// What is pushed, as Polyv said last. Boxed, since most channels are not live.
    pub(super) push: Option<Box<PushState>>,
    /// The node that received the session's stream, as Polyv said last.
    pub(super) ingest_node: Option<Arc<str>>,
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

/// How far the samples of a live stream may be behind those of the channel's other streams, so
/// that they are requested although nothing new was received of the stream for a while.
pub(super) const MAX_STREAM_LAG: Duration = Duration::from_secs(5 * 60);
/// How long a channel counts as recently live after its session has ended.
const RECENTLY_LIVE_SPAN: Duration = Duration::from_secs(3600);

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
            ingest_node: None,
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

    pub(super) fn observe_live(&mut self, now: TimeSnapshot) {
        if self.liveness.observe_live(now) {
            for stream in &mut self.streams {
                stream.begin_session(self.liveness.not_before);
            }
            self.sources.begin_session();
            self.ingest_node = None;
        }
        self.last_live = Some(now.monotonic);
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

    pub(super) fn record_success(&mut self, outcome: Outcome, now: TimeSnapshot) {
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
        let choice = self.source_choice(policy);
        let is_best_effort =
            choice.source == StreamSource::ListStreamInfo || choice.only_checks_tencent;
        let scale = match self.liveness.state {
            // These calls are made with what is left of the rate limit.
            LiveState::Live if is_best_effort => scale.idle,
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
}
