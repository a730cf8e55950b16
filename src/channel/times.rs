//! The times of thousands of samples, in a byte or two each.

use crate::clock::Timestamp;

/// A set of instants, kept as the steps from one to the next.
///
/// Samples come about every 5 seconds, so it is not the step that is kept but by how much it
/// differs from that: mostly one byte, or two. What comes is new, or a minute old at most, so
/// instants are looked for from the newest one back.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    first: i64,
    last: i64,
    count: usize,
    /// One for each instant but the first.
    steps: Vec<u8>,
}

/// The usual step, in milliseconds.
const USUAL: i64 = 5_000;

impl Times {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The newest.
    pub(super) fn last(&self) -> Option<Timestamp> {
        (self.count > 0).then(|| Timestamp::from_millis(self.last))
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Timestamp> {
        let (mut time, mut place) = (self.first, 0);
        (0..self.count).map(move |_| {
            let present = Timestamp::from_millis(time);
            let (length, step) = self.step_after(place);
            place += length;
            time += step;
            present
        })
    }

    /// Adds an instant: how many are before it, and whether it was not there.
    pub(super) fn insert(&mut self, time: Timestamp) -> (usize, bool) {
        let time = time.as_millis();
        let mut before = self.count;
        if self.count == 0 {
            (self.first, self.last) = (time, time);
        } else if time > self.last {
            let step = encoded(time.saturating_sub(self.last));
            self.make_room();
            self.steps.extend(step);
            self.last = time;
        } else if time < self.first {
            let step = encoded(self.first.saturating_sub(time));
            self.steps.splice(..0, step);
            self.first = time;
            before = 0;
        } else {
            let mut later = self.last;
            let mut end = self.steps.len();
            loop {
                if later == time {
                    return (before - 1, false);
                }
                before -= 1;
                let (start, step) = self.step_before(end);
                let earlier = later - step;
                if earlier < time {
                    let both = encoded(time - earlier).chain(encoded(later - time));
                    self.make_room();
                    self.steps.splice(start..end, both);
                    break;
                }
                (later, end) = (earlier, start);
                if end == 0 && later != time {
                    // There is nothing before the first.
                    return (0, false);
                }
            }
        }
        self.count += 1;
        (before, true)
    }

    /// Removes what is before `time`, and the oldest beyond `max`; tells the newest of them.
    pub(super) fn keep(&mut self, time: Timestamp, max: usize) -> Option<Timestamp> {
        let mut newest = None;
        let mut removed = 0;
        while self.count > 0 && (self.first < time.as_millis() || self.count > max) {
            newest = Some(Timestamp::from_millis(self.first));
            self.count -= 1;
            let (length, step) = self.step_after(removed);
            removed += length;
            self.first += step;
        }
        self.steps.drain(..removed);
        let enough = self.steps.len() + self.steps.len() / 8 + 3 * LONGEST;
        if self.steps.capacity() > enough {
            self.steps.shrink_to(enough);
        }
        newest
    }

    /// Doubling would leave up to half of the space of every stream unused.
    fn make_room(&mut self) {
        if self.steps.capacity() < self.steps.len() + 2 * LONGEST {
            self.steps
                .reserve_exact((self.steps.len() / 8).max(3 * LONGEST));
        }
    }

    /// The step that ends at that place, and where it starts.
    fn step_before(&self, end: usize) -> (usize, i64) {
        let bytes = self.steps.get(..end).unwrap_or_default();
        // All bytes of a step but its last one have their highest bit set.
        let before = bytes.split_last().map_or(&[][..], |(_, before)| before);
        let more = before.iter().rev().take_while(|byte| **byte & 0x80 != 0);
        let start = end.saturating_sub(more.count() + 1);
        (start, self.step_after(start).1)
    }

    /// The step that starts at that place, and how long it is; none at the end.
    fn step_after(&self, start: usize) -> (usize, i64) {
        let bytes = self.steps.get(start..).unwrap_or_default();
        let mut number: u64 = 0;
        for (index, byte) in bytes.iter().take(LONGEST).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return (index + 1, decoded(number));
            }
        }
        (0, 0)
    }
}

/// So many bytes a step takes at most.
const LONGEST: usize = 10;

/// A step as bytes, 7 bits in each, the lowest first.
fn encoded(step: i64) -> impl Iterator<Item = u8> {
    let unusual = step.wrapping_sub(USUAL);
    // Small numbers of either sign become small ones without.
    let mut rest = Some((unusual.wrapping_shl(1) ^ (unusual >> 63)).cast_unsigned());
    std::iter::from_fn(move || {
        let number = rest?;
        rest = Some(number >> 7).filter(|more| *more > 0);
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        Some(low | if rest.is_some() { 0x80 } else { 0 })
    })
}

fn decoded(number: u64) -> i64 {
    let unusual = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
    unusual.wrapping_add(USUAL)
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
