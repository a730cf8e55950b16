//! `healthcheck`: reports whether an exporter on this host works.
//!
//! For what has no shell and no other program at hand: a container's `HEALTHCHECK`, or a probe
//! that can give no password.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::CommandError;
use super::output::show;
use super::runtime::block_on;
use crate::cli::HealthcheckArgs;
use crate::http;

/// An exporter that takes longer for a sentence does not work.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What it says is a sentence.
const MAX_BODY_BYTES: usize = 4096;

/// Checks the exporter, and fails if it does not work.
pub(super) fn run(arguments: &HealthcheckArgs) -> Result<(), CommandError> {
    let usage = |error: http::BindError| CommandError::Usage(error.to_string());
    let listens = arguments
        .listen
        .addresses
        .first()
        .map_or("", String::as_str);
    let address = http::loopback_address(listens).map_err(usage)?;
    block_on(async {
        let checked = timeout(TIMEOUT, check(&address)).await;
        let verdict = checked
            .with_context(|| format!("no response for {} s", TIMEOUT.as_secs()))
            .flatten()
            .with_context(|| format!("the exporter at {address} does not work"))?;
        Ok(show(verdict)?)
    })
}

/// What shows that it works.
async fn check(address: &str) -> anyhow::Result<&'static str> {
    // Without a proxy: it is this host.
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let response = client
        .get(format!("http://{address}/-/healthy").parse()?)
        .await?;
    match response.status() {
        StatusCode::OK => Ok("The exporter works.\n"),
        // Access is denied, so the server works.
        StatusCode::UNAUTHORIZED => Ok("The exporter works, and requires a password.\n"),
        StatusCode::TOO_MANY_REQUESTS => Ok("The exporter works, and is at its rate limit.\n"),
        StatusCode::BAD_REQUEST => Ok("The exporter works, and speaks TLS.\n"),
        status => {
            let body = Limited::new(response.into_body(), MAX_BODY_BYTES)
                .collect()
                .await;
            let body = body
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            bail!(
                "it responds with {status}: {}",
                String::from_utf8_lossy(&body).trim_end()
            )
        }
    }
}
