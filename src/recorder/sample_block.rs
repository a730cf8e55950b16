//! An hour of one stream's samples in a few bytes each.
//!
//! Values are kept exactly. Times are stored as differences of differences, since samples are
//! about five seconds apart. A column of numbers with few decimals, as Polyv sends them, is stored
//! as differences of whole numbers; any other column as it is. All columns together are deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::error::RecorderError;
use super::recording::RecordedSample;
use crate::state::{Measurement, SampleValues};
use polyv_client::clock::Timestamp;

/// The time span of a block, in milliseconds.
pub(super) const BLOCK_MILLIS: i64 = 3_600_000;
/// The first byte, so that another encoding can follow.
const FORMAT: u8 = 1;
/// The most decimals of a number that is stored as a whole one.
const MAX_DECIMALS: u8 = 6;
/// Marks a column that is stored as it is.
const RAW: u8 = u8::MAX;
/// The largest whole number that a float holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// A block cannot have more samples than milliseconds.
const MAX_BYTES: u64 = 64 << 20;

/// The start of the block that a time belongs to.
pub(super) fn block_start(time: Timestamp) -> Timestamp {
    let millis = time.as_millis();
    Timestamp::from_millis(millis - millis.rem_euclid(BLOCK_MILLIS))
}

/// Encodes samples, sorted by time.
pub(super) fn encode(samples: &[RecordedSample]) -> Result<Vec<u8>, RecorderError> {
    let mut plain = Vec::with_capacity(samples.len() * 10);
    put_unsigned(&mut plain, samples.len() as u64);
    let (mut before, mut step) = (0, 0);
    for sample in samples {
        let time = sample.time.as_millis();
        let next_step = time.wrapping_sub(before);
        put_signed(&mut plain, next_step.wrapping_sub(step));
        (before, step) = (time, next_step);
    }
    for column in columns(samples) {
        put_column(&mut plain, &column);
    }
    let mut encoder = DeflateEncoder::new(vec![FORMAT], Compression::default());
    let block = encoder.write_all(&plain).and_then(|()| encoder.finish());
    block.map_err(|error| RecorderError::Damaged(error.to_string()))
}

/// Decodes a block.
pub(super) fn decode(data: &[u8]) -> Result<Vec<RecordedSample>, RecorderError> {
    read_block(data).ok_or_else(damaged)
}

/// Decodes the times of a block alone, which is much faster.
pub(super) fn decode_times(data: &[u8]) -> Result<Vec<Timestamp>, RecorderError> {
    let times = inflate(data).and_then(|plain| take_times(&mut plain.as_slice()));
    times.ok_or_else(damaged)
}

fn damaged() -> RecorderError {
    RecorderError::Damaged("an unreadable block of samples".into())
}

fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let (format, deflated) = data.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let mut plain = Vec::new();
    let decoder = DeflateDecoder::new(deflated);
    decoder.take(MAX_BYTES).read_to_end(&mut plain).ok()?;
    Some(plain)
}

fn take_times(rest: &mut &[u8]) -> Option<Vec<Timestamp>> {
    let count = usize::try_from(take_unsigned(rest)?).ok()?;
    // Each sample takes a byte at least.
    if count > rest.len() {
        return None;
    }
    let mut times = Vec::with_capacity(count);
    let (mut time, mut step) = (0_i64, 0_i64);
    for _ in 0..count {
        step = step.wrapping_add(take_signed(rest)?);
        time = time.wrapping_add(step);
        times.push(Timestamp::from_millis(time));
    }
    Some(times)
}

fn read_block(data: &[u8]) -> Option<Vec<RecordedSample>> {
    let plain = inflate(data)?;
    let mut rest = plain.as_slice();
    let times = take_times(&mut rest)?;
    let count = times.len();
    let bitrates = take_column(&mut rest, count)?;
    let video = take_column(&mut rest, count)?;
    let audio = take_column(&mut rest, count)?;
    let values = bitrates.into_iter().zip(video).zip(audio);
    let samples = times.into_iter().zip(values);
    Some(
        samples
            .map(|(time, ((bitrate, video), audio))| RecordedSample {
                time,
                values: SampleValues {
                    video_bitrate: Measurement::from(bitrate),
                    video_framerate: Measurement::from(video),
                    audio_framerate: Measurement::from(audio),
                },
            })
            .collect(),
    )
}

fn columns(samples: &[RecordedSample]) -> [Vec<Option<f64>>; 3] {
    let column = |field: fn(&SampleValues) -> Measurement| {
        let values = samples.iter().map(|sample| field(&sample.values).get());
        values.collect()
    };
    [
        column(|values| values.video_bitrate),
        column(|values| values.video_framerate),
        column(|values| values.audio_framerate),
    ]
}

