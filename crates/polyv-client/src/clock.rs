//! Time, injected.
//!
//! Two kinds are told apart by type, because mixing them is how monitoring breaks when a
//! clock is set: a [`MonotonicInstant`] is monotonic and only ever moves on, a [`Timestamp`] is what
//! some wall clock says (the host's, Polyv's, or a sample's own).
//!
//! A [`Clock`] gives both. Its monotonic half is tokio's, so that a test with paused time
//! runs an hour in milliseconds; its wall half is a [`WallClock`], so that a test can set it.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// An instant of the process's monotonic clock, in whole milliseconds since its [`Clock`]
/// was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicInstant(u64);

/// An instant by a wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The present, as a channel needs to know it: how long things last is told by the
/// monotonic half, how old a sample is by Polyv's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSnapshot {
    /// The monotonic clock.
    pub monotonic: MonotonicInstant,
    /// Polyv's clock, as far as it is known (else the host's).
    pub server_time: Timestamp,
}

/// Where the host's wall-clock time comes from.
pub trait WallClock: fmt::Debug + Send + Sync {
    /// What the wall clock says now.
    fn now(&self) -> Timestamp;
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWallClock;

/// A wall clock for tests: it runs with tokio's (possibly paused) time and can be set.
#[derive(Debug)]
pub struct SettableWallClock {
    start: Instant,
    base: AtomicI64,
}

/// The process's clock: one for all rooms, handed to whoever needs to know the time.
#[derive(Debug, Clone)]
pub struct Clock {
    epoch: Instant,
    wall: Arc<dyn WallClock>,
}

// === impl MonotonicInstant ===

impl MonotonicInstant {
    /// The moment `ms` milliseconds after the clock's epoch.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock's epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MonotonicInstant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

// === impl Timestamp ===

impl Timestamp {
    /// The instant `ms` milliseconds after 1970.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since 1970, with the milliseconds as decimals: how Prometheus writes an instant.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds from `other` to this; negative where this is the earlier one.
    #[must_use]
    pub const fn millis_after(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis_after(earlier)).unwrap_or(0))
    }

    /// The instant `ms` milliseconds later (earlier where negative).
    #[must_use]
    pub const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.plus_millis(signed_millis(duration))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        self.plus_millis(-signed_millis(duration))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => signed_millis(after),
            Err(before) => -signed_millis(before.duration()),
        })
    }
}

// === impl wall clocks ===

impl WallClock for SystemWallClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl SettableWallClock {
    /// A wall clock that says `now` at present and runs on from there.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            base: AtomicI64::new(now.as_millis()),
        }
    }

    /// Sets the clock forward (or back, where negative) by that many milliseconds.
    pub fn step_millis(&self, ms: i64) {
        self.base.fetch_add(ms, Ordering::SeqCst);
    }
}

impl WallClock for SettableWallClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.base.load(Ordering::SeqCst)) + self.start.elapsed()
    }
}

// === impl Clock ===

impl Default for Clock {
    fn default() -> Self {
        Self::new(Arc::new(SystemWallClock))
    }
}

impl Clock {
    /// A clock whose monotonic epoch is now and whose wall-clock time comes from `wall`.
    #[must_use]
    pub fn new(wall: Arc<dyn WallClock>) -> Self {
        Self {
            epoch: Instant::now(),
            wall,
        }
    }

    /// The present moment.
    #[must_use]
    pub fn monotonic(&self) -> MonotonicInstant {
        self.monotonic_at(Instant::now())
    }

    /// What the host's wall clock says.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    /// The moment of an instant of tokio's.
    #[must_use]
    pub fn monotonic_at(&self, instant: Instant) -> MonotonicInstant {
        MonotonicInstant(millis(instant.saturating_duration_since(self.epoch)))
    }

    /// The instant to hand to tokio's timers for `moment`.
    #[must_use]
    pub fn instant(&self, moment: MonotonicInstant) -> Instant {
        self.epoch + Duration::from_millis(moment.0)
    }
}

/// Whole milliseconds, saturating.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whole milliseconds with a sign, saturating.
fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
