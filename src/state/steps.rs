//! The steps from one instant to the next, in half a byte or two each.

use std::num::NonZeroU64;

/// Steps in their order, in milliseconds. They are taken from either end, and looked through
/// from either end.
///
/// Samples come about every 5 seconds, so it is not the step that is kept but by how much it
/// differs from that; and of steps that do not differ how many there are in a row.
///
/// Each of these is a number in half bytes. The highest bit of a half byte says that more of
/// them follow, the next one of the first what the number is; all others are the number's own,
/// the lowest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    bytes: Vec<u8>,
    /// The half byte at which the first number starts, …
    start: usize,
    /// … and the one behind the last.
    end: usize,
}

/// What is kept as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// So many usual steps.
    Usual(NonZeroU64),
    /// One step, and by how much it is longer than the usual one.
    Unusual(i64),
}

/// The usual step, in milliseconds.
const USUAL: i64 = 5_000;
/// In every half byte of a number: that more of them follow.
const MORE: u8 = 0b1000;
/// In the first one: that the number is a run's.
const RUN: u8 = 0b0100;
/// So many half bytes a number takes at most.
const LONGEST: usize = 22;

// === impl Steps ===

impl Steps {
    /// Adds a step behind the last.
    pub(super) fn push_back(&mut self, step: i64) {
        let mut run = Run::from(step);
        if let (Run::Usual(one), Some((start, Run::Usual(before)))) = (run, self.before(self.end)) {
            self.truncate(start);
            run = Run::Usual(before.saturating_add(one.get()));
        }
        if self.bytes.capacity() < self.bytes.len() + LONGEST / 2 {
            // Doubling would leave up to half of the space of every stream unused.
            let more = (self.bytes.len() / 8).max(2 * LONGEST);
            self.bytes.reserve_exact(more);
        }
        for half in run.halves() {
            self.push_half(half);
        }
    }

    /// Adds a step before the first.
    pub(super) fn push_front(&mut self, step: i64) {
        self.put_before(Run::from(step));
    }

    /// Takes the last step.
    pub(super) fn pop_back(&mut self) -> Option<i64> {
        let (start, run) = self.before(self.end)?;
        self.truncate(start);
        for half in run.one_less().into_iter().flat_map(Run::halves) {
            self.push_half(half);
        }
        Some(run.step())
    }

    /// Takes the first step. [`Self::settle`] has to follow once there are no more to take.
    pub(super) fn pop_front(&mut self) -> Option<i64> {
        let (end, run) = self.after(self.start)?;
        self.start = end;
        if let Some(rest) = run.one_less() {
            self.put_before(rest);
        }
        Some(run.step())
    }

    /// Gives back the space of those that were taken.
    pub(super) fn settle(&mut self) {
        self.bytes.drain(..self.start / 2);
        self.end -= self.start / 2 * 2;
        self.start %= 2;
        let enough = self.bytes.len() + self.bytes.len() / 8 + 2 * LONGEST;
        if self.bytes.capacity() > enough {
            self.bytes.shrink_to(enough);
        }
    }

    /// All, first to last.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        let mut place = self.start;
        let runs = std::iter::from_fn(move || {
            let (end, run) = self.after(place)?;
            place = end;
            Some(run)
        });
        runs.flat_map(Run::steps)
    }

    /// All, last to first.
    pub(super) fn iter_back(&self) -> impl Iterator<Item = i64> {
        let mut place = self.end;
        let runs = std::iter::from_fn(move || {
            let (start, run) = self.before(place)?;
            place = start;
            Some(run)
        });
        runs.flat_map(Run::steps)
    }

    /// So many bytes it has.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What starts at that half byte, and where it ends.
    fn after(&self, start: usize) -> Option<(usize, Run)> {
        if start >= self.end {
            return None;
        }
        let first = self.half(start);
        let mut number = u64::from(first & 0b11);
        let (mut place, mut half, mut shift) = (start + 1, first, 2);
        while half & MORE != 0 && place < self.end {
            half = self.half(place);
            number |= u64::from(half & 0b111).wrapping_shl(shift);
            (place, shift) = (place + 1, shift + 3);
        }
        Some((place, Run::new(first & RUN != 0, number)))
    }

    /// What ends before that half byte, and where it starts.
    fn before(&self, end: usize) -> Option<(usize, Run)> {
        let mut start = end.checked_sub(1).filter(|start| *start >= self.start)?;
        // All half bytes of a number but its last one say that more follow.
        while start > self.start && self.half(start - 1) & MORE != 0 {
            start -= 1;
        }
        Some((start, self.after(start)?.1))
    }

    fn half(&self, place: usize) -> u8 {
        let byte = self.bytes.get(place / 2).copied().unwrap_or(0);
        if place.is_multiple_of(2) {
            byte & 0x0f
        } else {
            byte >> 4
        }
    }

    fn push_half(&mut self, half: u8) {
        if self.end.is_multiple_of(2) {
            self.bytes.push(half);
        } else if let Some(last) = self.bytes.last_mut() {
            *last = *last & 0x0f | half << 4;
        }
        self.end += 1;
    }

    fn truncate(&mut self, end: usize) {
        self.end = end;
        self.bytes.truncate(end.div_ceil(2));
    }

    /// What is left of a run fits into the place that it had; anything else is rare.
    fn put_before(&mut self, run: Run) {
        let halves = run.halves();
        let count = halves.clone().count();
        if let Some(missing) = count.checked_sub(self.start) {
            let bytes = missing.div_ceil(2);
            self.bytes.splice(..0, std::iter::repeat_n(0, bytes));
            self.start += 2 * bytes;
            self.end += 2 * bytes;
        }
        self.start -= count;
        for (place, half) in (self.start..).zip(halves) {
            if let Some(byte) = self.bytes.get_mut(place / 2) {
                *byte = if place.is_multiple_of(2) {
                    *byte & 0xf0 | half
                } else {
                    *byte & 0x0f | half << 4
                };
            }
        }
    }
}

