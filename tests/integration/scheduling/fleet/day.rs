//! A fleet of channels, and when each of them is live.

use polyv_simulator::{Cdn, ChannelScript, Phase, Simulator};
use std::collections::BTreeMap;
use std::time::Duration;

/// The id of the first channel; the others follow.
const FIRST: u32 = 1_000_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
/// Every so often a rush begins.
const RUSH_EVERY: u64 = 4 * HOUR;
const FIRST_RUSH: u64 = HOUR;
/// A channel rests that long between two broadcasts, unless it flaps.
const REST: u64 = 5 * MINUTE;

/// How large a fleet is, and for how long it is watched.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    pub channels: u32,
    /// One channel in that many is configured; the others are found.
    pub configured_one_in: u32,
    /// How many are live at a time, on average.
    pub live: u32,
    /// How many more start within a minute in each rush.
    pub rush: u32,
    /// How many flap at a time.
    pub flapping: u32,
    /// The shortest and the longest usual broadcast, in minutes.
    pub minutes: (u64, u64),
    /// One channel in that many is on Tencent's CDN, as many on Alibaba's, and the others on
    /// further ones. With 1 all are on Tencent's.
    pub tencent_one_in: u32,
    /// Milliseconds.
    pub lasts: u64,
    /// The time in which the exporter finds its channels, and what is live already
    /// (milliseconds).
    pub warm_up: u64,
    pub seed: u64,
}

/// A channel is live from one moment to another (milliseconds from the beginning).
#[derive(Debug, Clone, Copy)]
pub struct Session {
    pub channel: u32,
    pub starts: u64,
    pub ends: u64,
}

/// What begins: one broadcast, or some minutes of flapping.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Usual,
    Rush,
    Flapping,
}

/// Chance that falls the same way every time (`SplitMix64`).
struct Rng(u64);

// === impl Fleet ===

impl Fleet {
    /// 2,000 channels, 40 of them live at a time, all on Tencent's CDN.
    pub const fn small(lasts: u64, seed: u64) -> Self {
        Self {
            channels: 2_000,
            configured_one_in: 20,
            live: 40,
            rush: 20,
            flapping: 1,
            minutes: (20, 180),
            tencent_one_in: 1,
            lasts,
            warm_up: 2 * MINUTE,
            seed,
        }
    }

    /// The numbers of all channels that the configuration names.
    pub fn configured(self) -> impl Iterator<Item = u32> {
        (FIRST..FIRST + self.channels).step_by(self.configured_one_in as usize)
    }

    pub fn is_configured(self, channel: u32) -> bool {
        (channel - FIRST).is_multiple_of(self.configured_one_in)
    }

    /// All channels as a scenario has them, none of them live.
    pub fn scenario(self) -> String {
        let mut first = FIRST;
        let mut entries = Vec::new();
        for (cdn, count) in self.cdns() {
            let cdn_name = cdn.name();
            entries.push(format!(
                "{{id: {first}, count: {count}, life: offline, cdn: {cdn_name}}}"
            ));
            first += count;
        }
        entries.join(", ")
    }

    /// How many channels are on each CDN; the first ones are on the first.
    fn cdns(self) -> Vec<(Cdn, u32)> {
        let each = self.channels / self.tencent_one_in;
        if each == self.channels {
            return vec![(Cdn::Tencent, each)];
        }
        let others = self.channels - 2 * each;
        vec![
            (Cdn::Tencent, each),
            (Cdn::Alibaba, each),
            (Cdn::Other, others),
        ]
    }

    pub fn cdn(self, channel: u32) -> Cdn {
        let each = self.channels / self.tencent_one_in;
        match (channel - FIRST) / each {
            0 => Cdn::Tencent,
            1 => Cdn::Alibaba,
            _ => Cdn::Other,
        }
    }

