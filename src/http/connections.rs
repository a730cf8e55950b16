//! Open connections, their requests in flight, and which of them close when there are too many.
//!
//! This is our own code because neither `axum-server` nor `tower` closes an idle connection in
//! favour of a new one, and `tower`'s limits end with a response's head, not with its last byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Idle connections close after this time, which is longer than the usual scrape interval of a
/// minute.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A connection is aborted when its client takes none of a response for this time.
pub(super) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection is aborted when a response takes longer than this, from the last header of the
/// request to the last byte of the response.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(120);
/// A client that has taken nothing for this time may have to make way for another.
pub(super) const EVICTABLE_AFTER: Duration = Duration::from_secs(1);

/// The open connections, up to a limit.
///
/// At the limit, the connection that has been idle for the longest time is closed for a new one:
/// a client that keeps a connection for later can open another, a new client can't wait.
pub(super) struct ConnectionTracker {
    limit: usize,
    open: Mutex<Vec<Arc<OpenConnection>>>,
}

/// Counts a connection as open until it is dropped.
pub(super) struct ConnectionGuard {
    tracker: Arc<ConnectionTracker>,
    pub(super) connection: Arc<OpenConnection>,
}

/// A connection as the tracker and its handler share it.
pub(super) struct OpenConnection {
    pub(super) client: SocketAddr,
    /// Cancelled when it has to end immediately.
    pub(super) abort: CancellationToken,
    /// Cancelled when it has to end after the requests in flight.
    pub(super) drain: CancellationToken,
    activity: Mutex<Activity>,
}

struct Activity {
    in_flight: Vec<Arc<InFlightRequest>>,
    /// When the last request finished.
    idle_since: Instant,
}

/// A request, from its last header to the last byte of the response.
pub(super) struct InFlightRequest {
    connection_abort: CancellationToken,
    started: Instant,
    /// When the client last took a part of the response; `None` until there is a response.
    last_progress: Mutex<Option<Instant>>,
    finished: AtomicBool,
}

/// Counts a request as in flight until it is dropped.
pub(super) struct InFlightGuard {
    connection: Arc<OpenConnection>,
    pub(super) request: Arc<InFlightRequest>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl ConnectionTracker ===

impl ConnectionTracker {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            open: Mutex::default(),
        })
    }

    /// Admits a new connection; `None` if all others are in use.
    pub(super) fn admit(self: &Arc<Self>, client: SocketAddr) -> Option<ConnectionGuard> {
        let mut open = lock(&self.open);
        let now = Instant::now();
        if open.len() >= self.limit {
            let candidates = open.iter().enumerate();
            let (_, index) = candidates
                .filter_map(|(index, connection)| Some((connection.evictability(now)?, index)))
                .max()?;
            let evicted = open.swap_remove(index);
            debug!(client = %evicted.client, "too many connections: an idle one is closed");
            evicted.abort.cancel();
        }
        let connection = Arc::new(OpenConnection {
            client,
            abort: CancellationToken::new(),
            drain: CancellationToken::new(),
            activity: Mutex::new(Activity {
                in_flight: Vec::new(),
                idle_since: now,
            }),
        });
        open.push(Arc::clone(&connection));
        Some(ConnectionGuard {
            tracker: Arc::clone(self),
            connection,
        })
    }

    /// Aborts connections with a response that takes too long or is not read, and drains idle
    /// ones.
    pub(super) fn reap(&self) {
        let now = Instant::now();
        for connection in lock(&self.open).iter() {
            connection.reap(now);
        }
    }

    /// Aborts all connections.
    pub(super) fn abort_all(&self) {
        for connection in lock(&self.open).iter() {
            connection.abort.cancel();
        }
    }
}

// === impl ConnectionGuard ===

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        lock(&self.tracker.open).retain(|open| !Arc::ptr_eq(open, &self.connection));
    }
}

// === impl OpenConnection ===

impl OpenConnection {
    /// Registers a request.
    pub(super) fn begin(self: &Arc<Self>) -> InFlightGuard {
        let request = Arc::new(InFlightRequest {
            connection_abort: self.abort.clone(),
            started: Instant::now(),
            last_progress: Mutex::default(),
            finished: AtomicBool::new(false),
        });
        lock(&self.activity).in_flight.push(Arc::clone(&request));
        InFlightGuard {
            connection: Arc::clone(self),
            request,
        }
    }

    /// Ranks connections for eviction: idle before stalled, then by time. `None` while the
    /// connection is in use.
    fn evictability(&self, now: Instant) -> Option<(bool, Duration)> {
        let activity = lock(&self.activity);
        if activity.in_flight.is_empty() {
            return Some((true, now.duration_since(activity.idle_since)));
        }
        // A connection is as busy as the busiest of its requests.
        let stalled = activity.in_flight.iter().map(|r| r.stalled_for(now)).min();
        stalled
            .filter(|stalled| *stalled >= EVICTABLE_AFTER)
            .map(|stalled| (false, stalled))
    }

