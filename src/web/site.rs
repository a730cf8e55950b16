//! What there is to be seen.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::negotiate;
use crate::exposition::{self, Format, Store};
use crate::poller::Status;
use crate::polyv::PolyvClock;
use crate::telemetry::{BuildInfo, Metrics};

/// A request to load the configuration anew. The answer says what was wrong with it, if
/// something was.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What there is to be seen, and where.
#[derive(Clone)]
pub struct Site {
    /// The channels.
    pub store: Arc<Store>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// What the poller tells of itself.
    pub status: Arc<Status>,
    /// Polyv's clock.
    pub clock: Arc<PolyvClock>,
    /// Where metrics are.
    pub telemetry_path: String,
    /// Where reloads are asked for; `None` where that is not allowed over HTTP.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
}

const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
const RELOAD: &str = "/-/reload";

/// Checks a path for metrics: one that nothing else has.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn check_telemetry_path(path: &str) -> Result<(), String> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    if !path.starts_with('/') || !plain || path.contains("//") {
        return Err(format!(
            "`{path}` can't be a path for metrics: write one such as `/metrics`"
        ));
    }
    if path.starts_with("/-/") || path.starts_with("/api/") {
        return Err(format!(
            "`{path}` can't be the path for metrics: something else is there"
        ));
    }
    Ok(())
}

// === impl Site ===

impl Site {
    /// Who sees what.
    pub fn router(self) -> Router {
        let mut router = Router::new();
        if self.telemetry_path != "/" {
            router = router.route("/", get(landing_page));
        }
        let telemetry_path = self.telemetry_path.clone();
        router
            .route(&telemetry_path, get(metrics))
            .route(HEALTHY, get(|| async { "polyv-exporter works.\n" }))
            .route(READY, get(ready))
            .route(RELOAD, post(reload))
            .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here; see /\n") })
            .with_state(Arc::new(self))
    }

    /// Everything there is to scrape.
    fn scrape(&self, format: Format) -> String {
        let now = self.clock.now();
        self.metrics.set_poll_lag(self.status.lag(now.moment));
        let stale_after = self.store.rules().stale_after;
        self.metrics
            .set_clock_skew(self.clock.skew_seconds(stale_after));
        exposition::render(&self.store, &self.metrics.gather(), format, now)
    }
}

async fn metrics(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response<Body> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let format = negotiate::format(text(&ACCEPT));
    let gzip = negotiate::accepts_gzip(text(&ACCEPT_ENCODING));
    // Thousands of channels take milliseconds, and the threads that poll must not wait.
    let rendered = tokio::task::spawn_blocking(move || {
        let text = site.scrape(format);
        if gzip {
            compress(&text).map(Body::from)
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

fn compress(text: &str) -> std::io::Result<Vec<u8>> {
    // Fast: the tenth that a slower level saves is worth less than its time.
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn broken(failure: &dyn std::error::Error) -> Response<Body> {
    error!(%failure, "metrics cannot be rendered");
    let message = "metrics can't be rendered; see the log\n";
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}

async fn ready(State(site): State<Arc<Site>>) -> (StatusCode, &'static str) {
    if site.status.is_ready() {
        (StatusCode::OK, "polyv-exporter is ready.\n")
    } else {
        let message = "polyv-exporter is not ready: not every channel was asked yet.\n";
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

async fn reload(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    let Some(requests) = &site.reload else {
        let message = "Reloading over HTTP is not enabled: start with --web.enable-lifecycle.\n";
        return (StatusCode::FORBIDDEN, message.to_owned());
    };
    let (request, answer) = oneshot::channel();
    if requests.send(request).await.is_err() {
        let message = "The exporter is stopping.\n".to_owned();
        return (StatusCode::SERVICE_UNAVAILABLE, message);
    }
    match answer.await {
        Ok(Ok(())) => (StatusCode::OK, "Reloaded.\n".to_owned()),
        Ok(Err(why)) => {
            let message = format!("The old configuration goes on; the new one is faulty:\n{why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        Err(_stopping) => {
            let message = "The exporter is stopping.\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }
}

async fn landing_page(State(site): State<Arc<Site>>) -> axum::response::Html<String> {
    let metrics = &site.telemetry_path;
    let BuildInfo {
        version, revision, ..
    } = BuildInfo::THIS;
    axum::response::Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>polyv-exporter</title>\n<h1>polyv-exporter</h1>\n\
         <p>Watches live streams on Polyv (保利威) and tells Prometheus how they are.</p>\n\
         <ul>\n<li><a href=\"{metrics}\">Metrics</a></li>\n\
         <li><a href=\"{READY}\">Ready?</a></li>\n\
         <li><a href=\"{HEALTHY}\">Healthy?</a></li>\n</ul>\n\
         <p>Version {version}, revision {revision}</p>\n</html>\n"
    ))
}
