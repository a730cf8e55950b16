//! When a channel was off air within a broadcast.

use super::spans::{Spans, length};
use super::timeline::StreamTimeline;
use crate::recorder::{ChannelRecording, Period, RecordedState};
use crate::state::LiveState;
use polyv_client::clock::Timestamp;

/// Polyv's status may be behind its samples by this much.
const STATUS_LAG_MS: i64 = 30_000;
/// A gap is longer than usual from this many sample intervals on.
const LONG_GAP_INTERVALS: f64 = 1.5;

/// When the channel was off air within `broadcast`: from the last sample before to the first one
/// after, or by polls where there are no samples.
///
/// Where no poll saw a gap between samples, because the exporter was not running, Polyv has no
/// samples of it and never was a push: the channel counts as off air.
pub(super) fn find(
    recording: &ChannelRecording,
    streams: &[StreamTimeline<'_>],
    broadcast: Period,
) -> Spans {
    let gaps = Gaps::new(streams);
    let polls = not_live(&recording.states, broadcast.start);
    let seen = polls.flat_map(|poll| gaps.matching(poll, broadcast));
    let observed: Spans = recording.observed.iter().copied().collect();
    let covered: Spans = (streams.iter().flat_map(|stream| stream.covered.iter())).collect();
    let unseen = gaps.long.iter().copied().filter(|gap| {
        let half = length(*gap) / 2;
        observed.within(*gap).total() < half && covered.within(*gap).total() > half
    });
    seen.chain(unseen).collect()
}

/// The periods in which polls saw the channel not live, between two in which it was. At the start
/// of a broadcast samples are before the first poll that sees it live.
fn not_live(states: &[RecordedState], start: Timestamp) -> impl Iterator<Item = Period> + '_ {
    let mut was_live = false;
    let mut since: Option<Timestamp> = None;
    states.iter().filter_map(move |state| match state.state {
        LiveState::Live => {
            was_live = true;
            let start = since.take()?;
            Some(Period {
                start,
                end: state.time,
            })
        }
        LiveState::NotLive => {
            if was_live || state.time.millis_after(start) > STATUS_LAG_MS {
                since.get_or_insert(state.time);
            }
            None
        }
        LiveState::Unknown => None,
    })
}

/// The gaps between the samples of a channel, whatever the stream.
struct Gaps {
    times: Vec<Timestamp>,
    interval: i64,
    /// Those that are an interruption.
    long: Vec<Period>,
}

// === impl Gaps ===

impl Gaps {
    fn new(streams: &[StreamTimeline<'_>]) -> Self {
        let samples = streams.iter().flat_map(|stream| stream.samples);
        let mut times: Vec<_> = samples.map(|sample| sample.time).collect();
        times.sort_unstable();
        times.dedup();
        let shortest = streams.iter().map(StreamTimeline::max_gap).min();
        let interval = streams.iter().map(|stream| stream.interval).min();
        let shortest = shortest.unwrap_or(i64::MAX);
        let long = pairs(&times).filter(|gap| length(*gap) > shortest);
        Self {
            long: long.collect(),
            interval: interval.unwrap_or(i64::MAX),
            times,
        }
    }

    /// The gaps that belong to a period in which polls saw the channel not live.
    fn matching(&self, poll: Period, broadcast: Period) -> Vec<Period> {
        let long = self.long.iter().copied();
        let long = long.filter(|gap| gap.start < poll.end && gap.end > poll.start);
        let long: Vec<_> = long.collect();
        if !long.is_empty() {
            return long;
        }
        let from = poll.start.plus_millis(-STATUS_LAG_MS);
        let first = self.times.partition_point(|time| *time <= from);
        let nearby = self
            .times
            .get(first.saturating_sub(1)..)
            .unwrap_or_default();
        let nearby = pairs(nearby).take_while(|gap| gap.start < poll.end);
        let longest = nearby.max_by_key(|gap| (length(*gap), gap.start));
        #[allow(clippy::cast_precision_loss)] // intervals are minutes at most
        let is_long =
            |gap: &Period| length(*gap) as f64 > self.interval as f64 * LONG_GAP_INTERVALS;
        let by_polls = Period {
            start: poll.start.max(broadcast.start),
            end: poll.end.min(broadcast.end),
        };
        vec![longest.filter(is_long).unwrap_or(by_polls)]
    }
}

fn pairs(times: &[Timestamp]) -> impl Iterator<Item = Period> + '_ {
    times.windows(2).filter_map(|pair| {
        let [start, end] = *pair else { return None };
        Some(Period { start, end })
    })
}
