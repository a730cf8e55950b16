//! All broadcasts and faults, and what the alerts made of them.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::broadcasts::Broadcast;
use crate::faults::{Fault, Onset};
use crate::playback::{Outcome, Playback, Played};
use crate::rules::{EVALUATION_SECONDS, Firing};

/// How many channels are played.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Of each kind of broadcast.
    pub healthy: usize,
    /// Of each kind of fault.
    pub faulty: usize,
}

/// What the alerts made of healthy broadcasts and of faults, in the order of their kinds.
#[derive(Default)]
pub struct Study {
    pub healthy: BTreeMap<usize, Healthy>,
    pub faulty: BTreeMap<usize, Faulty>,
    /// Where pages and the exporter's problems disagree.
    pub disagreements: Vec<String>,
}

/// What the alerts made of one kind of healthy broadcast.
#[derive(Default)]
pub struct Healthy {
    pub channels: usize,
    /// How often each alert began to fire, by severity and name.
    pub alerts: BTreeMap<(String, String), usize>,
}

/// What the alerts made of one kind of fault.
#[derive(Default)]
pub struct Faulty {
    /// From onset to alert without Polyv's delay, in seconds, the shortest first.
    pub found: Vec<i64>,
    pub missed: usize,
    /// Pages beyond the first, and those before the fault or long after it.
    pub other_pages: BTreeMap<String, usize>,
}

/// Channels that are played together.
enum Batch {
    Healthy(Vec<Case>),
    Faulty(Vec<Case>),
}

/// A channel: the index of its kind of broadcast or fault, and its number among those.
#[derive(Debug, Clone, Copy)]
struct Case {
    kind: usize,
    number: usize,
}

/// An alert that began to fire.
struct Episode<'a> {
    begin: i64,
    alert: &'a str,
    severity: &'a str,
}

/// How long a healthy broadcast is played.
pub const HEALTHY_SECONDS: usize = 2 * 3600;
/// How long a broadcast with a fault is played, and when the fault begins.
const FAULTY_SECONDS: usize = 50 * 60;
const ONSET_SECONDS: Range<i64> = 15 * 60..25 * 60;
/// How long after its end a fault may still be found, beside Polyv's delay: rules look back.
const AFTERMATH_SECONDS: i64 = 60;
/// How often a long study shows what it has.
const SHOWN_EVERY: Duration = Duration::from_secs(5 * 60);
/// The channels that one Prometheus watches, at most.
const BATCH_SIZE: usize = 60;

// === impl Scale ===

impl Scale {
    /// The channels for about that many hours of healthy broadcasts, and half as many faults.
    pub fn of(hours: usize) -> Self {
        let each = hours * 3600 / HEALTHY_SECONDS / Broadcast::ALL.len();
        Self {
            healthy: each.max(1),
            faulty: (each / 2).max(1),
        }
    }
}

// === impl Study ===

impl Study {
    /// Plays everything, on each core a batch at a time.
    pub fn run(scale: Scale) -> Self {
        let healthy = Case::all(Broadcast::ALL.len(), scale.healthy);
        let faulty = Case::all(Fault::ALL.len(), scale.faulty);
        let mut faulty = faulty.chunks(BATCH_SIZE);
        let mut batches = Vec::new();
        // Taking turns, so that what is shown meanwhile has both.
        for cases in healthy.chunks(BATCH_SIZE) {
            batches.push(Batch::Healthy(cases.to_vec()));
            batches.extend(faulty.next().map(|cases| Batch::Faulty(cases.to_vec())));
        }
        batches.extend(faulty.map(|cases| Batch::Faulty(cases.to_vec())));
        let study = Mutex::new(Self::default());
        let next = AtomicUsize::new(0);
        let last_shown = Mutex::new(Instant::now());
        let work = || {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                match batch {
                    Batch::Healthy(cases) => play_healthy(cases, &study),
                    Batch::Faulty(cases) => play_faulty(cases, &study),
                }
                let mut last_shown = last_shown.lock().unwrap();
                if last_shown.elapsed() >= SHOWN_EVERY {
                    println!("so far:\n{}", study.lock().unwrap());
                    *last_shown = Instant::now();
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
                scope.spawn(work);
            }
        });
        study.into_inner().unwrap()
    }

    /// Demands what is promised of the alerts.
    pub fn check(&self) {
        assert!(self.disagreements.is_empty(), "{:#?}", self.disagreements);
        for (kind, healthy) in &self.healthy {
            let broadcast = Broadcast::ALL[*kind];
            assert_eq!(healthy.count("page"), 0, "{}", broadcast.name());
        }
        for (kind, faulty) in &self.faulty {
            let name = Fault::ALL[*kind].name;
            assert_eq!(faulty.missed, 0, "{name}");
            assert!(
                faulty.other_pages.is_empty(),
                "{name}: {:?}",
                faulty.other_pages
            );
        }
    }
}

