//! Samples in the order of their own time.

use std::collections::VecDeque;
use std::time::Duration;

use polyv_client::clock::Timestamp;

/// The recent samples of a stream, sorted by time, with at most one for each millisecond.
///
/// A time takes four bytes: the lower half of its milliseconds. The newest time, which is kept
/// in full, tells the rest, because no entry is older than it by more than [`MAX_SPAN`].
#[derive(Debug, Clone)]
pub(super) struct SampleWindow<V> {
    newest: Timestamp,
    entries: VecDeque<(u32, V)>,
}

/// How far an entry may lie behind the newest one; 32 bits of milliseconds reach 49 days.
const MAX_SPAN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Entries for which space is added when there is none. Doubling would leave up to half unused.
const MIN_SPARE_ENTRIES: usize = 4;

impl<V: Copy> SampleWindow<V> {
    /// Whether there are no samples.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The time of the oldest sample.
    pub(super) fn oldest_time(&self) -> Option<Timestamp> {
        self.iter().next().map(|(time, _)| time)
    }

    /// The time of the newest sample.
    pub(super) fn newest_time(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.newest)
    }

    /// All samples, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Timestamp, V)> + Clone {
        let newest = self.newest;
        let entries = self.entries.iter();
        entries.map(move |(low, values)| (full_time(newest, *low), *values))
    }

    /// The values at `time`.
    pub(super) fn get(&self, time: Timestamp) -> Option<V> {
        let newest = self.newest;
        let index = self
            .entries
            .partition_point(|(low, _)| full_time(newest, *low) < time);
        let (low, values) = self.entries.get(index)?;
        (full_time(newest, *low) == time).then_some(*values)
    }

    /// Sets the values at `time`; whether there were none before.
    pub(super) fn insert(&mut self, time: Timestamp, values: V) -> bool {
        if self.is_empty() || time > self.newest {
            self.expire(time - MAX_SPAN, usize::MAX, |_, _| {});
            self.newest = time;
        } else if time < self.newest - MAX_SPAN {
            return false;
        }
        let newest = self.newest;
        let index = self
            .entries
            .partition_point(|(low, _)| full_time(newest, *low) < time);
        match self.entries.get_mut(index) {
            Some((low, known)) if *low == low_half(time) => {
                *known = values;
                false
            }
            _ => {
                if self.entries.len() == self.entries.capacity() {
                    self.entries.reserve_exact(self.spare());
                }
                self.entries.insert(index, (low_half(time), values));
                true
            }
        }
    }

    /// Removes the samples before `time`, and the oldest beyond `max`; passes each to `removed`.
    pub(super) fn expire(
        &mut self,
        time: Timestamp,
        max: usize,
        mut removed: impl FnMut(Timestamp, V),
    ) {
        while let Some((low, values)) = self.entries.front().copied() {
            let first = full_time(self.newest, low);
            if first >= time && self.entries.len() <= max {
                break;
            }
            self.entries.pop_front();
            removed(first, values);
        }
        // The first response brings more than is kept; later ones use the same space again.
        if self.entries.capacity() > self.entries.len() + 4 * self.spare() {
            self.entries.shrink_to(self.entries.len() + self.spare());
        }
    }

    /// The entries for which space is kept free.
    fn spare(&self) -> usize {
        (self.entries.len() / 8).max(MIN_SPARE_ENTRIES)
    }
}

impl<V> Default for SampleWindow<V> {
    fn default() -> Self {
        Self {
            newest: Timestamp::from_millis(0),
            entries: VecDeque::new(),
        }
    }
}

/// The lower half of a time's milliseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the upper half is the newest's
fn low_half(time: Timestamp) -> u32 {
    time.as_millis() as u32
}

/// The time with that lower half which is not after `newest`.
fn full_time(newest: Timestamp, low: u32) -> Timestamp {
    newest.plus_millis(-i64::from(low_half(newest).wrapping_sub(low)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    proptest! {
        #[test]
        fn window_is_a_map_sorted_by_time(
            steps in proptest::collection::vec((0_i64..2_000, 0_u8..3, any::<u32>()), 1..200),
            start in -4_000_000_000_i64..1_800_000_000_000,
        ) {
            let (mut window, mut map) = (SampleWindow::default(), BTreeMap::new());
            for (offset, action, value) in steps {
                let time = start + offset * 7_000;
                if action == 2 {
                    let mut removed = Vec::new();
                    window.expire(at(time), 50, |time, _| removed.push(time.as_millis()));
                    let mut kept = map.split_off(&time);
                    while kept.len() > 50 {
                        let (first, value) = kept.pop_first().unwrap();
                        map.insert(first, value);
                    }
                    prop_assert_eq!(removed, map.into_keys().collect::<Vec<_>>());
                    map = kept;
                } else {
                    let new = map.insert(time, value).is_none();
                    prop_assert_eq!(window.insert(at(time), value), new);
                }
                prop_assert_eq!(window.newest_time(), map.keys().last().copied().map(at));
                prop_assert!(window.iter().eq(map.iter().map(|(t, v)| (at(*t), *v))));
                prop_assert!(window.iter().rev().eq(map.iter().rev().map(|(t, v)| (at(*t), *v))));
            }
        }
    }

    #[test]
    fn samples_months_apart_do_not_share_a_window() {
        let mut window = SampleWindow::default();
        let day = 86_400_000;
        assert!(window.insert(at(0), 1));
        assert!(window.insert(at(200 * day), 2));
        assert!(!window.insert(at(100 * day), 3));
        assert!(window.insert(at(190 * day), 4));
        let kept: Vec<_> = window.iter().collect();
        assert_eq!(kept, [(at(190 * day), 4), (at(200 * day), 2)]);
    }

    #[test]
    fn memory_follows_what_is_kept() {
        let mut window = SampleWindow::default();
        for n in 0..2_000 {
            window.insert(at(n * 5_000), 0.0_f64);
        }
        window.expire(at(1_990 * 5_000), usize::MAX, |_, _| {});
        assert_eq!(window.iter().count(), 10);
        assert!(window.entries.capacity() <= 10 + 4 * MIN_SPARE_ENTRIES);
    }
}
