//! Watching a fleet's day from outside: what Polyv receives, and what the exporter says when.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Instant;

use polyv_client::clock::Timestamp;
use polyv_exporter::state::{ChannelKey, LiveState, SourceChoice, StreamSource};
use polyv_simulator::Cdn;

use super::day::{Fleet, HOUR, Session};
use super::{IDLE_INTERVAL, LIVE_INTERVAL, SETTLE};
use crate::support::test_env::{BEGINNING, TestEnv, advance};

/// When a session's source is settled, after its start: the choice takes 2 minutes and 30
/// seconds from the moment at which it is seen.
const SETTLED_AFTER: u64 = IDLE_INTERVAL + SETTLE + LIVE_INTERVAL;
/// The most live channels that are looked at in a second; of more, each takes its turn.
const LOOKS_A_SECOND: u32 = 1_000;
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
    /// From the exporter's start to the moment at which a channel is said to be live that was
    /// live already, and to its first sample.
    pub early_starts: Percentiles,
    pub early_samples: Percentiles,
    /// From its end to the moment at which it is not.
    pub ends: Percentiles,
    /// How old the newest sample of each channel is that is live, each second or some: on
    /// Tencent's CDN, on Alibaba's and on others once the source is settled.
    pub ages: Percentiles,
    pub v4_ages: Percentiles,
    pub snapshot_ages: Percentiles,
    /// From the start of a channel on another CDN to the source of its samples, where it was seen.
    pub settled: Percentiles,
    /// Looks at channels whose source is another one than their CDN has.
    pub wrong_sources: u64,
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

type Sources = Option<SourceChoice>;

/// A broadcast that is watched.
struct Observer {
    session: Session,
    key: Option<ChannelKey>,
    seen: bool,
    has_samples: bool,
    is_settled: bool,
}

// === impl Percentiles ===

impl Percentiles {
    /// Larger ones all count as this.
    const LARGEST: u64 = 3_600_000;

    pub fn add(&mut self, millis: u64) {
        let index = millis.min(Self::LARGEST) as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
    }

