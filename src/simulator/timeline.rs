//! The lives that a channel has had, on the line of media time.
//!
//! What was is never rewritten: a new life begins now, and the samples of the one before
//! stay in Polyv's history.

use std::time::Duration;

use super::life::Life;
use super::phase::Phase;
use super::time::MediaTime;

/// Lives remembered; older ones lose their place in history. (Polyv answers 7 days back; only
/// a rehearsal that changes a life every ten minutes for a week gets here.)
const MAX_LIVES: usize = 1_000;

/// A channel's lives, each from its beginning to the next one's.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    lives: Vec<(MediaTime, Life)>,
    /// Whether the channel is deleted in any of them: a list of all channels asks each one, and
    /// most never are.
    deletes: bool,
}

impl Timeline {
    /// A channel that has been live and well for `live_for` when its life begins `now`.
    pub(super) fn new(now: MediaTime, live_for: Duration, life: Life) -> Self {
        let mut lives = Vec::new();
        if !live_for.is_zero() {
            lives.push((now.minus(live_for), Life::forever(Phase::Steady)));
        }
        let deletes = life.deletes();
        lives.push((now, life));
        Self { lives, deletes }
    }

    /// Begins another life.
    pub(super) fn begin(&mut self, now: MediaTime, life: Life) {
        if self.lives.len() >= MAX_LIVES {
            self.lives.remove(0);
        }
        self.deletes |= life.deletes();
        self.lives.push((now, life));
    }

    /// Whether the channel is deleted at that time.
    pub(super) fn is_deleted(&self, time: MediaTime) -> bool {
        self.deletes && self.at(time) == Some(&Phase::Deleted)
    }

    /// The phase at that time; none before the first life began.
    pub(super) fn at(&self, time: MediaTime) -> Option<&Phase> {
        let count = self.lives.partition_point(|(begin, _)| *begin <= time);
        let (begin, life) = self.lives.get(count.checked_sub(1)?)?;
        Some(life.at(time.millis_after(*begin)))
    }

    /// When the channel's history begins.
    pub(super) fn beginning(&self) -> Option<MediaTime> {
        self.lives.first().map(|(begin, _)| *begin)
    }

    /// Whether the channel has ever been live up to then.
    pub(super) fn was_live_before(&self, time: MediaTime) -> bool {
        let mut begins = self.lives.iter().map(|(begin, _)| *begin).skip(1);
        self.lives.iter().any(|(begin, life)| {
            let end = begins
                .next()
                .map_or(time, |end| end.plus_millis(-1).min(time));
            *begin <= end && life.was_live_within(end.millis_after(*begin))
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
    fn there_is_nothing_before_the_beginning_and_history_before_now() {
        let timeline = Timeline::new(T0, Duration::from_secs(60), offline().into());
        assert_eq!(timeline.at(T0.plus_millis(-60_001)), None);
        assert_eq!(timeline.at(T0.plus_millis(-60_000)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0.plus_millis(-1)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0), Some(&offline()));
    }

    #[test]
    fn a_new_life_leaves_the_past_as_it_was() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        timeline.begin(T0.plus_millis(10_000), Phase::AudioLoss.into());
        timeline.begin(T0.plus_millis(20_000), offline().into());
        assert_eq!(timeline.at(T0.plus_millis(9_999)), Some(&Phase::Steady));
        assert_eq!(timeline.at(T0.plus_millis(10_000)), Some(&Phase::AudioLoss));
        assert_eq!(timeline.at(T0.plus_millis(20_000)), Some(&offline()));
    }

    #[test]
    fn of_two_lives_at_one_instant_the_later_said_one_is_lived() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        timeline.begin(T0, Phase::Empty.into());
        assert_eq!(timeline.at(T0), Some(&Phase::Empty));
    }

    #[test]
    fn a_channel_is_deleted_only_while_it_is() {
        let mut timeline = Timeline::new(T0, Duration::ZERO, Phase::Steady.into());
        assert!(!timeline.is_deleted(T0));
        timeline.begin(T0.plus_millis(10_000), Phase::Deleted.into());
        let passing = (Phase::Deleted, Duration::from_secs(5));
        let life = Life::once(vec![passing], Phase::Steady);
        timeline.begin(T0.plus_millis(20_000), Phase::Steady.into());
        timeline.begin(T0.plus_millis(30_000), life);
        for (at, deleted) in [(9, false), (10, true), (20, false), (34, true), (35, false)] {
            assert_eq!(
                timeline.is_deleted(T0.plus_millis(at * 1000)),
                deleted,
                "{at}"
            );
        }
    }

    #[test]
    fn a_channel_has_been_live_once_a_live_phase_was_reached() {
        let never = Timeline::new(T0, Duration::ZERO, offline().into());
        assert!(!never.was_live_before(T0.plus_millis(1_000_000)));
        let later = Life::once(
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
