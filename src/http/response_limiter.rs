//! Answers that are large and take a while to be rendered, bounded so that slow readers hold
//! neither memory nor anybody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::debug;

use super::connections::{EVICTABLE_AFTER, InFlightRequest};

/// So many are under way at a time, up to their last byte. Each may hold some megabytes.
const MAX_IN_FLIGHT: usize = 40;
/// So many of them are rendered at a time; the others wait for their permit.
const MAX_RENDERING: usize = 2;
/// For so long. Rendering takes milliseconds; Prometheus gives up after ten seconds.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The large answers of one kind that are under way.
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
    /// Lets one in, until it ends. Where there are too many, the one goes that
    /// has taken nothing longest; where all take something, the new one is not let in.
    fn try_admit(&self, new: Arc<InFlightRequest>) -> bool {
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_flight.retain(|request| !request.has_ended());
        if in_flight.len() >= MAX_IN_FLIGHT {
            let now = Instant::now();
            let slowest = in_flight
                .iter()
                .map(|request| request.stalled_for(now))
                .enumerate()
                .filter(|(_, still)| *still >= EVICTABLE_AFTER)
                .max_by_key(|(_, still)| *still);
            let Some((index, _)) = slowest else {
                return false;
            };
            debug!("too many answers: the one that has taken nothing longest is cut off");
            in_flight.swap_remove(index).abort();
        }
        in_flight.push(new);
        true
    }

    /// Lets a request be answered, and waits for its permit. Whoever goes away while it is
    /// rendered makes no room, since the work goes on: the permit has to be held until then.
    ///
    /// # Errors
    /// An answer for those that are too many.
    pub(super) async fn acquire(
        &self,
        request: Option<Arc<InFlightRequest>>,
    ) -> Result<OwnedSemaphorePermit, Response<Body>> {
        // Without a connection (in a test, say) there is nobody who could be slow.
        if let Some(request) = request
            && !self.try_admit(request)
        {
            debug!("too many answers are under way: a new one is refused");
            return Err(too_many());
        }
        self.acquire_render_permit().await.ok_or_else(|| {
            debug!("too many wait to be rendered: one is refused");
            too_many()
        })
    }

    /// The render_permits themselves, for what goes on being rendered while it is sent.
    pub(super) fn render_permits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.render_permits)
    }

    /// Waits for a permit to be rendered; `None` where it does not come soon.
    async fn acquire_render_permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.render_permits).acquire_owned();
        tokio::time::timeout(ACQUIRE_TIMEOUT, permit)
            .await
            .ok()?
            .ok()
    }
}

fn too_many() -> Response<Body> {
    let text = "Too many answers are under way; try again.\n";
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(RETRY_AFTER, HeaderValue::from(1))],
        text,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::connections::{ConnectionGuard, ConnectionTracker, InFlightGuard};

    fn begin() -> (ConnectionGuard, InFlightGuard) {
        let guard = ConnectionTracker::new(1)
            .admit(([127, 0, 0, 1], 1).into())
            .unwrap();
        let request = guard.connection().begin();
        (guard, request)
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_took_nothing_longest_makes_room_for_a_new_one() {
        let limiter = ResponseLimiter::default();
        let all: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(limiter.try_admit(Arc::clone(&one.request)));
        }
        let (_place, new) = begin();
        tokio::time::advance(EVICTABLE_AFTER * 10).await;
        let is_let_in = || limiter.try_admit(Arc::clone(&new.request));
        assert!(!is_let_in(), "all are being rendered");
        for (_, one) in &all {
            one.request.record_progress();
        }
        assert!(!is_let_in(), "all move");
        tokio::time::advance(EVICTABLE_AFTER).await;
        for (_, one) in all.iter().skip(2) {
            one.request.record_progress();
        }
        assert!(is_let_in());
        let cut = |guard: &ConnectionGuard| {
            let cut = Arc::clone(guard.connection());
            futures_ready(async move { cut.aborted().await })
        };
        assert_eq!(all.iter().filter(|(guard, _)| cut(guard)).count(), 1);
        assert!(cut(&all[0].0) || cut(&all[1].0));
    }

    fn futures_ready(future: impl Future<Output = ()>) -> bool {
        let mut future = std::pin::pin!(future);
        let waker = std::task::Waker::noop();
        future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker))
            .is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_over_makes_room() {
        let limiter = ResponseLimiter::default();
        let mut all: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(limiter.try_admit(Arc::clone(&one.request)));
        }
        let (_place, new) = begin();
        assert!(!limiter.try_admit(Arc::clone(&new.request)));
        drop(all.pop());
        assert!(limiter.try_admit(Arc::clone(&new.request)));
    }
}
