//! Bounds responses that are large and take a while to render, so that slow readers hold neither
//! memory nor other clients.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::connections::{EVICTABLE_AFTER, InFlightRequest};
use super::rejection::Rejection;

/// Responses in flight, up to their last byte. Each may hold some megabytes.
const MAX_IN_FLIGHT: usize = 40;
/// Responses in flight whose clients take nothing. Each scrape of them holds the lines of its own
/// moment.
const MAX_STALLED: usize = 8;
/// Responses that are rendered at the same time; others wait.
const MAX_RENDERING: usize = 2;
/// How long a request waits to be rendered. Rendering takes milliseconds, and Prometheus gives up
/// after ten seconds.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits the responses of one kind.
pub(super) struct ResponseLimiter {
    in_flight: Mutex<Vec<Arc<InFlightRequest>>>,
    render_permits: Arc<Semaphore>,
}

// === impl ResponseLimiter ===

impl Default for ResponseLimiter {
    fn default() -> Self {
        Self {
            in_flight: Mutex::default(),
            render_permits: Arc::new(Semaphore::new(MAX_RENDERING)),
        }
    }
}

impl ResponseLimiter {
    /// Admits a request and waits until it may be rendered. The permit has to be held until the
    /// rendering ends, even if the client is gone.
    ///
    /// # Errors
    /// The request is not admitted.
    pub(super) async fn acquire(
        &self,
        request: Option<Arc<InFlightRequest>>,
    ) -> Result<OwnedSemaphorePermit, Rejection> {
        // A request without a connection, as in a test, can't be a slow reader.
        if request.is_some_and(|request| !self.try_admit(request)) {
            debug!("too many responses are in flight: a request is rejected");
            return Err(Rejection::busy());
        }
        let permit = timeout(ACQUIRE_TIMEOUT, self.render_permits().acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or_else(|| {
            debug!("too many requests wait to be rendered: one is rejected");
            Rejection::busy()
        })
    }

    /// The permits, for bodies that are rendered further while they are sent.
    pub(super) fn render_permits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.render_permits)
    }

    /// Admits a request until it is finished. At a limit, the connection of the response that has
    /// stalled for the longest time is aborted; if none has stalled, the request is not admitted.
    fn try_admit(&self, request: Arc<InFlightRequest>) -> bool {
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_flight.retain(|request| !request.is_finished());
        let now = Instant::now();
        let is_full = in_flight.len() >= MAX_IN_FLIGHT;
        let stalled: Vec<_> = (in_flight.iter().enumerate())
            .map(|(index, request)| (request.stalled_for(now), index))
            .filter(|(stalled, _)| *stalled >= EVICTABLE_AFTER)
            .collect();
        match stalled.iter().max() {
            Some((_, longest)) if is_full || stalled.len() >= MAX_STALLED => {
                debug!("too many responses are in flight: the one stalled longest is aborted");
                in_flight.swap_remove(*longest).abort_connection();
            }
            None if is_full => return false,
            _ => {}
        }
        in_flight.push(request);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::connections::{ConnectionGuard, ConnectionTracker, InFlightGuard};

    fn begin() -> (ConnectionGuard, InFlightGuard) {
        let tracker = ConnectionTracker::new(1);
        let connection = tracker.admit(([127, 0, 0, 1], 1).into()).unwrap();
        let request = connection.connection.begin();
        (connection, request)
    }

    fn full(limiter: &ResponseLimiter) -> Vec<(ConnectionGuard, InFlightGuard)> {
        let all: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(limiter.try_admit(Arc::clone(&one.request)));
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_response_is_aborted_for_a_new_one() {
        let limiter = ResponseLimiter::default();
        let all = full(&limiter);
        let (_connection, new) = begin();
        tokio::time::advance(EVICTABLE_AFTER * 10).await;
        let is_admitted = || limiter.try_admit(Arc::clone(&new.request));
        assert!(!is_admitted(), "all are being rendered");
        for (_, one) in &all {
            one.request.record_progress();
        }
        assert!(!is_admitted(), "all make progress");
        tokio::time::advance(EVICTABLE_AFTER).await;
        for (_, one) in all.iter().skip(2) {
            one.request.record_progress();
        }
        assert!(is_admitted());
        let aborted: Vec<_> = (all.iter().enumerate())
            .filter(|(_, (guard, _))| guard.connection.abort.is_cancelled())
            .map(|(index, _)| index)
            .collect();
        assert!(aborted == [0] || aborted == [1], "{aborted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_responses_are_few() {
        let limiter = ResponseLimiter::default();
        let mut all = Vec::new();
        for _ in 0..MAX_IN_FLIGHT {
            let (connection, one) = begin();
            assert!(limiter.try_admit(Arc::clone(&one.request)));
            one.request.record_progress();
            all.push((connection, one));
            tokio::time::advance(EVICTABLE_AFTER).await;
        }
        let aborted = |(guard, _): &(ConnectionGuard, _)| guard.connection.abort.is_cancelled();
        let first_kept = MAX_IN_FLIGHT - MAX_STALLED;
        assert!(all[..first_kept].iter().all(aborted), "the oldest");
        assert!(!all[first_kept..].iter().any(aborted));
    }

    #[tokio::test(start_paused = true)]
    async fn finished_response_is_replaced_by_a_new_one() {
        let limiter = ResponseLimiter::default();
        let mut all = full(&limiter);
        let (_connection, new) = begin();
        assert!(!limiter.try_admit(Arc::clone(&new.request)));
        drop(all.pop());
        assert!(limiter.try_admit(Arc::clone(&new.request)));
    }
}
