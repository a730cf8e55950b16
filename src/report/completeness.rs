//! How complete the data of a broadcast are.

use super::model::Completeness;
use super::spans::{Spans, length};
use super::timeline::StreamTimeline;
use crate::recorder::{ChannelRecording, Period};
use crate::state::LiveState;
use polyv_client::clock::Timestamp;

/// A tail without samples that is no longer than this is the time between two polls.
const MIN_TAIL_MS: i64 = 30_000;
/// The same in sample intervals.
const MIN_TAIL_INTERVALS: i64 = 2;

/// The completeness of a broadcast's data.
pub(super) fn of(
    recording: &ChannelRecording,
    streams: &[StreamTimeline<'_>],
    off_air: &Spans,
    broadcast: Period,
) -> Completeness {
    let samples: usize = streams.iter().map(|stream| stream.samples.len()).sum();
    let observed: Spans = recording.observed.iter().copied().collect();
    let covered = streams.iter().flat_map(|stream| stream.covered.iter());
    let known: Spans = observed.iter().chain(covered).collect();
    Completeness {
        samples: u64::try_from(samples).unwrap_or(u64::MAX),
        expected_samples: streams.iter().map(|s| expected(s, off_air)).sum(),
        pending_tail_ms: pending_tail(recording, streams, broadcast),
        unobserved_ms: observed.missing_in(broadcast).total(),
        unknown_ms: known.missing_in(broadcast).total(),
    }
}

/// The last moment at which the channel was live, by polls.
pub(super) fn last_live(recording: &ChannelRecording) -> Option<Timestamp> {
    let states = recording.states.iter();
    let last = states.clone().rposition(|s| s.state == LiveState::Live)?;
    let over = recording
        .states
        .get(last + 1..)
        .and_then(|after| after.iter().find(|s| s.state == LiveState::NotLive));
    let over = over.map_or(recording.period.end, |state| state.time);
    // What was not observed before it was over may have been anything.
    let observed = recording.observed.iter();
    let observed = observed.filter(|period| period.start < over);
    let end = observed.map(|period| period.end).max()?;
    Some(end.min(over).min(recording.period.end))
}

/// The samples that a stream should have from its first one to its last one, without the time
/// off air.
fn expected(stream: &StreamTimeline<'_>, off_air: &Spans) -> u64 {
    let Some(extent) = stream.extent() else {
        return 0;
    };
    let interval = mean_interval(stream);
    let live = off_air.missing_in(extent);
    // A stream of one sample has no length.
    let is_empty = live.total() == 0;
    let expected = live.iter().map(|period| length(period) / interval + 1);
    let expected: i64 = expected.sum::<i64>() + i64::from(is_empty);
    u64::try_from(expected).unwrap_or(0).max(1)
}

/// The mean time between two samples, without gaps; a little shorter, so that rounding does not
/// lose the last one.
fn mean_interval(stream: &StreamTimeline<'_>) -> i64 {
    let usual = stream.interval..=stream.interval.saturating_mul(3) / 2;
    let (mut sum, mut count) = (0, 0);
    for pair in stream.samples.windows(2) {
        let [before, after] = pair else { continue };
        let gap = after.time.millis_after(before.time);
        if gap <= *usual.end() {
            sum += gap;
            count += 1;
        }
    }
    if count == 0 {
        stream.interval
    } else {
        (sum / count).max(1)
    }
}

/// How long the channel was live after its last sample.
fn pending_tail(
    recording: &ChannelRecording,
    streams: &[StreamTimeline<'_>],
    broadcast: Period,
) -> i64 {
    let interval = streams.iter().map(|stream| stream.interval).min();
    let Some((live_until, interval)) = last_live(recording).zip(interval) else {
        return 0;
    };
    let tail = live_until.millis_after(broadcast.end);
    let shortest = MIN_TAIL_MS.max(interval * MIN_TAIL_INTERVALS);
    if tail > shortest { tail } else { 0 }
}
