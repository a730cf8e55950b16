//! Injected time.
//!
//! Two kinds of time have distinct types, because monitoring that mixes them breaks when a
//! clock is set: a [`MonotonicInstant`] never goes back, a [`Timestamp`] is an
//! instant by a wall clock (the host's, Polyv's, or a sample's).
//!
//! A [`Clock`] provides both. The monotonic time is tokio's, so that a test with paused time
//! runs an hour in milliseconds; the wall-clock time comes from a [`WallClock`], which a test
//! can set.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// An instant of the process's monotonic clock, in whole milliseconds since the creation
/// of its [`Clock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicInstant(u64);

/// An instant by a wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The current time by both clocks: durations are measured by the monotonic clock, ages of
/// samples by Polyv's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSnapshot {
    /// The time by the monotonic clock.
    pub monotonic: MonotonicInstant,
    /// The time by Polyv's clock, or by the host's where Polyv's is unknown.
    pub server_time: Timestamp,
}

/// A source of wall-clock time.
pub trait WallClock: fmt::Debug + Send + Sync {
    /// The current time.
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

/// The process's clock, shared by all parts that need the time.
#[derive(Debug, Clone)]
pub struct Clock {
    epoch: Instant,
    wall: Arc<dyn WallClock>,
}

impl MonotonicInstant {
    /// The instant `ms` milliseconds after the clock's epoch.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock's epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if that is later.
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

    /// Seconds since 1970, with the milliseconds as decimals.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds since `other`; negative if that is later.
    #[must_use]
    pub const fn millis_after(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis_after(earlier)).unwrap_or(0))
    }

    /// The instant `ms` milliseconds later; earlier if negative.
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

impl WallClock for SystemWallClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl SettableWallClock {
    /// A wall clock that starts at `now`.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            base: AtomicI64::new(now.as_millis()),
        }
    }

    /// Moves the clock by `ms` milliseconds; back if negative.
    pub fn step_millis(&self, ms: i64) {
        self.base.fetch_add(ms, Ordering::SeqCst);
    }
}

impl WallClock for SettableWallClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.base.load(Ordering::SeqCst)) + self.start.elapsed()
    }
}

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

    /// The current monotonic time.
    #[must_use]
    pub fn monotonic(&self) -> MonotonicInstant {
        self.monotonic_at(Instant::now())
    }

    /// The host's wall-clock time.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    /// The monotonic time of a tokio instant.
    #[must_use]
    pub fn monotonic_at(&self, instant: Instant) -> MonotonicInstant {
        MonotonicInstant(millis(instant.saturating_duration_since(self.epoch)))
    }

    /// The tokio instant of a monotonic time, for timers.
    #[must_use]
    pub fn instant(&self, monotonic: MonotonicInstant) -> Instant {
        self.epoch + Duration::from_millis(monotonic.0)
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