// === impl Run ===

impl Run {
    fn new(run: bool, number: u64) -> Self {
        if run {
            Self::Usual(NonZeroU64::MIN.saturating_add(number))
        } else {
            // The lowest bit is the sign, so that small ones of either sign are short.
            Self::Unusual((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
        }
    }

    /// The length of its steps.
    fn step(self) -> i64 {
        match self {
            Self::Usual(_) => USUAL,
            Self::Unusual(longer) => USUAL.wrapping_add(longer),
        }
    }

    fn steps(self) -> impl Iterator<Item = i64> {
        let count = match self {
            Self::Usual(count) => count.get(),
            Self::Unusual(_) => 1,
        };
        (0..count).map(move |_| self.step())
    }

    /// What is left of it without one of its steps.
    fn one_less(self) -> Option<Self> {
        match self {
            Self::Usual(count) => NonZeroU64::new(count.get() - 1).map(Self::Usual),
            Self::Unusual(_) => None,
        }
    }

    /// How it is written.
    fn halves(self) -> impl Iterator<Item = u8> + Clone {
        let (kind, number) = match self {
            Self::Usual(count) => (RUN, count.get() - 1),
            Self::Unusual(longer) => {
                let sign = longer >> 63;
                (0, (longer.wrapping_shl(1) ^ sign).cast_unsigned())
            }
        };
        let more = |rest: u64| if rest > 0 { MORE } else { 0 };
        let first = kind | low_bits(number & 0b11) | more(number >> 2);
        let mut rest = number >> 2;
        let others = std::iter::from_fn(move || {
            let half = (rest > 0).then(|| low_bits(rest & 0b111) | more(rest >> 3));
            rest >>= 3;
            half
        });
        std::iter::once(first).chain(others)
    }
}

impl From<i64> for Run {
    fn from(step: i64) -> Self {
        match step.wrapping_sub(USUAL) {
            0 => Self::Usual(NonZeroU64::MIN),
            longer => Self::Unusual(longer),
        }
    }
}

fn low_bits(bits: u64) -> u8 {
    u8::try_from(bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue_with_two_ends(
            actions in proptest::collection::vec(
                (0_u8..8, 1_usize..80, prop_oneof![
                    3 => Just(USUAL),
                    2 => 4_900_i64..5_100,
                    1 => 1_i64..1_000_000,
                    1 => any::<i64>(),
                ]),
                1..100,
            ),
        ) {
            let (mut steps, mut queue) = (Steps::default(), VecDeque::new());
            for (action, times, step) in actions {
                for _ in 0..times {
                    match action {
                        0 => {
                            steps.push_front(step);
                            queue.push_front(step);
                        }
                        1 => prop_assert_eq!(steps.pop_back(), queue.pop_back()),
                        2 | 3 => prop_assert_eq!(steps.pop_front(), queue.pop_front()),
                        _ => {
                            steps.push_back(step);
                            queue.push_back(step);
                        }
                    }
                }
                if step % 2 == 0 {
                    steps.settle();
                }
                prop_assert!(steps.iter().eq(queue.iter().copied()));
                prop_assert!(steps.iter_back().eq(queue.iter().rev().copied()));
            }
        }
    }

    /// How many bytes 2,160 steps take that come so many milliseconds early or late.
    fn bytes(strays: i64) -> usize {
        let mut steps = Steps::default();
        for n in 0..2160 {
            steps.push_back(USUAL + n * 7919 % (2 * strays + 1) - strays);
        }
        steps.settle();
        steps.capacity()
    }

    #[test]
    fn a_usual_step_takes_next_to_nothing_and_another_one_a_byte_or_two() {
        assert!(bytes(0) < 50, "{}", bytes(0));
        assert!(bytes(3) < 2160, "{}", bytes(3));
        assert!(bytes(16) < 2500, "{}", bytes(16));
        assert!(bytes(1000) < 2 * 2500, "{}", bytes(1000));
    }
}