    /// Every broadcast, in the order of their starts. Those that have been going on for a while
    /// at the beginning start at 0.
    pub fn sessions(self) -> Vec<Session> {
        let mut rng = Rng(self.seed);
        let mut free = vec![0; self.channels as usize];
        let mut sessions = Vec::new();
        let (shortest, longest) = self.minutes;
        for (starts, kind) in self.beginnings(&mut rng) {
            // A fifth of them are on channels that the configuration names.
            let channel = loop {
                let any = rng.below(u64::from(self.channels)) as u32;
                let named = any - any % self.configured_one_in;
                let channel = if rng.below(5) == 0 { named } else { any };
                if free[channel as usize] <= starts {
                    break channel;
                }
            };
            let mut add = |starts, ends| {
                free[channel as usize] = ends + REST;
                sessions.push(Session {
                    channel: FIRST + channel,
                    starts,
                    ends,
                });
            };
            match kind {
                Kind::Usual if starts == 0 => {
                    // Of those that are going on at some moment, more are long ones.
                    let lasts = loop {
                        let lasts = rng.between(shortest * MINUTE, longest * MINUTE);
                        if rng.below(longest * MINUTE) < lasts {
                            break lasts;
                        }
                    };
                    add(0, rng.between(1, lasts));
                }
                Kind::Usual => {
                    let lasts = rng.between(shortest * MINUTE, longest * MINUTE);
                    add(starts, starts + lasts);
                }
                Kind::Rush => add(starts, starts + rng.between(45 * MINUTE, 75 * MINUTE)),
                Kind::Flapping => {
                    let until = starts + 20 * MINUTE;
                    let mut at = starts;
                    while at < until {
                        let ends = at + rng.between(20 * SECOND, 2 * MINUTE);
                        add(at, ends);
                        at = ends + rng.between(30 * SECOND, 90 * SECOND);
                    }
                }
            }
        }
        sessions.sort_by_key(|session| (session.starts, session.channel));
        sessions
    }

    /// When something begins, in its order.
    fn beginnings(self, rng: &mut Rng) -> Vec<(u64, Kind)> {
        let live = u64::from(self.live);
        let (shortest, longest) = self.minutes;
        let mut beginnings = vec![(0, Kind::Usual); self.live as usize];
        // The channels of a rush are live for an hour in four, and flapping ones for 20 minutes.
        let usual = live - u64::from(self.rush / 4);
        let usual = usual * self.lasts / (u64::midpoint(shortest, longest) * MINUTE);
        let flapping = u64::from(self.flapping) * self.lasts / (20 * MINUTE);
        for (count, kind) in [(usual, Kind::Usual), (flapping, Kind::Flapping)] {
            beginnings.extend((0..count).map(|_| (rng.between(1, self.lasts), kind)));
        }
        let mut rush = FIRST_RUSH;
        while rush < self.lasts {
            let starts = (0..self.rush).map(|_| rush + rng.below(MINUTE));
            beginnings.extend(starts.map(|at| (at, Kind::Rush)));
            rush += RUSH_EVERY;
        }
        beginnings.sort_by_key(|(at, _)| *at);
        beginnings
    }
}

/// Has channels live as it is planned, from now on.
pub fn play(sessions: &[Session], simulator: &Simulator) {
    let mut lives: BTreeMap<u32, (u64, Vec<(Phase, Duration)>)> = BTreeMap::new();
    let offline = Phase::Offline { status: None };
    for session in sessions {
        let (at, phases) = lives.entry(session.channel).or_default();
        let millis = |from: u64, to: u64| Duration::from_millis(to - from);
        phases.push((offline.clone(), millis(*at, session.starts)));
        phases.push((Phase::Steady, millis(session.starts, session.ends)));
        *at = session.ends;
    }
    for (channel, (_, phases)) in lives {
        let life = ChannelScript::once(phases, offline.clone());
        simulator.set_script(&channel.to_string(), life).unwrap();
    }
}

// === impl Chance ===

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }
}
