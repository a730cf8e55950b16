//! The one limiter for the process.
//!
//! Polyv blocks a client IP for 5 minutes if it sends more than 1,500 requests in *any* 10
//! seconds (public docs: limits). A token bucket does not guarantee that: after a pause it
//! permits a burst *and* the regular rate behind it. Therefore this is a sliding window.
//!
//! What counts is when Polyv *receives* a call, which happens at some instant between
//! sending it and its end. A call therefore occupies a slot of the window from its grant until
//! `per` after its end. Of two calls that occupied the same slot one after the other, the
//! second was then received at least `per` after the first, whatever the network did in
//! between; and with as many slots as `requests` no window of `per` contains more calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The maximum number of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The maximum number of calls in any window,
    pub requests: usize,
    /// the length of the window,
    pub per: Duration,
    /// and the maximum number of calls at the same time.
    pub max_in_flight: usize,
}

/// Grants calls so that the [`RateLimit`] is kept.
#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
    returned: Notify,
}

/// The right to make one call, now. Dropping it ends the call.
#[derive(Debug)]
#[must_use = "a permit that is dropped is a call that was made"]
pub struct Permit {
    limiter: Arc<Limiter>,
}

/// How long no call is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until this instant at least.
    Until(Instant),
    /// Until a call ends.
    UntilSlotFree,
}

#[derive(Debug)]
struct State {
    started: Instant,
    limit: RateLimit,
    in_flight: usize,
    /// The ends of the calls that still count, and perhaps of earlier ones, oldest first.
    ended: VecDeque<Instant>,
}

impl RateLimit {
    /// How many calls a second can be sustained when a call takes `latency`: a slot is
    /// occupied during the call and `per` longer.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a limit is far below 2^52
    pub fn sustained_rate(&self, latency: Duration) -> f64 {
        let latency = latency.as_secs_f64();
        let by_window = self.requests as f64 / (self.per.as_secs_f64() + latency);
        if latency > 0.0 {
            by_window.min(self.max_in_flight as f64 / latency)
        } else {
            by_window
        }
    }
}

impl Limiter {
    /// A limiter that starts half full: a previous process may just have used up its window.
    #[must_use]
    pub fn new(limit: RateLimit) -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            state: Mutex::new(State {
                started: now,
                limit,
                in_flight: 0,
                ended: std::iter::repeat_n(now, limit.requests / 2).collect(),
            }),
            returned: Notify::new(),
        })
    }

    /// Changes the limit; earlier calls still count.
    pub fn set_limit(&self, limit: RateLimit) {
        self.state().limit = limit;
        self.returned.notify_waiters();
    }

    /// The limit in force.
    #[must_use]
    pub fn limit(&self) -> RateLimit {
        self.state().limit
    }

    /// How many calls a second can be sustained now, when a call takes `latency`. At first the
    /// calls of a previous process are deducted.
    #[must_use]
    pub fn sustained_rate(&self, latency: Duration) -> f64 {
        let mut limit = self.limit();
        if self.state().started.elapsed() < limit.per {
            limit.requests -= limit.requests / 2;
        }
        limit.sustained_rate(latency)
    }

    /// The number of calls in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// Grants a call if one is permitted now.
    ///
    /// # Errors
    /// How long to wait before the next attempt.
    pub fn try_acquire(self: &Arc<Self>) -> Result<Permit, Wait> {
        self.state().grant(Instant::now())?;
        Ok(Permit {
            limiter: Arc::clone(self),
        })
    }

    /// Waits until a call is granted.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        loop {
            // Created before the attempt, so that a call which ends in between is not missed.
            let returned = self.returned.notified();
            match self.try_acquire() {
                Ok(permit) => return permit,
                Err(Wait::Until(instant)) => {
                    tokio::select! {
                        () = sleep_until(instant) => {}
                        () = returned => {}
                    }
                }
                Err(Wait::UntilSlotFree) => returned.await,
            }
        }
    }

    // A std mutex: it is held for a few instructions and never across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn grant(&mut self, now: Instant) -> Result<(), Wait> {
        if self.in_flight >= self.limit.max_in_flight {
            return Err(Wait::UntilSlotFree);
        }
        let per = self.limit.per;
        let outside = self.outside(now);
        let taken = self.in_flight + (self.ended.len() - outside);
        if taken < self.limit.requests {
            self.in_flight += 1;
            return Ok(());
        }
        // After the limit was lowered, more than one slot has to become free.
        let surplus = taken - self.limit.requests;
        match self.ended.get(outside + surplus) {
            Some(ended) => Err(Wait::Until(*ended + per)),
            None => Err(Wait::UntilSlotFree),
        }
    }

    /// The number of ended calls that no longer count. A call that ended exactly `per` ago no
    /// longer counts: the window is half open.
    fn outside(&self, now: Instant) -> usize {
        let per = self.limit.per;
        self.ended.partition_point(|ended| *ended + per <= now)
    }

    fn end(&mut self, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // By age and not by number: lowering and raising the limit must not forget calls.
        let outside = self.outside(now);
        self.ended.drain(..outside);
        self.ended.push_back(now);
    }
}

