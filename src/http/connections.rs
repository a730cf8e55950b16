//! ConnectionTracker and the requests under way on them, and who has to go where there are too many.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// An idle connection is kept for so long: longer than the usual scrape interval of a minute.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes nothing for so long is left.
pub(super) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers under way get so long when the exporter stops.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// A client that takes nothing for so long may have to go in favour of another.
pub(super) const EVICTABLE_AFTER: Duration = Duration::from_secs(1);

/// How long clients may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// From the last header of a request to the last byte of its answer.
    pub(super) response: Duration,
    /// Without taking anything of an answer that is there.
    pub(super) write_stall: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
}

/// All open connections, up to a number.
///
/// Where there are too many, the one that has been idle longest goes: a client that keeps a
/// connection for later can open another, one that asks now can't wait.
pub(super) struct ConnectionTracker {
    limit: usize,
    open: Mutex<OpenConnections>,
}

#[derive(Default)]
struct OpenConnections {
    next: u64,
    by_number: HashMap<u64, Arc<OpenConnection>>,
}

/// An open connection, as long as somebody holds it.
pub(super) struct ConnectionGuard {
    connections: Arc<ConnectionTracker>,
    number: u64,
    connection: Arc<OpenConnection>,
}

/// A connection, as others see it.
pub(super) struct OpenConnection {
    client: SocketAddr,
    /// Cancelled where it has to end now.
    abort: CancellationToken,
    /// Cancelled where it has to end once what is under way is done.
    drain: CancellationToken,
    state: Mutex<State>,
}

struct State {
    in_flight: Vec<Arc<InFlightRequest>>,
    /// Since when nothing is under way.
    idle_since: Instant,
}

/// A request and its answer, from its last header to the answer's last byte.
pub(super) struct InFlightRequest {
    abort: CancellationToken,
    started: Instant,
    /// When the client last took something of the answer.
    last_progress: Mutex<Instant>,
    sending: AtomicBool,
    ended: AtomicBool,
}

/// Sees to it that a request is not under way any more once this is dropped.
pub(super) struct InFlightGuard {
    connection: Arc<OpenConnection>,
    pub(super) request: Arc<InFlightRequest>,
}

// === impl ConnectionTracker ===

