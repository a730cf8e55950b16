//! The scripts that a channel has followed, on the media time line.
//!
//! The past is never rewritten: a new script starts now, and the samples of the one before stay
//! in Polyv's history.

use std::time::Duration;

use super::channel_script::ChannelScript;
use super::phase::Phase;
use super::time::MediaTime;

/// Scripts kept per channel; older ones disappear from the history. (Polyv's history has 7 days;
/// only a rehearsal that changes a script every ten minutes for a week reaches this.)
const MAX_SCRIPTS: usize = 1_000;

/// A channel's scripts, each from its start to the next one's.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    scripts: Vec<(MediaTime, ChannelScript)>,
    /// Whether any of the scripts deletes the channel: a list of all channels checks each one,
    /// and most are never deleted.
    deletes: bool,
}

impl Timeline {
    /// A channel that has been live and steady for `live_for` when its script starts `now`.
    pub(crate) fn new(now: MediaTime, live_for: Duration, script: ChannelScript) -> Self {
        let mut timeline = Self {
            scripts: Vec::new(),
            deletes: false,
        };
        if !live_for.is_zero() {
            timeline.begin(now.minus(live_for), Phase::Steady.into());
        }
        timeline.begin(now, script);
        timeline
    }

    /// Starts another script.
    pub(crate) fn begin(&mut self, now: MediaTime, script: ChannelScript) {
        if self.scripts.len() >= MAX_SCRIPTS {
            self.scripts.remove(0);
        }
        self.deletes |= script.deletes();
        self.scripts.push((now, script));
    }

    /// Whether the channel is deleted at that time.
    pub(crate) fn is_deleted(&self, time: MediaTime) -> bool {
        self.deletes && self.at(time) == Some(&Phase::Deleted)
    }

    /// The phase at that time; none before the first script started.
    pub(crate) fn at(&self, time: MediaTime) -> Option<&Phase> {
        let count = self.scripts.partition_point(|(start, _)| *start <= time);
        let (start, script) = self.scripts.get(count.checked_sub(1)?)?;
        Some(script.at(time.millis_after(*start)))
    }

    /// The start of the channel's history.
    pub(crate) fn beginning(&self) -> Option<MediaTime> {
        self.scripts.first().map(|(start, _)| *start)
    }

    /// The times live up to `time`, oldest first: each with its start and its end, which is absent
    /// where the channel is live at `time`.
    pub(crate) fn sessions(&self, time: MediaTime) -> Vec<(MediaTime, Option<MediaTime>)> {
        let mut sessions: Vec<(MediaTime, Option<MediaTime>)> = Vec::new();
        let mut next_starts = self.scripts.iter().map(|(start, _)| *start).skip(1);
        for (start, script) in &self.scripts {
            let end = next_starts.next().unwrap_or(MediaTime::MAX).min(time);
            for (phase_start_ms, is_live) in script.turns(end.millis_after(*start)) {
                let at = start.plus_millis(phase_start_ms);
                let open = sessions.last_mut().filter(|(_, end)| end.is_none());
                match (open, is_live) {
                    (None, true) => sessions.push((at, None)),
                    (Some((_, end)), false) => *end = Some(at),
                    _ => {}
                }
            }
        }
        sessions
    }

    /// Whether the channel was live at any time up to `time`.
    pub(crate) fn was_live_before(&self, time: MediaTime) -> bool {
        let mut next_starts = self.scripts.iter().map(|(start, _)| *start).skip(1);
        self.scripts.iter().any(|(start, script)| {
            let end = next_starts
                .next()
                .map_or(time, |next| next.plus_millis(-1).min(time));
            *start <= end && script.was_live_within(end.millis_after(*start))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: MediaTime = MediaTime::from_millis(1_680_831_521_000);

    fn offline() -> Phase {
        Phase::Offline { status: None }
    }

    #[test]
    fn history_starts_before_now_and_is_empty_before_that() {
        let timeline = Timeline::new(T0, Duration::from_secs(60), offline().into());
        assert_eq!(timeline.at(T0.plus_millis(-60_001)), None);
        assert_eq!(timeline.at(T0.plus_millis(-60_000)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0.plus_millis(-1)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0), Some(&offline()));
    }

    #[test]
    fn new_script_leaves_the_past_unchanged() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        timeline.begin(T0.plus_millis(10_000), Phase::AudioLoss.into());
        timeline.begin(T0.plus_millis(20_000), offline().into());
        assert_eq!(timeline.at(T0.plus_millis(9_999)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0.plus_millis(10_000)), Some(&Phase::AudioLoss));
        assert_eq!(timeline.at(T0.plus_millis(20_000)), Some(&offline()));
    }

    #[test]
    fn later_of_two_scripts_with_one_start_counts() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        timeline.begin(T0, Phase::Empty.into());
        assert_eq!(timeline.at(T0), Some(&Phase::Empty));
    }

    #[test]
    fn channel_is_deleted_only_during_the_phase() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        assert!(!timeline.is_deleted(T0));
        timeline.begin(T0.plus_millis(10_000), Phase::Deleted.into());
        let temporary = (Phase::Deleted, Duration::from_secs(5));
        let script = ChannelScript::once(vec![temporary], Phase::Steady);
        timeline.begin(T0.plus_millis(20_000), Phase::Steady.into());
        timeline.begin(T0.plus_millis(30_000), script);
        for (at, deleted) in [(9, false), (10, true), (20, false), (34, true), (35, false)] {
            assert_eq!(
                timeline.is_deleted(T0.plus_millis(at * 1000)),
                deleted,
                "{at}"
            );
        }
    }

    #[test]
    fn sessions_are_the_times_live() {
        let seconds = |seconds: i64| T0.plus_millis(seconds * 1000);
        let flapping = ChannelScript::repeating(vec![
            (Phase::Steady, Duration::from_secs(20)),
            (Phase::AudioLoss, Duration::from_secs(10)),
            (offline(), Duration::from_secs(30)),
        ]);
        let mut timeline = Timeline::new(T0, Duration::from_secs(60), flapping.unwrap());
        // Live before its script, and on with it.
        let first = (seconds(-60), Some(seconds(30)));
        assert_eq!(timeline.sessions(seconds(29)), [(seconds(-60), None)]);
        assert_eq!(timeline.sessions(seconds(59)), [first]);
        let second = (seconds(60), Some(seconds(90)));
        assert_eq!(
            timeline.sessions(seconds(120)),
            [first, second, (seconds(120), None)]
        );
        timeline.begin(seconds(100), Phase::Steady.into());
        assert_eq!(
            timeline.sessions(seconds(500)),
            [first, second, (seconds(100), None)]
        );
    }

    #[test]
    fn channel_was_live_once_a_live_phase_was_reached() {
        let never = Timeline::new(T0, Duration::ZERO, offline().into());
        assert!(!never.was_live_before(T0.plus_millis(1_000_000)));
        let later = ChannelScript::once(
            vec![
                (offline(), Duration::from_secs(10)),
                (Phase::Steady, Duration::from_secs(10)),
            ],
            offline(),
        );
        let later = Timeline::new(T0, Duration::ZERO, later);
        assert!(!later.was_live_before(T0.plus_millis(9_999)));
        assert!(later.was_live_before(T0.plus_millis(25_000)));
    }
}