/// Writes which values are missing, how the others are stored, and those.
fn put_column(out: &mut Vec<u8>, column: &[Option<f64>]) {
    let missing = column.iter().filter(|value| value.is_none()).count();
    put_unsigned(out, missing as u64);
    if missing > 0 {
        out.extend(column.iter().map(|value| u8::from(value.is_some())));
    }
    let present = || column.iter().copied().flatten();
    match (0..=MAX_DECIMALS).find(|decimals| present().all(|v| scaled(v, *decimals).is_some())) {
        Some(decimals) => {
            out.push(decimals);
            let mut before = 0;
            for number in present().filter_map(|value| scaled(value, decimals)) {
                put_signed(out, number - before);
                before = number;
            }
        }
        None => {
            out.push(RAW);
            for value in present() {
                out.extend(value.to_le_bytes());
            }
        }
    }
}

fn take_column(rest: &mut &[u8], count: usize) -> Option<Vec<Option<f64>>> {
    let missing = take_unsigned(rest)?;
    let is_present: Vec<bool> = if missing > 0 {
        let (flags, after) = rest.split_at_checked(count)?;
        *rest = after;
        flags.iter().map(|flag| *flag != 0).collect()
    } else {
        vec![true; count]
    };
    let encoding = take_byte(rest)?;
    let mut before = 0_i64;
    let mut column = Vec::with_capacity(count);
    for is_present in is_present {
        if !is_present {
            column.push(None);
        } else if encoding == RAW {
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            *rest = after;
            column.push(Some(f64::from_le_bytes(*bytes)));
        } else {
            before = before.checked_add(take_signed(rest)?)?;
            column.push(Some(unscaled(before, encoding)));
        }
    }
    Some(column)
}

/// The number as a whole one with the decimal point moved, if that gives the number back exactly.
#[allow(clippy::cast_possible_truncation)] // whole, and within the range of exact numbers
fn scaled(value: f64, decimals: u8) -> Option<i64> {
    let moved = (value * 10_f64.powi(i32::from(decimals))).round();
    if moved.abs() > MAX_EXACT {
        return None;
    }
    let whole = moved as i64;
    (unscaled(whole, decimals).to_bits() == value.to_bits()).then_some(whole)
}

#[allow(clippy::cast_precision_loss)] // within the range of exact numbers
fn unscaled(whole: i64, decimals: u8) -> f64 {
    whole as f64 / 10_f64.powi(i32::from(decimals))
}

/// Writes seven bits a byte, the lowest first.
#[allow(clippy::cast_possible_truncation)] // masked
fn put_unsigned(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes small numbers of either sign in few bytes.
fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_unsigned(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn take_unsigned(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take_unsigned(rest)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(millis: i64, values: [Option<f64>; 3]) -> RecordedSample {
        let [bitrate, video, audio] = values.map(Measurement::from);
        RecordedSample {
            time: Timestamp::from_millis(millis),
            values: SampleValues {
                video_bitrate: bitrate,
                video_framerate: video,
                audio_framerate: audio,
            },
        }
    }

    proptest! {
        #[test]
        fn any_samples_come_back_exactly(
            rows in proptest::collection::btree_map(
                any::<i32>(),
                proptest::array::uniform3(proptest::option::of(prop_oneof![
                    0.0..1e12,
                    (0_u32..9_000_000).prop_map(f64::from),
                    (0_u32..90_000_000).prop_map(|n| f64::from(n) / 1e6),
                ])),
                0..50,
            )
        ) {
            let samples: Vec<_> = rows
                .into_iter()
                .map(|(time, values)| sample(i64::from(time), values))
                .collect();
            prop_assert_eq!(decode(&encode(&samples).unwrap()).unwrap(), samples);
        }

        #[test]
        fn garbage_is_an_error_and_no_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            _ = decode(&data);
            let mut deflated = DeflateEncoder::new(vec![FORMAT], Compression::fast());
            deflated.write_all(&data).unwrap();
            _ = decode(&deflated.finish().unwrap());
        }
    }

    #[test]
    fn an_hour_of_samples_takes_few_bytes() {
        let samples: Vec<_> = (0..720_u32)
            .map(|n| {
                let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 12);
                let values = [
                    1_000_000.0 + (noise / 4.0).floor(),
                    25.0 + noise % 3.0,
                    43.0,
                ];
                sample(i64::from(n) * 5000 + i64::from(n % 7), values.map(Some))
            })
            .collect();
        let bytes = encode(&samples).unwrap().len();
        assert!(bytes < 720 * 8, "{bytes}");
    }
}
