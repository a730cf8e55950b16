//! Numbers by the instant they belong to, in three bytes or four each.

use super::times::Times;
use polyv_client::clock::Timestamp;

/// Numbers in the order of their time, at most one for each instant.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    times: Times,
    /// As many, one behind the other: 7 bits in each byte, the lowest first; the highest bit
    /// says that more follow. Bitrates up to 2 Mbit/s take three bytes.
    values: Vec<u8>,
}

/// Whole numbers below this are kept as they are, all others as their bits and this.
const WHOLE: u32 = 1 << 24;
/// So many bytes a number takes at most.
const LONGEST: usize = 5;

impl Points {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The newest instant.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.times.last()
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, f32)> {
        let values = self.values.split_inclusive(|byte| is_last(*byte));
        self.times.iter().zip(values.map(decoded))
    }

    /// Sets the number at `time`.
    pub(super) fn insert(&mut self, time: Timestamp, value: f32) {
        let (place, new) = self.times.insert(time);
        // What comes is new, or a minute old at most.
        let later = self.times.len() - place - 1;
        let end = self.behind(later);
        if self.values.capacity() < self.values.len() + LONGEST {
            // Doubling would leave up to half of the space of every stream unused.
            let more = (self.values.len() / 8).max(8 * LONGEST);
            self.values.reserve_exact(more);
        }
        if new {
            self.values.splice(end..end, encoded(value));
        } else {
            self.values
                .splice(self.behind(later + 1)..end, encoded(value));
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
        let gone = self.behind(self.times.len());
        self.values.drain(..gone);
        // The first answer brings more than is kept. A little room is left for the next one.
        let enough = self.values.len() + self.values.len() / 8 + 8 * LONGEST;
        if self.values.capacity() > enough {
            self.values.shrink_to(enough);
        }
    }

    /// Where the numbers end that have so many others behind them.
    fn behind(&self, later: usize) -> usize {
        let ends = self.values.iter().enumerate().rev();
        let mut ends = ends.filter(|(_, byte)| is_last(**byte));
        ends.nth(later).map_or(0, |(place, _)| place + 1)
    }
}

fn is_last(byte: u8) -> bool {
    byte & 0x80 == 0
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the cast saturates, …
#[allow(clippy::cast_precision_loss)] // … and what it loses shows when both are compared
fn encoded(value: f32) -> impl Iterator<Item = u8> {
    let whole = value as u32;
    let kept = whole < WHOLE && (whole as f32).to_bits() == value.to_bits();
    let number = if kept {
        u64::from(whole)
    } else {
        u64::from(value.to_bits()) + u64::from(WHOLE)
    };
    let mut rest = Some(number);
    std::iter::from_fn(move || {
        let number = rest?;
        rest = Some(number >> 7).filter(|more| *more > 0);
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        Some(low | if rest.is_some() { 0x80 } else { 0 })
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // only what was encoded comes here
fn decoded(bytes: &[u8]) -> f32 {
    let bits = bytes.iter().rev();
    let number = bits.fold(0, |number: u64, byte| number << 7 | u64::from(byte & 0x7f));
    match number.checked_sub(u64::from(WHOLE)) {
        Some(bits) => f32::from_bits(bits as u32),
        None => number as f32,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn any_number() -> impl Strategy<Value = f32> {
        prop_oneof![
            (0_u8..255).prop_map(f32::from),
            (0_u16..u16::MAX).prop_map(|number| f32::from(number) * 256.0),
            (0_u16..u16::MAX).prop_map(|number| f32::from(number) / 7.0),
            any::<f32>().prop_filter("equal to itself", |number| !number.is_nan()),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map_sorted_by_time(
            steps in proptest::collection::vec((0_i64..300, 0_u8..6, any_number()), 1..200,),
        ) {
            let at = |time: i64| Timestamp::from_millis(time);
            let (mut points, mut map) = (Points::default(), BTreeMap::new());
            for (time, action, value) in steps {
                let time = time * 2_500;
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

    #[test]
    fn half_an_hour_of_bitrates_takes_three_bytes_each() {
        let mut points = Points::default();
        for n in 0..2_000_u16 {
            let time = Timestamp::from_millis(i64::from(n) * 5_000);
            points.insert(time, 1_157_120.0 + f32::from(n) * 7.0);
            points.keep(time - std::time::Duration::from_secs(1_800), 1024);
        }
        assert_eq!(points.len(), 361);
        let bytes = points.values.capacity();
        assert!(bytes < 361 * 4, "{bytes}");
    }
}