    pub fn count(&self) -> u64 {
        self.total
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

// === impl Observations ===

impl Observations {
    /// Shows what was seen so far.
    fn print(&self, fleet: Fleet, now: u64) {
        let seconds = now / 1000;
        println!(
            "channels          {}, of which {} configured",
            fleet.channels,
            fleet.configured().count()
        );
        println!(
            "live              {} on average, {} at most",
            self.live_seconds as u64 / seconds,
            self.most_live
        );
        println!("time              {} h", seconds as f64 / 3600.0);
        println!("                   half     99 %     all");
        println!("seen live after {}", self.starts);
        println!("seen ended after{}", self.ends);
        println!("newest sample   {}", self.ages);
        println!("v4 sample       {}", self.v4_ages);
        println!("snapshot        {}", self.snapshot_ages);
        println!("settled after   {}", self.settled);
        println!("wrong source      {} times", self.wrong_sources);
        println!("lag             {}", self.lags);
        println!("at the beginning{}", self.early_lags);
        println!("live already    {}", self.early_starts);
        println!("their samples   {}", self.early_samples);
        match self.found {
            Some(found) => println!("all found after   {} s", found / 1000),
            None => println!("all found         not yet"),
        }
        println!("never seen        {}", self.missed.len());
        for (endpoint, count) in &self.calls {
            let rate = *count as f64 / seconds as f64;
            println!("calls             {count} {endpoint}, {rate:.2} a second");
        }
        println!("busiest 10 s      {} calls", self.busiest);
        println!("most stretched    {}", self.stretch);
        println!("channels shown    {} at most", self.most_exposed);
    }
}

// === impl Observer ===

impl Observer {
    /// Whether something about it is to be seen for the first time.
    fn is_new(&self, fleet: Fleet, now: u64) -> bool {
        let Session {
            channel, starts, ..
        } = self.session;
        let settles = fleet.cdn(channel) != Cdn::Tencent && now < starts + 2 * SETTLED_AFTER;
        !self.seen || settles && !self.is_settled
    }

    /// Since when its channel has been in the state that it is said to be in, the time of its
    /// newest sample, and where that comes from.
    fn read(&mut self, env: &TestEnv) -> Option<(LiveState, u64, Option<Timestamp>, Sources)> {
        let store = env.store();
        if self.key.is_none() {
            self.key = store.find(&self.session.channel.to_string());
        }
        let Some(channel) = store.snapshot(self.key?, env.now()) else {
            // It has no series, since it was not live so far.
            return Some((LiveState::Unknown, 0, None, None));
        };
        let since = channel
            .since
            .millis_after(Timestamp::from_millis(BEGINNING));
        let since = since.cast_unsigned();
        Some((channel.state, since, channel.last_sample, channel.sources))
    }
}

/// Watches, second by second, until the day is over.
pub async fn watch(env: &TestEnv, fleet: Fleet, sessions: &[Session]) -> Observations {
    let mut seen = Observations::default();
    let mut calls = Calls::default();
    let mut to_come = sessions.iter().peekable();
    let mut live: Vec<Observer> = Vec::new();
    let mut ended: Vec<Observer> = Vec::new();
    let turns = fleet.live.div_ceil(LOOKS_A_SECOND);
    let begun = Instant::now();
    while env.monotonic_ms() < fleet.lasts {
        advance(1.0).await;
        let now = env.monotonic_ms();
        calls.observe_requests(env, &mut seen);
        while let Some(session) = to_come.next_if(|session| session.starts <= now) {
            live.push(Observer {
                session: *session,
                key: None,
                seen: false,
                has_samples: false,
                is_settled: false,
            });
        }
        for watched in &mut live {
            let turn = u64::from(watched.session.channel % turns);
            if watched.is_new(fleet, now) || turn == now / 1_000 % u64::from(turns) {
                observe_live(watched, env, fleet, now, &mut seen);
            }
        }
        for watched in live.extract_if(.., |watched| watched.session.ends <= now) {
            if watched.seen {
                ended.push(watched);
            } else if watched.session.starts >= fleet.warm_up {
                seen.missed.push(watched.session);
            }
        }
        ended.retain_mut(|watched| match watched.read(env) {
            // It may be back already.
            Some((LiveState::Live, since, ..)) => since < watched.session.ends,
            Some((_, since, ..)) => {
                if watched.session.ends >= fleet.warm_up {
                    seen.ends.add(since.saturating_sub(watched.session.ends));
                }
                false
            }
            None => false,
        });
        seen.most_live = seen.most_live.max(live.len());
        seen.live_seconds += live.len();
        let lags = if now < fleet.warm_up {
            &mut seen.early_lags
        } else {
            &mut seen.lags
        };
        lags.add(env.lag().as_millis() as u64);
        if seen.found.is_none() && env.store().len() == fleet.channels as usize {
            seen.found = Some(now);
        }
        if now >= fleet.warm_up && now.is_multiple_of(60_000) {
            let stretch = env
                .self_metrics()
                .get("polyv_exporter_poll_stretch_ratio", &[]);
            seen.stretch = seen.stretch.max(stretch.unwrap());
        }
        if now >= fleet.warm_up && now.is_multiple_of(600_000) {
            let exposed = check_exposure(env, fleet, sessions, now);
            seen.most_exposed = seen.most_exposed.max(exposed);
        }
        // A day takes long: what there is so far is shown every hour.
        if now.is_multiple_of(HOUR) || now >= fleet.lasts {
            seen.print(fleet, now);
            println!("wall-clock time   {:.0} s", begun.elapsed().as_secs_f64());
        }
    }
    seen
}

/// Looks at a broadcast that is going on, or was until a moment ago.
fn observe_live(
    watched: &mut Observer,
    env: &TestEnv,
    fleet: Fleet,
    now: u64,
    seen: &mut Observations,
) {
    let Session {
        channel,
        starts,
        ends,
    } = watched.session;
    let Some((state, since, newest, sources)) = watched.read(env) else {
        return;
    };
    if !watched.seen && state == LiveState::Live && since >= starts {
        watched.seen = true;
        if starts >= fleet.warm_up {
            seen.starts.add(since - starts);
        } else if starts == 0 {
            seen.early_starts.add(since);
        }
    }
    if starts == 0 && !watched.has_samples && newest.is_some() {
        watched.has_samples = true;
        seen.early_samples.add(now);
    }
    if now < fleet.warm_up || now >= ends {
        return;
    }
    // There is no sample from before its start.
    let began = Timestamp::from_millis(BEGINNING + starts.cast_signed());
    let newest = newest.map_or(began, |newest| newest.max(began));
    let polyv_now = Timestamp::from_millis(BEGINNING + now.cast_signed());
    let age = polyv_now.since(newest).as_millis() as u64;
    let (ages, expected) = match fleet.cdn(channel) {
        Cdn::Tencent => return seen.ages.add(age),
        Cdn::Alibaba => (&mut seen.v4_ages, StreamSource::ListStreamInfo),
        Cdn::Other => (&mut seen.snapshot_ages, StreamSource::Snapshot),
    };
    let is_settled = sources.is_some_and(|choice| choice.is_settled);
    if is_settled && !watched.is_settled {
        watched.is_settled = true;
        if starts >= fleet.warm_up {
            seen.settled.add(now - starts);
        }
    }
    if now >= starts + SETTLED_AFTER {
        ages.add(age);
        let source = sources.map(|choice| choice.source);
        seen.wrong_sources += u64::from(source != Some(expected));
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
