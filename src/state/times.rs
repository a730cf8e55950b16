//! The times of thousands of samples, in a byte or two each, or far less.

use super::steps::Steps;
use polyv_client::clock::Timestamp;

/// A set of instants, kept as the steps from one to the next.
///
/// What comes is new, or a minute old at most, so instants are looked for from the newest one
/// back.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    first: i64,
    last: i64,
    count: usize,
    /// One for each instant but the first.
    steps: Steps,
}

impl Times {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The oldest.
    pub(super) fn first(&self) -> Option<Timestamp> {
        (self.count > 0).then(|| Timestamp::from_millis(self.first))
    }

    /// The newest.
    pub(super) fn last(&self) -> Option<Timestamp> {
        (self.count > 0).then(|| Timestamp::from_millis(self.last))
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Timestamp> {
        let later = self.steps.iter().scan(self.first, |time, step| {
            *time += step;
            Some(Timestamp::from_millis(*time))
        });
        self.first().into_iter().chain(later)
    }

    /// Adds an instant: how many are before it, and whether it was not there.
    pub(super) fn insert(&mut self, time: Timestamp) -> (usize, bool) {
        let time = time.as_millis();
        let before = if self.count == 0 {
            (self.first, self.last) = (time, time);
            0
        } else if time > self.last {
            self.steps.push_back(time.saturating_sub(self.last));
            self.last = time;
            self.count
        } else if time < self.first {
            self.steps.push_front(self.first.saturating_sub(time));
            self.first = time;
            0
        } else {
            let (mut earlier, mut before) = (self.last, self.count);
            let mut steps = self.steps.iter_back();
            while earlier > time
                && let Some(step) = steps.next()
            {
                earlier -= step;
                before -= 1;
            }
            if earlier == time {
                return (before - 1, false);
            }
            drop(steps);
            self.insert_between(time);
            before
        };
        self.count += 1;
        (before, true)
    }

    /// Removes the oldest.
    pub(super) fn pop_first(&mut self) -> Option<Timestamp> {
        let first = self.first()?;
        self.count -= 1;
        self.first += self.steps.pop_front().unwrap_or(0);
        Some(first)
    }

    /// Removes what is before `time`, and the oldest beyond `max`; tells the newest of them.
    pub(super) fn keep(&mut self, time: Timestamp, max: usize) -> Option<Timestamp> {
        let mut newest = None;
        while self
            .first()
            .is_some_and(|first| first < time || self.count > max)
        {
            newest = self.pop_first();
        }
        self.settle();
        newest
    }

    /// Gives back the space of those that were removed.
    pub(super) fn settle(&mut self) {
        self.steps.settle();
    }

    /// Adds an instant that is neither there nor at either end: takes all after it away and
    /// puts them back. There are few.
    fn insert_between(&mut self, time: i64) {
        let (mut earlier, mut later) = (self.last, Vec::new());
        while earlier > time
            && let Some(step) = self.steps.pop_back()
        {
            earlier -= step;
            later.push(step);
        }
        if let Some(step) = later.pop() {
            self.steps.push_back(time - earlier);
            self.steps.push_back(earlier + step - time);
        }
        for step in later.into_iter().rev() {
            self.steps.push_back(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_set(
            steps in proptest::collection::vec(
                (0_i64..4_000, 0_u8..6, -70_i64..70), 1..300,
            ),
            start in 0_i64..1_800_000_000_000,
        ) {
            let mut times = Times::default();
            let mut set = BTreeSet::new();
            for (n, (offset, action, jitter)) in steps.into_iter().enumerate() {
                let n = i64::try_from(n).unwrap();
                let time = match action {
                    // As they come, once more, and from anywhere.
                    0..=2 => start + n * 5_000 + jitter,
                    3 => set.iter().nth(usize::try_from(offset).unwrap() % set.len().max(1))
                        .copied().unwrap_or(start),
                    _ => start + offset * 997,
                };
                if action == 5 {
                    let mut gone = None;
                    while set.first().is_some_and(|first| *first < time || set.len() > 40) {
                        gone = set.pop_first();
                    }
                    prop_assert_eq!(times.keep(at(time), 40), gone.map(at));
                } else {
                    let before = set.range(..time).count();
                    prop_assert_eq!(times.insert(at(time)), (before, set.insert(time)));
                }
                prop_assert_eq!(times.len(), set.len());
                prop_assert_eq!(times.last(), set.last().copied().map(at));
                prop_assert!(times.iter().eq(set.iter().copied().map(at)));
            }
            for time in &set {
                prop_assert!(!times.insert(at(*time)).1);
            }
            // One by one, oldest first.
            while let Some(first) = set.pop_first() {
                prop_assert_eq!(times.keep(at(first + 1), 4096), Some(at(first)));
            }
            prop_assert_eq!(times.len(), 0);
        }
    }

    #[test]
    fn a_sample_every_5_seconds_takes_a_byte() {
        let mut times = Times::default();
        for n in 0..2160 {
            assert!(times.insert(at(1_700_000_000_000 + n * 5_000 + n % 60)).1);
        }
        assert!(times.steps.capacity() < 2500, "{}", times.steps.capacity());
    }

    #[test]
    fn years_apart_are_no_trouble() {
        let mut times = Times::default();
        for millis in [0, i64::MAX / 4, -i64::MAX / 4, 1, 5] {
            assert!(times.insert(at(millis)).1, "{millis}");
            assert!(!times.insert(at(millis)).1, "{millis}");
        }
        assert_eq!(times.len(), 5);
        assert_eq!(times.keep(at(5), 100), Some(at(1)));
        assert_eq!(times.len(), 2);
    }
}