fn play_healthy(cases: &[Case], study: &Mutex<Study>) {
    let channels = cases.iter().map(|case| {
        let mut rng = case.rng(0);
        let broadcast = Broadcast::ALL[case.kind];
        let mut track = broadcast.generate(HEALTHY_SECONDS, &mut rng);
        track.deliver(&mut rng);
        let expectations = broadcast.expectations();
        let expect = expectations[case.number % expectations.len()].of(&track);
        Played { track, expect }
    });
    let playback = Playback {
        seconds: HEALTHY_SECONDS,
        channels: channels.collect(),
    };
    let Outcome {
        firing,
        disagreements,
    } = playback.play(&mut cases[0].rng(1));
    let mut study = study.lock().unwrap();
    study.disagreements.extend(disagreements);
    for (channel, case) in cases.iter().enumerate() {
        let healthy = study.healthy.entry(case.kind).or_default();
        healthy.channels += 1;
        for episode in episodes(&firing, channel) {
            let key = (episode.severity.to_owned(), episode.alert.to_owned());
            *healthy.alerts.entry(key).or_default() += 1;
        }
    }
}

fn play_faulty(cases: &[Case], study: &Mutex<Study>) {
    let mut shared = cases[0].rng(2);
    let shared_onset = shared.i64(ONSET_SECONDS);
    // When the alerts can know of each fault.
    let mut visible = Vec::new();
    let mut channels = Vec::new();
    for case in cases {
        let fault = &Fault::ALL[case.kind];
        let mut rng = case.rng(3);
        let broadcast = [Broadcast::Camera, Broadcast::ConstantBitrate][case.number % 2];
        let mut track = broadcast.generate(FAULTY_SECONDS, &mut rng);
        let onset = match fault.onset {
            Onset::Start => 0,
            Onset::Shared => shared_onset,
            Onset::Random => rng.i64(ONSET_SECONDS),
        };
        let end = onset + fault.lengths[rng.usize(..fault.lengths.len())];
        let expect = fault.expectation.of(&track);
        fault.apply(&mut track, &(onset * 1000..end * 1000), &mut rng);
        let delay = track.deliver(&mut rng);
        let delay = if fault.is_in_samples() {
            delay / 1000
        } else {
            0
        };
        visible.push(onset + delay..end + delay + AFTERMATH_SECONDS);
        channels.push(Played { track, expect });
    }
    let playback = Playback {
        seconds: FAULTY_SECONDS,
        channels,
    };
    let Outcome {
        firing,
        disagreements,
    } = playback.play(&mut shared);
    let mut study = study.lock().unwrap();
    study.disagreements.extend(disagreements);
    for (channel, (case, visible)) in cases.iter().zip(&visible).enumerate() {
        let faulty = study.faulty.entry(case.kind).or_default();
        faulty.judge(&Fault::ALL[case.kind], &episodes(&firing, channel), visible);
    }
}

// === impl Case ===

impl Case {
    /// This many of each kind, taking turns.
    fn all(kinds: usize, of_each: usize) -> Vec<Self> {
        let numbers = 0..of_each;
        let cases = numbers.flat_map(|number| (0..kinds).map(move |kind| Self { kind, number }));
        cases.collect()
    }

    /// Its random numbers for one purpose.
    fn rng(self, purpose: usize) -> Rng {
        Rng::with_seed(((purpose * 1000 + self.kind) * 1_000_000 + self.number) as u64)
    }
}

// === impl Healthy ===

impl Healthy {
    /// How often alerts of a severity began to fire.
    pub fn count(&self, severity: &str) -> usize {
        let alerts = self.alerts.iter();
        let counts = alerts
            .filter(|((of, _), _)| of == severity)
            .map(|(_, count)| count);
        counts.sum()
    }
}

// === impl Faulty ===

impl Faulty {
    /// Judges the alerts on a channel whose fault was visible for some time.
    fn judge(&mut self, fault: &Fault, episodes: &[Episode<'_>], visible: &Range<i64>) {
        let finds = |episode: &Episode<'_>| {
            fault.alerts.contains(&episode.alert) && visible.contains(&episode.begin)
        };
        let first = episodes.iter().position(finds);
        match first {
            Some(first) => {
                let after = episodes[first].begin - visible.start;
                let place = self.found.partition_point(|found| *found <= after);
                self.found.insert(place, after);
            }
            None => self.missed += 1,
        }
        for (n, episode) in episodes.iter().enumerate() {
            if episode.severity == "page" && Some(n) != first {
                *self
                    .other_pages
                    .entry(episode.alert.to_owned())
                    .or_default() += 1;
            }
        }
    }
}

/// The alerts that began to fire for a channel, in order.
fn episodes(firing: &[(usize, Firing)], channel: usize) -> Vec<Episode<'_>> {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    let mut episodes = Vec::new();
    for (_, at) in firing.iter().filter(|(of, _)| *of == channel) {
        let before = last.insert(&at.alert, at.seconds);
        if before != Some(at.seconds - EVALUATION_SECONDS as i64) {
            episodes.push(Episode {
                begin: at.seconds,
                alert: &at.alert,
                severity: &at.severity,
            });
        }
    }
    episodes
}
