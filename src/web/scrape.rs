//! What Prometheus reads.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
    VARY,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::{debug, error};

use super::negotiate;
use super::site::Site;
use super::traffic::{Passage, STILL};

/// So many scrapes are under way at a time, up to their last byte. Each may hold some megabytes.
const SCRAPES: usize = 40;
/// So many of them are rendered at a time; the others wait for their turn.
const RENDERED: usize = 2;
/// For so long. Rendering takes milliseconds; Prometheus gives up after ten seconds.
const TURN: Duration = Duration::from_secs(5);

/// The scrapes under way, bounded so that slow readers hold neither memory nor Prometheus.
pub struct Scrapes {
    under_way: Mutex<Vec<Arc<Passage>>>,
    turns: Arc<Semaphore>,
}

/// Answers a scrape.
pub(super) async fn metrics(
    State(site): State<Arc<Site>>,
    passage: Option<Extension<Arc<Passage>>>,
    headers: HeaderMap,
) -> Response<Body> {
    // Without a connection (in a test, say) there is nobody who could be slow.
    if let Some(Extension(passage)) = passage
        && !site.scrapes.admit(passage)
    {
        debug!("too many scrapes: a new one is refused");
        return too_many();
    }
    let Some(turn) = site.scrapes.turn().await else {
        debug!("too many scrapes wait to be rendered: one is refused");
        return too_many();
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let format = negotiate::format(text(&ACCEPT));
    let gzip = negotiate::accepts_gzip(text(&ACCEPT_ENCODING));
    // Thousands of channels take milliseconds, and the threads that poll must not wait.
    let rendered = tokio::task::spawn_blocking(move || {
        // Whoever goes away before the end does not make room: the work goes on.
        let _turn = turn;
        let text = site.scrape(format);
        if gzip {
            compress(text.as_bytes()).map(Body::from)
        } else {
            Ok(Body::from(text))
        }
    });
    match rendered.await {
        Ok(Ok(body)) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            let content_type = HeaderValue::from_static(format.content_type());
            headers.insert(CONTENT_TYPE, content_type);
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        }
        Ok(Err(failure)) => broken(&failure),
        Err(failure) => broken(&failure),
    }
}

// === impl Scrapes ===

impl Default for Scrapes {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            turns: Arc::new(Semaphore::new(RENDERED)),
        }
    }
}

impl Scrapes {
    /// Lets a scrape in, until its passage ends. Where there are too many, the one goes that
    /// has taken nothing longest; where all take something, the new one is not let in.
    fn admit(&self, new: Arc<Passage>) -> bool {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|passage| !passage.has_ended());
        if under_way.len() >= SCRAPES {
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
            debug!("too many scrapes: the one that has taken nothing longest is cut off");
            under_way.swap_remove(index).cut_off();
        }
        under_way.push(new);
        true
    }

    /// Waits for a turn to be rendered; `None` where it does not come soon.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::time::timeout(TURN, turn).await.ok()?.ok()
    }
}

/// Compresses what is sent once.
pub(super) fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    // Fast: the tenth that a slower level saves is worth less than its time.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn too_many() -> Response<Body> {
    let text = "Too many scrapes are under way; try again.\n";
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(RETRY_AFTER, HeaderValue::from(1))],
        text,
    )
        .into_response()
}

fn broken(failure: &dyn std::error::Error) -> Response<Body> {
    error!(%failure, "metrics cannot be rendered");
    let message = "metrics can't be rendered; see the log\n";
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::traffic::{Connections, Place, UnderWay};

    fn begin() -> (Place, UnderWay) {
        let place = Connections::new(1)
            .admit(([127, 0, 0, 1], 1).into())
            .unwrap();
        let under_way = place.connection().begin();
        (place, under_way)
    }

    #[tokio::test(start_paused = true)]
    async fn the_scrape_that_took_nothing_longest_makes_room_for_a_new_one() {
        let scrapes = Scrapes::default();
        let all: Vec<_> = (0..SCRAPES).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(scrapes.admit(Arc::clone(&one.passage)));
        }
        let (_place, new) = begin();
        tokio::time::advance(STILL * 10).await;
        let is_let_in = || scrapes.admit(Arc::clone(&new.passage));
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
    async fn a_scrape_that_is_over_makes_room() {
        let scrapes = Scrapes::default();
        let mut all: Vec<_> = (0..SCRAPES).map(|_| begin()).collect();
        for (_, one) in &all {
            assert!(scrapes.admit(Arc::clone(&one.passage)));
        }
        let (_place, new) = begin();
        assert!(!scrapes.admit(Arc::clone(&new.passage)));
        drop(all.pop());
        assert!(scrapes.admit(Arc::clone(&new.passage)));
    }
}
