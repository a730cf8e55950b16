//! SampleValues in the order of their time, compactly.

use super::digits;
use super::stream::SampleValues;
use super::times::Times;
use polyv_client::clock::Timestamp;

/// A number that may be missing, in the space of a number.
#[derive(Debug, Clone, Copy)]
pub struct Measurement(f64);

/// SampleValues by the instant they belong to, which is their identity: there is at most one for
/// each millisecond.
#[derive(Debug, Clone, Default)]
pub(super) struct SampleWindow {
    times: Times,
    /// As many values, one behind the other: as readings they would take four times as much.
    bytes: Vec<u8>,
}

// === impl Measurement ===

impl Measurement {
    /// No number.
    pub const NONE: Self = Self(f64::NAN);

    /// The number, if there is one.
    #[must_use]
    pub fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

impl From<Option<f64>> for Measurement {
    fn from(number: Option<f64>) -> Self {
        Self(number.unwrap_or(f64::NAN))
    }
}

impl PartialEq for Measurement {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

// === impl SampleWindow ===

impl SampleWindow {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The newest instant.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.times.last()
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, SampleValues)> {
        let mut rest = &*self.bytes;
        self.times.iter().map(move |time| (time, take(&mut rest)))
    }

    /// Sets the values at `time`; whether there were none before.
    pub(super) fn insert(&mut self, time: Timestamp, values: SampleValues) -> bool {
        let (place, new) = self.times.insert(time);
        let mut bytes = Vec::with_capacity(USUAL);
        put(values, &mut bytes);
        self.make_room(bytes.len());
        if new && place + 1 == self.times.len() {
            self.bytes.append(&mut bytes);
            return true;
        }
        let mut rest = &*self.bytes;
        for _ in 0..place {
            take(&mut rest);
        }
        let start = self.bytes.len() - rest.len();
        if !new {
            take(&mut rest);
        }
        let end = self.bytes.len() - rest.len();
        self.bytes.splice(start..end, bytes);
        new
    }

    /// Removes what is before `time`, and the oldest beyond `max`; tells each to `gone`.
    pub(super) fn keep(
        &mut self,
        time: Timestamp,
        max: usize,
        mut gone: impl FnMut(Timestamp, SampleValues),
    ) {
        let mut rest = &*self.bytes;
        while let Some(first) = self.times.first()
            && (first < time || self.times.len() > max)
        {
            self.times.pop_first();
            gone(first, take(&mut rest));
        }
        let removed = self.bytes.len() - rest.len();
        self.bytes.drain(..removed);
        self.times.settle();
        // The first answer brings more than is kept. A little room is left for the next one.
        let enough = self.bytes.len() + self.bytes.len() / 8 + 8 * USUAL;
        if self.bytes.capacity() > enough {
            self.bytes.shrink_to(enough);
        }
    }

    /// Doubling would leave up to half of the space of every stream unused.
    fn make_room(&mut self, bytes: usize) {
        if self.bytes.capacity() < self.bytes.len() + bytes {
            let more = (self.bytes.len() / 8).max(8 * USUAL);
            self.bytes.reserve_exact(more.max(bytes));
        }
    }
}

/// So many bytes most values take.
const USUAL: usize = 8;

fn put(values: SampleValues, out: &mut Vec<u8>) {
    digits::put(values.video_bitrate.get(), out);
    digits::put(values.video_framerate.get(), out);
    digits::put(values.audio_framerate.get(), out);
}

fn take(rest: &mut &[u8]) -> SampleValues {
    SampleValues {
        video_bitrate: digits::take(rest).into(),
        video_framerate: digits::take(rest).into(),
        audio_framerate: digits::take(rest).into(),
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

    fn values(numbers: [Option<f64>; 3]) -> SampleValues {
        let [video_bitrate, video_framerate, audio_framerate] = numbers.map(Measurement::from);
        SampleValues {
            video_bitrate,
            video_framerate,
            audio_framerate,
        }
    }

    /// Such as Polyv sends, with decimals or without, and others.
    fn any_values() -> impl Strategy<Value = SampleValues> {
        let number = || {
            proptest::option::of(prop_oneof![
                (0_u32..10_000_000).prop_map(f64::from),
                (0_u32..100_000_000).prop_map(|n| f64::from(n) / 1e3),
                0.0_f64..1e10,
            ])
        };
        (number(), number(), number()).prop_map(|(a, b, c)| values([a, b, c]))
    }

    proptest! {
        #[test]
        fn it_is_a_map_sorted_by_time(
            steps in proptest::collection::vec(
                (0i64..2_000, 0u8..3, any_values()), 1..200,
            ),
            start in 0i64..1_800_000_000_000,
        ) {
            let mut series = SampleWindow::default();
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
                prop_assert_eq!(series.len(), map.len());
                prop_assert_eq!(series.last(), map.keys().last().copied().map(at));
                let items: Vec<_> = series.iter().map(|(t, v)| (t.as_millis(), v)).collect();
                let expected: Vec<_> = map.iter().map(|(t, v)| (*t, *v)).collect();
                prop_assert_eq!(items, expected);
            }
        }
    }

    #[test]
    fn months_between_samples_are_no_trouble() {
        let mut series = SampleWindow::default();
        let day = 86_400_000;
        let number = |n: i32| values([Some(f64::from(n)), None, Some(0.0)]);
        assert!(series.insert(at(0), number(1)));
        assert!(series.insert(at(200 * day), number(2)));
        assert!(series.insert(at(100 * day), number(3)));
        let kept: Vec<_> = series.iter().map(|(_, values)| values).collect();
        assert_eq!(kept, [number(1), number(3), number(2)]);
        // Day by day for a year, as a stream that never ends.
        for days in 201..565 {
            assert!(series.insert(at(days * day), number(4)));
            series.keep(at((days - 1) * day), 10, |_, _| {});
        }
        let kept: Vec<_> = series.iter().map(|(time, _)| time).collect();
        assert_eq!(kept, [at(563 * day), at(564 * day)]);
    }

    #[test]
    fn what_the_windows_need_takes_a_few_hundred_bytes() {
        let mut series = SampleWindow::default();
        for n in 0..400 {
            let bitrate = 1_157_120.0 + f64::from(n) * 997.0;
            let time = at(i64::from(n) * 5_000 + i64::from(n) % 7);
            series.insert(time, values([Some(bitrate), Some(15.0), Some(43.0)]));
            series.keep(time - std::time::Duration::from_secs(150), 1024, |_, _| {});
        }
        assert_eq!(series.len(), 31);
        let bytes = series.bytes.capacity();
        assert!(bytes < 300, "{bytes}");
    }
}
