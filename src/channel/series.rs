//! Values in the order of their time, compactly.

use std::collections::VecDeque;

use crate::clock::Timestamp;

/// A number that may be missing, in the space of a number.
#[derive(Debug, Clone, Copy)]
pub struct Reading(f64);

/// Values by the instant they belong to, which is their identity: there is at most one for
/// each millisecond.
///
/// Times are kept as 32-bit offsets from an epoch that moves along, since a channel may have
/// thousands of them: what is over 49 days apart can't be held together, and the older goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series<V> {
    epoch: i64,
    items: VecDeque<(u32, V)>,
}

/// A fresh epoch leaves so much room for what comes late, in milliseconds: four hours.
const SLACK: i64 = 4 * 3600 * 1000;

// === impl Reading ===

impl Reading {
    /// No number.
    pub const NONE: Self = Self(f64::NAN);

    /// The number, if there is one.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

impl From<Option<f64>> for Reading {
    fn from(number: Option<f64>) -> Self {
        Self(number.unwrap_or(f64::NAN))
    }
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

// === impl Series ===

impl<V> Default for Series<V> {
    fn default() -> Self {
        Self {
            epoch: 0,
            items: VecDeque::new(),
        }
    }
}

impl<V: Copy> Series<V> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The newest.
    pub(super) fn last(&self) -> Option<(Timestamp, V)> {
        self.items.back().map(|item| self.decode(item))
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Timestamp, V)> {
        self.items.iter().map(|item| self.decode(item))
    }

    /// Sets the value at `time`; whether there was none before.
    pub(super) fn insert(&mut self, time: Timestamp, value: V) -> bool {
        let Some(offset) = self.make_room(time) else {
            return false;
        };
        if self.items.len() == self.items.capacity() {
            // Doubling would leave up to half of the space of every stream unused.
            self.items.reserve_exact((self.items.len() / 8).max(8));
        }
        match self.items.back() {
            Some((last, _)) if *last >= offset => {}
            _ => {
                self.items.push_back((offset, value));
                return true;
            }
        }
        let position = self.items.partition_point(|(other, _)| *other < offset);
        match self.items.get_mut(position) {
            Some(item) if item.0 == offset => {
                item.1 = value;
                false
            }
            _ => {
                self.items.insert(position, (offset, value));
                true
            }
        }
    }

    /// Removes the oldest.
    pub(super) fn pop_front(&mut self) -> Option<(Timestamp, V)> {
        let item = self.items.pop_front()?;
        Some(self.decode(&item))
    }

    /// Removes what is before `time`, and the oldest beyond `max`; tells each to `gone`.
    pub(super) fn keep(&mut self, time: Timestamp, max: usize, mut gone: impl FnMut(Timestamp, V)) {
        while self
            .items
            .front()
            .is_some_and(|item| self.items.len() > max || self.decode(item).0 < time)
        {
            if let Some((time, value)) = self.pop_front() {
                gone(time, value);
            }
        }
        // The first answer brings more than is kept. A little room is left for the next one.
        let enough = self.items.len() + self.items.len() / 8 + 8;
        if self.items.capacity() > enough {
            self.items.shrink_to(enough);
        }
    }

    fn decode(&self, (offset, value): &(u32, V)) -> (Timestamp, V) {
        let time = Timestamp::from_millis(self.epoch + i64::from(*offset));
        (time, *value)
    }

    /// The offset for `time`, after moving the epoch where need be; `None` where it is so
    /// long before everything else that it can't be held.
    fn make_room(&mut self, time: Timestamp) -> Option<u32> {
        let millis = time.as_millis();
        if let Ok(offset) = u32::try_from(millis.saturating_sub(self.epoch))
            && !self.items.is_empty()
        {
            return Some(offset);
        }
        let first = self
            .items
            .front()
            .map(|item| self.decode(item).0.as_millis());
        let epoch = first
            .map_or(millis, |first| first.min(millis))
            .saturating_sub(SLACK);
        let last = self.last().map_or(millis, |(last, _)| last.as_millis());
        if u32::try_from(last.saturating_sub(epoch)).is_err() {
            return None;
        }
        if u32::try_from(millis.saturating_sub(epoch)).is_err() {
            // All that is held is ages before this one.
            self.items.clear();
            return self.make_room(time);
        }
        let moved = self.epoch.saturating_sub(epoch);
        for item in &mut self.items {
            let offset = i64::from(item.0).saturating_add(moved);
            item.0 = u32::try_from(offset).unwrap_or(0);
        }
        self.epoch = epoch;
        u32::try_from(millis.saturating_sub(epoch)).ok()
    }
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
        fn it_is_a_map_sorted_by_time(
            steps in proptest::collection::vec(
                (0i64..2_000, 0u8..3, any::<u16>()), 1..200,
            ),
            start in 0i64..1_800_000_000_000,
        ) {
            let mut series = Series::default();
            let mut map = BTreeMap::new();
            for (offset, action, value) in steps {
                let time = start + offset * 7_000;
                match action {
                    0 | 1 => {
                        let new = map.insert(time, value).is_none();
                        prop_assert_eq!(series.insert(at(time), value), new);
                    }
                    _ => {
                        let mut gone = Vec::new();
                        series.keep(at(time), 50, |time, _| gone.push(time.as_millis()));
                        let mut kept = map.split_off(&time);
                        while kept.len() > 50 {
                            let (first, value) = kept.pop_first().unwrap();
                            map.insert(first, value);
                        }
                        prop_assert_eq!(gone, map.into_keys().collect::<Vec<_>>());
                        map = kept;
                    }
                }
                let items: Vec<_> = series.iter().map(|(t, v)| (t.as_millis(), v)).collect();
                let expected: Vec<_> = map.iter().map(|(t, v)| (*t, *v)).collect();
                prop_assert_eq!(items, expected);
            }
        }
    }

    #[test]
    fn a_sample_months_later_finds_room_and_one_months_earlier_does_not() {
        let mut series = Series::default();
        let day = 86_400_000;
        assert!(series.insert(at(0), 'a'));
        assert!(series.insert(at(200 * day), 'b'));
        assert_eq!(series.iter().collect::<Vec<_>>(), [(at(200 * day), 'b')]);
        assert!(!series.insert(at(0), 'c'));
        assert_eq!(series.len(), 1);
        // Day by day for a year, as a stream that never ends.
        for days in 201..565 {
            assert!(series.insert(at(days * day), 'd'));
            series.keep(at((days - 1) * day), 10, |_, _| {});
        }
        assert_eq!(series.last(), Some((at(564 * day), 'd')));
    }
}
