//! Numbers by the instant they belong to, in five bytes or six each.

use std::collections::VecDeque;

use super::times::Times;
use crate::clock::Timestamp;

/// Numbers in the order of their time, at most one for each instant.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    times: Times,
    /// As many.
    values: VecDeque<f32>,
}

impl Points {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The newest instant.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.times.last()
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, f32)> {
        self.times.iter().zip(self.values.iter().copied())
    }

    /// Sets the number at `time`.
    pub(super) fn insert(&mut self, time: Timestamp, value: f32) {
        match self.times.insert(time) {
            (place, true) => {
                if self.values.len() == self.values.capacity() {
                    // Doubling would leave up to half of the space of every stream unused.
                    self.values.reserve_exact((self.values.len() / 8).max(8));
                }
                self.values.insert(place, value);
            }
            (place, false) => {
                if let Some(known) = self.values.get_mut(place) {
                    *known = value;
                }
            }
        }
    }

    /// Removes the number at `time`, if there is one. That is rare: a correction which says
    /// that there is none after all.
    pub(super) fn remove(&mut self, time: Timestamp) {
        if self.times.iter().any(|known| known == time) {
            let before = std::mem::take(self);
            for (known, value) in before.iter().filter(|(known, _)| *known != time) {
                self.insert(known, value);
            }
        }
    }

    /// Removes what is before `time`, and the oldest beyond `max`.
    pub(super) fn keep(&mut self, time: Timestamp, max: usize) {
        self.times.keep(time, max);
        let gone = self.values.len().saturating_sub(self.times.len());
        self.values.drain(..gone);
        // The first answer brings more than is kept. A little room is left for the next one.
        let enough = self.values.len() + self.values.len() / 8 + 8;
        if self.values.capacity() > enough {
            self.values.shrink_to(enough);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_sorted_by_time(
            steps in proptest::collection::vec((0_i64..300, 0_u8..6, 0_u8..255), 1..200),
        ) {
            let at = |time: i64| Timestamp::from_millis(time);
            let (mut points, mut map) = (Points::default(), BTreeMap::new());
            for (time, action, value) in steps {
                let (time, value) = (time * 2_500, f32::from(value));
                match action {
                    0 => {
                        points.remove(at(time));
                        map.remove(&time);
                    }
                    1 => {
                        points.keep(at(time), 30);
                        map = map.split_off(&time);
                        while map.len() > 30 {
                            map.pop_first();
                        }
                    }
                    _ => {
                        points.insert(at(time), value);
                        map.insert(time, value);
                    }
                }
                let expected = map.iter().map(|(time, value)| (at(*time), *value));
                prop_assert!(points.iter().eq(expected));
                prop_assert_eq!(points.last(), map.keys().last().copied().map(at));
            }
        }
    }
}
