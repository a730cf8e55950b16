//! What the page consists of besides its text: all of it is in the program.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::web::respond;

const ASSETS: [(&str, &str, &str); 3] = [
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/page.js"),
    ),
    (
        "page.css",
        "text/css; charset=utf-8",
        include_str!("assets/page.css"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// What tells these assets from those of another build: it stands in their addresses, so that
/// browsers may keep them for good.
pub(super) static BUILD: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (_, _, content) in ASSETS {
        hash.update(content);
    }
    let digest = hash.finalize();
    digest.iter().take(6).fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
});

/// Answers with an asset.
pub(super) async fn asset(
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Response<Body> {
    let found = ASSETS.iter().find(|(known, _, _)| *known == name);
    let Some((_, content_type, content)) = found else {
        return respond::not_found();
    };
    let mut response = Response::new(Body::from(*content));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let forever = "public, max-age=31536000, immutable";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(forever));
    *response.status_mut() = StatusCode::OK;
    response
}