    fn reap(&self, now: Instant) {
        let activity = lock(&self.activity);
        let client = self.client;
        // With HTTP/2 a client may ignore one response while it reads others.
        if activity.in_flight.iter().any(|request| {
            now.duration_since(request.started) > RESPONSE_TIMEOUT
                || request.stalled_for(now) > WRITE_STALL_TIMEOUT
        }) {
            debug!(%client, "a response takes too long: aborting the connection");
            self.abort.cancel();
        } else if activity.in_flight.is_empty() {
            let idle = now.duration_since(activity.idle_since);
            if idle > IDLE_TIMEOUT + WRITE_STALL_TIMEOUT {
                debug!(%client, "an idle connection did not close: aborting it");
                self.abort.cancel();
            } else if idle > IDLE_TIMEOUT {
                self.drain.cancel();
            }
        }
    }
}

// === impl InFlightRequest ===

impl InFlightRequest {
    /// Records that the response is ready, or that the client took a part of it.
    pub(super) fn record_progress(&self) {
        *lock(&self.last_progress) = Some(Instant::now());
    }

    /// How long the client has taken nothing of the response; zero while there is no response.
    pub(super) fn stalled_for(&self, now: Instant) -> Duration {
        lock(&self.last_progress).map_or(Duration::ZERO, |last| now.saturating_duration_since(last))
    }

    /// Whether the response was sent or given up.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Aborts the connection of this request.
    pub(super) fn abort_connection(&self) {
        self.connection_abort.cancel();
    }
}

// === impl InFlightGuard ===

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.request.finished.store(true, Ordering::Relaxed);
        let mut activity = lock(&self.connection.activity);
        activity
            .in_flight
            .retain(|request| !Arc::ptr_eq(request, &self.request));
        if activity.in_flight.is_empty() {
            activity.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(tracker: &Arc<ConnectionTracker>) -> Option<ConnectionGuard> {
        tracker.admit(([127, 0, 0, 1], 1).into())
    }

    fn is_aborted(guard: &ConnectionGuard) -> bool {
        guard.connection.abort.is_cancelled()
    }

    async fn advance(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn longest_idle_connection_is_evicted() {
        let tracker = ConnectionTracker::new(3);
        let first = admit(&tracker).unwrap();
        advance(1).await;
        let second = admit(&tracker).unwrap();
        advance(1).await;
        let third = admit(&tracker).unwrap();
        advance(1).await;
        // The first has just finished a request, the second has one in flight.
        drop(first.connection.begin());
        let request = second.connection.begin();
        advance(1).await;
        let fourth = admit(&tracker).unwrap();
        assert!(is_aborted(&third) && !is_aborted(&first) && !is_aborted(&second));
        advance(1).await;
        let _fifth = admit(&tracker).unwrap();
        assert!(is_aborted(&first) && !is_aborted(&fourth));
        drop((third, first));
        assert_eq!(lock(&tracker.open).len(), 3);
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn longest_stalled_connection_is_evicted_when_none_is_idle() {
        let tracker = ConnectionTracker::new(3);
        let [slow, slower, working] = [(); 3].map(|()| admit(&tracker).unwrap());
        let [response, slow_response, _request] =
            [&slow, &slower, &working].map(|guard| guard.connection.begin());
        advance(10).await;
        assert!(admit(&tracker).is_none(), "all are being rendered");
        slow_response.request.record_progress();
        response.request.record_progress();
        assert!(admit(&tracker).is_none(), "two have just got a response");
        advance(1).await;
        response.request.record_progress();
        assert!(admit(&tracker).is_some());
        assert!(is_aborted(&slower) && !is_aborted(&slow) && !is_aborted(&working));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_response_is_aborted_after_the_response_timeout() {
        let tracker = ConnectionTracker::new(1);
        let slow = admit(&tracker).unwrap();
        let response = slow.connection.begin();
        for _ in 0..12 {
            advance(10).await;
            // Slow progress does not extend the time.
            response.request.record_progress();
            tracker.reap();
        }
        assert!(!is_aborted(&slow));
        advance(1).await;
        tracker.reap();
        assert!(is_aborted(&slow));
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_response_is_aborted_despite_progress_of_another_one() {
        let tracker = ConnectionTracker::new(1);
        let client = admit(&tracker).unwrap();
        let (read, unread) = (client.connection.begin(), client.connection.begin());
        // Rendering is not a stall.
        advance(60).await;
        tracker.reap();
        assert!(!is_aborted(&client));
        unread.request.record_progress();
        for _ in 0..3 {
            advance(10).await;
            read.request.record_progress();
            tracker.reap();
        }
        assert!(!is_aborted(&client));
        advance(1).await;
        tracker.reap();
        assert!(is_aborted(&client));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_is_drained_then_aborted() {
        let tracker = ConnectionTracker::new(1);
        let idle = admit(&tracker).unwrap();
        advance(75).await;
        tracker.reap();
        assert!(!idle.connection.drain.is_cancelled());
        advance(1).await;
        tracker.reap();
        assert!(idle.connection.drain.is_cancelled() && !is_aborted(&idle));
        advance(30).await;
        tracker.reap();
        assert!(is_aborted(&idle));
    }
}