impl ConnectionTracker {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            open: Mutex::default(),
        })
    }

    /// A guard for a new connection; `None` where all others are in use.
    pub(super) fn admit(self: &Arc<Self>, client: SocketAddr) -> Option<ConnectionGuard> {
        let connection = Arc::new(OpenConnection {
            client,
            abort: CancellationToken::new(),
            drain: CancellationToken::new(),
            state: Mutex::new(State {
                in_flight: Vec::new(),
                idle_since: Instant::now(),
            }),
        });
        let mut open = self.lock();
        if open.by_number.len() >= self.limit {
            let number = open.eviction_candidate()?;
            if let Some(gone) = open.by_number.remove(&number) {
                debug!(client = %gone.client, "too many connections: one that is idle is closed");
                gone.abort.cancel();
            }
        }
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::clone(&connection));
        Some(ConnectionGuard {
            connections: Arc::clone(self),
            number,
            connection,
        })
    }

    /// Ends connections whose answers take too long or stand still, and has those leave that
    /// are idle.
    pub(super) fn reap(&self, timeouts: Timeouts) {
        let now = Instant::now();
        for connection in self.lock().by_number.values() {
            let state = connection.lock();
            let idle = if state.in_flight.is_empty() {
                now.duration_since(state.idle_since)
            } else {
                Duration::ZERO
            };
            // With HTTP/2 a client may take nothing of one answer while the socket is read.
            let slow = state.in_flight.iter().any(|request| {
                now.duration_since(request.started) > timeouts.response
                    || request.stalled_for(now) > timeouts.write_stall
            });
            if slow {
                debug!(client = %connection.client, "an answer takes too long: cut off");
                connection.abort.cancel();
            } else if idle > timeouts.idle + timeouts.write_stall {
                debug!(client = %connection.client, "it was told to leave and did not: cut off");
                connection.abort.cancel();
            } else if idle > timeouts.idle {
                connection.drain.cancel();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl OpenConnections ===

impl OpenConnections {
    /// The connection that is idle longest; where none is, the one whose client has taken
    /// nothing longest.
    fn eviction_candidate(&self) -> Option<u64> {
        let now = Instant::now();
        let mut idle: Option<(Instant, u64)> = None;
        let mut still: Option<(Duration, u64)> = None;
        for (number, connection) in &self.by_number {
            let state = connection.lock();
            if state.in_flight.is_empty() {
                if idle.is_none_or(|(since, _)| state.idle_since < since) {
                    idle = Some((state.idle_since, *number));
                }
                continue;
            }
            // As busy as the busiest of its requests.
            let rest = state
                .in_flight
                .iter()
                .map(|request| request.stalled_for(now));
            let rest = rest.min().unwrap_or_default();
            if rest >= EVICTABLE_AFTER && still.is_none_or(|(longest, _)| rest > longest) {
                still = Some((rest, *number));
            }
        }
        idle.map(|(_, number)| number)
            .or(still.map(|(_, number)| number))
    }
}

// === impl ConnectionGuard ===

impl ConnectionGuard {
    pub(super) fn connection(&self) -> &Arc<OpenConnection> {
        &self.connection
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.connections.lock().by_number.remove(&self.number);
    }
}

// === impl OpenConnection ===

impl OpenConnection {
    /// Where it comes from.
    pub(super) fn client(&self) -> SocketAddr {
        self.client
    }

    /// Waits until it has to end.
    pub(super) async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    /// Waits until it has to end once what is under way is done.
    pub(super) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>) -> InFlightGuard {
        let now = Instant::now();
        let request = Arc::new(InFlightRequest {
            abort: self.abort.clone(),
            started: now,
            last_progress: Mutex::new(now),
            sending: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        self.lock().in_flight.push(Arc::clone(&request));
        InFlightGuard {
            connection: Arc::clone(self),
            request,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl InFlightRequest ===

impl InFlightRequest {
    /// The answer is there, or the client took something of it.
    pub(super) fn record_progress(&self) {
        *self
            .last_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.sending.store(true, Ordering::Relaxed);
    }

    /// How long the client has taken nothing of an answer that is there.
    pub(super) fn stalled_for(&self, now: Instant) -> Duration {
        if !self.sending.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let last_progress = *self
            .last_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(last_progress)
    }

    /// Whether it is over.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Ends the connection that it is on.
    pub(super) fn abort(&self) {
        self.abort.cancel();
    }
}

// === impl InFlightGuard ===

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.request.ended.store(true, Ordering::Relaxed);
        let mut state = self.connection.lock();
        state
            .in_flight
            .retain(|request| !Arc::ptr_eq(request, &self.request));
        if state.in_flight.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(connections: &Arc<ConnectionTracker>) -> Option<ConnectionGuard> {
        connections.admit(([127, 0, 0, 1], 1).into())
    }

    fn is_cut(guard: &ConnectionGuard) -> bool {
        guard.connection.abort.is_cancelled()
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_is_idle_longest_goes() {
        let connections = ConnectionTracker::new(3);
        let first = admit(&connections).unwrap();
        pass(1).await;
        let second = admit(&connections).unwrap();
        pass(1).await;
        let third = admit(&connections).unwrap();
        pass(1).await;
        // The first was in use just now, and the second is.
        drop(first.connection.begin());
        let request = second.connection.begin();
        pass(1).await;
        let fourth = admit(&connections).unwrap();
        assert!(is_cut(&third) && !is_cut(&first) && !is_cut(&second));
        pass(1).await;
        let _fifth = admit(&connections).unwrap();
        assert!(is_cut(&first) && !is_cut(&fourth));
        drop((third, first));
        assert_eq!(connections.lock().by_number.len(), 3);
        drop(request);
    }

    #[tokio::test(start_paused = true)]
    async fn where_none_is_idle_the_one_goes_that_took_nothing_longest_and_else_the_new_one() {
        let connections = ConnectionTracker::new(2);
        let (slow, working) = (admit(&connections).unwrap(), admit(&connections).unwrap());
        let (answer, _request) = (slow.connection.begin(), working.connection.begin());
        pass(10).await;
        assert!(admit(&connections).is_none(), "both are being worked for");
        answer.request.record_progress();
        assert!(admit(&connections).is_none(), "one has just got its answer");
        pass(1).await;
        assert!(admit(&connections).is_some());
        assert!(is_cut(&slow) && !is_cut(&working));
    }

    const TIMEOUTS: Timeouts = Timeouts {
        response: Duration::from_secs(100),
        write_stall: Duration::from_secs(30),
        idle: Duration::from_secs(50),
    };

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_takes_too_long_is_cut_off() {
        let connections = ConnectionTracker::new(1);
        let slow = admit(&connections).unwrap();
        let answer = slow.connection.begin();
        for _ in 0..10 {
            pass(10).await;
            // A little now and then does not help.
            answer.request.record_progress();
            connections.reap(TIMEOUTS);
        }
        assert!(!is_cut(&slow));
        pass(1).await;
        connections.reap(TIMEOUTS);
        assert!(is_cut(&slow));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_stands_still_is_cut_off_whatever_else_is_on_the_connection() {
        let connections = ConnectionTracker::new(1);
        let client = admit(&connections).unwrap();
        let (read, unread) = (client.connection.begin(), client.connection.begin());
        // While it is worked for, nobody can take anything.
        pass(60).await;
        connections.reap(TIMEOUTS);
        assert!(!is_cut(&client));
        unread.request.record_progress();
        for _ in 0..3 {
            pass(10).await;
            read.request.record_progress();
            connections.reap(TIMEOUTS);
        }
        assert!(!is_cut(&client));
        pass(1).await;
        connections.reap(TIMEOUTS);
        assert!(is_cut(&client));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_leave_and_those_that_do_not_are_cut_off() {
        let connections = ConnectionTracker::new(1);
        let idle = admit(&connections).unwrap();
        pass(50).await;
        connections.reap(TIMEOUTS);
        assert!(!idle.connection.drain.is_cancelled());
        pass(1).await;
        connections.reap(TIMEOUTS);
        assert!(idle.connection.drain.is_cancelled() && !is_cut(&idle));
        pass(30).await;
        connections.reap(TIMEOUTS);
        assert!(is_cut(&idle));
    }
}
