//! The samples of a channel's responses, and its streams.

use std::time::Duration;

use super::channel::{ChannelState, MAX_STREAM_LAG, UpdateSummary};
use super::freshness::FreshnessPolicy;
use super::requested_samples::unique;
use super::sample_validation::{DiscardReason, ValidSample};
use super::source::StreamSource;
use super::stream::{Ingested, Stream};
use super::update::{CorrectedSample, NewSample};
use polyv_client::clock::{TimeSnapshot, Timestamp};
use polyv_client::{Outcome, StreamInfo, StreamName};

/// The streams of a channel at most; samples of further ones are discarded.
pub(super) const MAX_STREAMS: usize = 8;
/// A stream without new samples makes way for one with samples that are newer by this.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(30);

impl ChannelState {
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
            StreamSource::Tencent => {
                let live_for = self.live_for(now);
                self.sources.observe_tencent(has_samples, live_for);
            }
            StreamSource::ListStreamInfo => self.sources.observe_v4(has_samples),
            StreamSource::Snapshot => {}
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

    /// Adds the samples of a response.
    pub(super) fn ingest_response(
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
    pub(super) fn compact(&mut self, now: TimeSnapshot) {
        self.streams.retain_mut(|stream| {
            stream.compact(now.server_time);
            !stream.is_expired(now.server_time)
        });
    }
}
