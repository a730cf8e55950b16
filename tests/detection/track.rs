//! What a channel sends, and when Polyv makes it available.

use std::ops::Range;

use fastrand::Rng;

/// A channel's broadcast; times are in milliseconds since the beginning of the playback.
#[derive(Debug, Clone)]
pub struct Track {
    /// The levels that an operator would configure as expected.
    pub video_bitrate: f64,
    pub video_framerate: f64,
    pub audio_framerate: f64,
    pub live: Vec<Range<i64>>,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone)]
pub struct Sample {
    pub stream: &'static str,
    pub time: i64,
    /// When it can first be polled; a second time for a copy.
    pub available: Vec<i64>,
    pub video_bitrate: Option<f64>,
    pub video_framerate: Option<f64>,
    pub audio_framerate: Option<f64>,
}

// === impl Track ===

impl Track {
    pub fn is_live(&self, time: i64) -> bool {
        self.live.iter().any(|live| live.contains(&time))
    }

    /// Delivers the samples as Polyv does: each channel with its own delay of 3 seconds to 3
    /// minutes, which is returned. With some channels 2 % of the samples are missing, others are
    /// late by up to 20 seconds more and so out of order, and others come twice.
    pub fn deliver(&mut self, rng: &mut Rng) -> i64 {
        let delay = (3_000.0 * 60.0_f64.powf(rng.f64())) as i64;
        let [loses, reorders, doubles] = [rng.bool(), rng.bool(), rng.bool()];
        self.samples.retain(|_| !(loses && rng.f64() < 0.02));
        for sample in &mut self.samples {
            let late = if reorders && rng.f64() < 0.05 {
                rng.i64(0..20_000)
            } else {
                0
            };
            sample.available = vec![sample.time + delay + late];
            if doubles && rng.f64() < 0.05 {
                sample.available.push(sample.time + delay + late);
            }
        }
        self.samples.sort_by_key(|sample| sample.time);
        delay
    }

    /// The samples after `start` that are available at a moment, a copy of each for each time
    /// that it is, the newest first.
    pub fn response(&self, start: i64, now: i64) -> impl Iterator<Item = &Sample> {
        let from = self.samples.partition_point(|sample| sample.time < start);
        let until = self.samples.partition_point(|sample| sample.time <= now);
        let range = self.samples.get(from..until).unwrap_or_default();
        range.iter().rev().flat_map(move |sample| {
            let copies = sample.available.iter().filter(move |at| **at <= now);
            copies.map(move |_| sample)
        })
    }
}