impl Permit {
    /// The limiter that granted the call.
    pub(crate) fn limiter(&self) -> Arc<Limiter> {
        Arc::clone(&self.limiter)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().end(Instant::now());
        self.limiter.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PER: Duration = Duration::from_secs(10);

    fn limit(requests: usize, max_in_flight: usize) -> RateLimit {
        RateLimit {
            requests,
            per: PER,
            max_in_flight,
        }
    }

    /// How many of `instants` (sorted) the fullest half-open window of `per` holds.
    fn fullest_window(instants: &[Instant], per: Duration) -> usize {
        (0..instants.len())
            .map(|first| {
                instants[first..]
                    .iter()
                    .take_while(|instant| **instant < instants[first] + per)
                    .count()
            })
            .max()
            .unwrap_or(0)
    }

    #[derive(Debug, Clone)]
    struct Demand {
        /// Milliseconds after the one before.
        after: u64,
        /// Milliseconds until Polyv receives it.
        transit: u64,
        /// Milliseconds from then until its end.
        rest: u64,
    }

    fn demand() -> impl Strategy<Value = Demand> {
        let after = prop_oneof![4 => 0u64..5, 2 => 0u64..200, 1 => 0u64..15_000];
        let transit = prop_oneof![4 => 0u64..20, 1 => 0u64..3_000];
        (after, transit, 0u64..2_000).prop_map(|(after, transit, rest)| Demand {
            after,
            transit,
            rest,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_window_exceeds_the_limit_whatever_demand_and_latency(
            demands in proptest::collection::vec(demand(), 1..400),
            requests in 1usize..40,
            max_in_flight in 1usize..60,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let mut received = runtime.block_on(async {
                let limiter = Limiter::new(limit(requests, max_in_flight));
                let mut calls = tokio::task::JoinSet::new();
                for demand in demands {
                    tokio::time::sleep(Duration::from_millis(demand.after)).await;
                    let limiter = Arc::clone(&limiter);
                    calls.spawn(async move {
                        let permit = limiter.acquire().await;
                        tokio::time::sleep(Duration::from_millis(demand.transit)).await;
                        let received = Instant::now();
                        tokio::time::sleep(Duration::from_millis(demand.rest)).await;
                        drop(permit);
                        received
                    });
                }
                calls.join_all().await
            });
            received.sort_unstable();
            prop_assert!(fullest_window(&received, PER) <= requests);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn new_limiter_starts_half_full() {
        let limiter = Limiter::new(limit(10, 100));
        for _ in 0..5 {
            drop(limiter.try_acquire().unwrap());
        }
        let start = Instant::now();
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::Until(start + PER));
        drop(limiter.acquire().await);
        assert_eq!(start.elapsed(), PER);
    }

    #[tokio::test(start_paused = true)]
    async fn call_occupies_its_slot_until_one_window_after_its_end() {
        let limiter = Limiter::new(limit(2, 100));
        tokio::time::advance(PER).await;
        let hanging = limiter.try_acquire().unwrap();
        drop(limiter.try_acquire().unwrap());
        tokio::time::advance(PER).await;
        drop(limiter.try_acquire().unwrap());
        drop(hanging);
        let ended = Instant::now();
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::Until(ended + PER));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_flight_are_limited() {
        let limiter = Limiter::new(limit(100, 2));
        let first = limiter.acquire().await;
        let _second = limiter.acquire().await;
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::UntilSlotFree);
        drop(first);
        let _third = limiter.acquire().await;
        assert_eq!(limiter.in_flight(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_limit_still_counts_earlier_calls() {
        let limiter = Limiter::new(limit(10, 100));
        for _ in 0..5 {
            drop(limiter.try_acquire().unwrap());
        }
        limiter.set_limit(limit(4, 100));
        let start = Instant::now();
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::Until(start + PER));
        limiter.set_limit(limit(11, 100));
        drop(limiter.try_acquire().unwrap());
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::Until(start + PER));
    }

    #[tokio::test(start_paused = true)]
    async fn lowering_and_raising_the_limit_forgets_no_call() {
        let limiter = Limiter::new(limit(10, 100));
        let start = Instant::now();
        let mut permits: Vec<_> = (0..5).map(|_| limiter.try_acquire().unwrap()).collect();
        limiter.set_limit(limit(2, 100));
        permits.pop();
        limiter.set_limit(limit(10, 100));
        assert_eq!(limiter.try_acquire().unwrap_err(), Wait::Until(start + PER));
        tokio::time::advance(PER).await;
        assert!(limiter.try_acquire().is_ok());
        assert_eq!(permits.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn sustained_rate_depends_on_latency() {
        let limiter = Limiter::new(limit(1000, 128));
        let rate = |millis| {
            limiter
                .sustained_rate(Duration::from_millis(millis))
                .round()
        };
        assert_eq!(rate(0), 50.0, "half is taken");
        tokio::time::advance(PER).await;
        assert_eq!(rate(0), 100.0);
        assert_eq!(rate(500), 95.0);
        assert_eq!(rate(10_000), 13.0, "128 at a time");
    }
}
