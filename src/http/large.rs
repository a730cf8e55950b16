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

use super::traffic::{Passage, STILL};

/// So many are under way at a time, up to their last byte. Each may hold some megabytes.
const UNDER_WAY: usize = 40;
/// So many of them are rendered at a time; the others wait for their turn.
const RENDERED: usize = 2;
/// For so long. Rendering takes milliseconds; Prometheus gives up after ten seconds.
const TURN: Duration = Duration::from_secs(5);

/// The large answers of one kind that are under way.
pub(super) struct LargeAnswers {
    under_way: Mutex<Vec<Arc<Passage>>>,
    turns: Arc<Semaphore>,
}

// === impl LargeAnswers ===

impl Default for LargeAnswers {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            turns: Arc::new(Semaphore::new(RENDERED)),
        }
    }
}

impl LargeAnswers {
    /// Lets one in, until its passage ends. Where there are too many, the one goes that
    /// has taken nothing longest; where all take something, the new one is not let in.
    fn admit(&self, new: Arc<Passage>) -> bool {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|passage| !passage.has_ended());
        if under_way.len() >= UNDER_WAY {
            let now = Instant::now();
            let slowest = under_way
                .iter()
                .map(|passage| passage.still_for(now))
                .enumerate()
                .filter(|(_, still)| *still >= STILL)
                .max_by_key(|(_, still)| *still);
            let Some((index, _)) = slowest else {
                return false;
            };
            debug!("too many answers: the one that has taken nothing longest is cut off");
            under_way.swap_remove(index).cut_off();
        }
        under_way.push(new);
        true
    }

    /// Lets a request be answered, and waits for its turn. Whoever goes away while it is
    /// rendered makes no room, since the work goes on: the turn has to be held until then.
    ///
    /// # Errors
    /// An answer for those that are too many.
    pub(super) async fn turn(
        &self,
        passage: Option<Arc<Passage>>,
    ) -> Result<OwnedSemaphorePermit, Response<Body>> {
        // Without a connection (in a test, say) there is nobody who could be slow.
        if let Some(passage) = passage
            && !self.admit(passage)
        {
            debug!("too many answers are under way: a new one is refused");
            return Err(too_many());
        }
        self.rendering().await.ok_or_else(|| {
            debug!("too many wait to be rendered: one is refused");
            too_many()
        })
    }

    /// The turns themselves, for what goes on being rendered while it is sent.
    pub(super) fn turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.turns)
    }

    /// Waits for a turn to be rendered; `None` where it does not come soon.
    async fn rendering(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::time::timeout(TURN, turn).await.ok()?.ok()
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
    use crate::http::traffic::{Connections, Place, UnderWay};

    fn begin() -> (Place, UnderWay) {
        let place = Connections::new(1)
            .admit(([127, 0, 0, 1], 1).into())
            .unwrap();
        let under_way = place.connection().begin();
        (place, under_way)
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_took_nothing_longest_makes_room_for_a_new_one() {
        let answers = LargeAnswers::default();
        let all: Vec<_> = (0..UNDER_WAY).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(answers.admit(Arc::clone(&one.passage)));
        }
        let (_place, new) = begin();
        tokio::time::advance(STILL * 10).await;
        let is_let_in = || answers.admit(Arc::clone(&new.passage));
        assert!(!is_let_in(), "all are being rendered");
        for (_, one) in &all {
            one.passage.moves();
        }
        assert!(!is_let_in(), "all move");
        tokio::time::advance(STILL).await;
        for (_, one) in all.iter().skip(2) {
            one.passage.moves();
        }
        assert!(is_let_in());
        let cut = |place: &Place| {
            let cut = Arc::clone(place.connection());
            futures_ready(async move { cut.cut().await })
        };
        assert_eq!(all.iter().filter(|(place, _)| cut(place)).count(), 1);
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
        let answers = LargeAnswers::default();
        let mut all: Vec<_> = (0..UNDER_WAY).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(answers.admit(Arc::clone(&one.passage)));
        }
        let (_place, new) = begin();
        assert!(!answers.admit(Arc::clone(&new.passage)));
        drop(all.pop());
        assert!(answers.admit(Arc::clone(&new.passage)));
    }
}
