//! Watching a fleet's day from outside: what Polyv receives, and what the exporter says when.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use polyv_client::clock::Timestamp;
use polyv_exporter::state::ChannelKey;
use polyv_exporter::state::LiveState;

use super::day::{Fleet, HOUR, Session};
use crate::support::test_env::{BEGINNING, TestEnv, advance};

/// Until then the exporter finds its channels, and what is live already.
const WARM_UP: u64 = 120_000;
/// The window of the limit.
const WINDOW: u64 = 10_000;

/// How many values there were of each size, in milliseconds: quantiles are exact, and a day's
/// values take little memory.
#[derive(Debug, Default)]
pub struct Percentiles {
    counts: Vec<u64>,
    total: u64,
}

/// What was seen of a day.
#[derive(Debug, Default)]
pub struct Observations {
    /// From a channel's start to the moment at which it is said to be live.
    pub starts: Percentiles,
    /// From its end to the moment at which it is not.
    pub ends: Percentiles,
    /// How old the newest sample of each channel is that is live, each second.
    pub ages: Percentiles,
    /// How late the most overdue poll is, each second.
    pub lags: Percentiles,
    /// The same at the beginning.
    pub early_lags: Percentiles,
    /// When all channels were found, in milliseconds.
    pub found: Option<u64>,
    /// Sessions that ended before they were seen.
    pub missed: Vec<Session>,
    pub calls: BTreeMap<String, u64>,
    /// The most calls in any 10 s.
    pub busiest: usize,
    /// Calls that Polyv found too many.
    pub blocked: usize,
    /// The most channels that were live at a time, and all seconds of all of them.
    pub most_live: usize,
    pub live_seconds: usize,
    pub stretch: f64,
    /// The most channels that had series.
    pub most_exposed: usize,
}

/// Calls as Polyv receives them.
#[derive(Default)]
struct Calls {
    next: u64,
    window: VecDeque<u64>,
}

/// A broadcast that is watched.
struct Observer {
    session: Session,
    key: Option<ChannelKey>,
    seen: bool,
}

// === impl Percentiles ===

impl Percentiles {
    /// Larger ones all count as this.
    const LARGEST: u64 = 600_000;

    pub fn add(&mut self, millis: u64) {
        let index = millis.min(Self::LARGEST) as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
    }

    /// The smallest value that this percentage of all are not above, in milliseconds.
    pub fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.unwrap_or(0) as u64
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for percent in [50, 99, 100] {
            write!(f, "{:>8.1} s", self.percentile(percent) as f64 / 1000.0)?;
        }
        write!(f, "   of {}", self.total)
    }
}

// === impl Calls ===

impl Calls {
    /// Takes note of what Polyv has received since.
    fn observe_requests(&mut self, env: &TestEnv, seen: &mut Observations) {
        for call in env.simulator.requests_since(self.next) {
            self.next = call.sequence + 1;
            let at = call.monotonic_ms;
            self.window.push_back(at);
            while self
                .window
                .front()
                .is_some_and(|first| at - first >= WINDOW)
            {
                self.window.pop_front();
            }
            seen.busiest = seen.busiest.max(self.window.len());
            seen.blocked += usize::from(call.outcome == "blocked");
            *seen.calls.entry(call.endpoint.into_owned()).or_default() += 1;
        }
    }
}

// === impl Observer ===

impl Observer {
    /// Since when its channel has been in the state that it is said to be in, and the time of
    /// its newest sample.
    fn read(&mut self, env: &TestEnv) -> Option<(LiveState, u64, Option<Timestamp>)> {
        let store = env.store();
        if self.key.is_none() {
            self.key = store.find(&self.session.channel.to_string());
        }
        let Some(channel) = store.snapshot(self.key?, env.now()) else {
            // It has no series, since it was not live so far.
            return Some((LiveState::Unknown, 0, None));
        };
        let since = channel
            .since
            .millis_after(Timestamp::from_millis(BEGINNING));
        Some((channel.state, since.cast_unsigned(), channel.last_sample))
    }
}

