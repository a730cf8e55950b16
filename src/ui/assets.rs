//! Script, style and icon of the page, which are part of the program.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::http::{Response, StatusCode, Uri};
use sha2::{Digest, Sha256};

use crate::http::rejection::Rejection;
use crate::http::respond;
use crate::telemetry::BuildInfo;

const ASSETS: [(&str, &str, &str); 3] = [
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/page.js"),
    ),
    (
        "page.css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("assets/page.css"),
            include_str!("../report/assets/charts.css")
        ),
    ),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// Identifies this program's pages and assets. It is part of the URLs of assets, so that browsers
/// may cache them forever.
pub(super) static BUILD: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    hash.update(BuildInfo::THIS.version);
    hash.update(BuildInfo::THIS.revision);
    for (_, _, content) in ASSETS {
        hash.update(content);
    }
    let digest = hash.finalize();
    digest.iter().take(6).fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
});

/// Handles `/assets/{name}`.
pub(super) async fn asset(name: Result<Path<String>, PathRejection>, uri: Uri) -> Response<Body> {
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let found = ASSETS.iter().find(|(known, _, _)| *known == name);
    let Some((_, content_type, content)) = found else {
        return Rejection::not_found("There is nothing here; see /").into_response(uri.path());
    };
    let mut response = respond::with_type(StatusCode::OK, content_type, *content);
    // A page of another version may request this while both are behind one address.
    let cache = if uri.query() == Some(&BUILD) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