/// Watches, second by second, until the day is over.
pub async fn watch(env: &TestEnv, fleet: Fleet, sessions: &[Session]) -> Observations {
    let mut seen = Observations::default();
    let mut calls = Calls::default();
    let mut to_come = sessions.iter().peekable();
    let mut live: Vec<Observer> = Vec::new();
    let mut ended: Vec<Observer> = Vec::new();
    while env.monotonic_ms() < fleet.lasts {
        advance(1.0).await;
        let now = env.monotonic_ms();
        calls.observe_requests(env, &mut seen);
        while let Some(session) = to_come.next_if(|session| session.starts <= now) {
            live.push(Observer {
                session: *session,
                key: None,
                seen: false,
            });
        }
        for watched in &mut live {
            observe_live(watched, env, now, &mut seen);
        }
        for watched in live.extract_if(.., |watched| watched.session.ends <= now) {
            if watched.seen {
                ended.push(watched);
            } else if watched.session.starts >= WARM_UP {
                seen.missed.push(watched.session);
            }
        }
        ended.retain_mut(|watched| match watched.read(env) {
            // It may be back already.
            Some((LiveState::Live, since, _)) => since < watched.session.ends,
            Some((_, since, _)) => {
                seen.ends.add(since.saturating_sub(watched.session.ends));
                false
            }
            None => false,
        });
        seen.most_live = seen.most_live.max(live.len());
        seen.live_seconds += live.len();
        let lags = if now < WARM_UP {
            &mut seen.early_lags
        } else {
            &mut seen.lags
        };
        lags.add(env.lag().as_millis() as u64);
        if seen.found.is_none() && env.store().len() == fleet.channels as usize {
            seen.found = Some(now);
        }
        if now >= WARM_UP && now.is_multiple_of(60_000) {
            let stretch = env
                .self_metrics()
                .get("polyv_exporter_poll_stretch_ratio", &[]);
            seen.stretch = seen.stretch.max(stretch.unwrap());
        }
        if now >= WARM_UP && now.is_multiple_of(600_000) {
            let exposed = check_exposure(env, fleet, sessions, now);
            seen.most_exposed = seen.most_exposed.max(exposed);
        }
    }
    seen
}

/// Looks at a broadcast that is going on, or was until a moment ago.
fn observe_live(watched: &mut Observer, env: &TestEnv, now: u64, seen: &mut Observations) {
    let Session { starts, ends, .. } = watched.session;
    let Some((state, since, newest)) = watched.read(env) else {
        return;
    };
    if !watched.seen && state == LiveState::Live && since >= starts {
        watched.seen = true;
        if starts >= WARM_UP {
            seen.starts.add(since - starts);
        }
    }
    if now >= WARM_UP && now < ends {
        // There is no sample from before its start.
        let began = Timestamp::from_millis(BEGINNING + starts.cast_signed());
        let newest = newest.map_or(began, |newest| newest.max(began));
        let polyv_now = Timestamp::from_millis(BEGINNING + now.cast_signed());
        seen.ages.add(polyv_now.since(newest).as_millis() as u64);
    }
}

/// Sees to it that the channels have series which are live or were in the last hour, and no
/// others. How many those are.
fn check_exposure(env: &TestEnv, fleet: Fleet, sessions: &[Session], now: u64) -> usize {
    let text = env.text();
    let exposed = text
        .lines()
        .filter(|line| line.starts_with("polyv_channel_info{"))
        .count();
    let found = |from: u64, to: u64, lasting: u64| {
        let mut channels: Vec<u32> = sessions
            .iter()
            .filter(|session| !fleet.is_configured(session.channel))
            .filter(|session| session.starts <= to && session.ends > from)
            .filter(|session| session.ends - session.starts >= lasting)
            .map(|session| session.channel)
            .collect();
        channels.sort_unstable();
        channels.dedup();
        channels.len()
    };
    let configured = fleet.configured().count();
    // What ended a minute more than an hour ago is gone; what began within the last may not be
    // seen yet.
    let most = configured + found(now.saturating_sub(HOUR + 60_000), now, 0);
    let least = configured + found(now - 60_000, now - 60_000, 60_000);
    assert!(
        (least..=most).contains(&exposed),
        "{exposed} channels have series, and not {least} to {most}, at {now} ms"
    );
    assert_eq!(env.store().len(), fleet.channels as usize);
    exposed
}
