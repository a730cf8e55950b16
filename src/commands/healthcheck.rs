//! `healthcheck`: tells whether an exporter on this host works.
//!
//! For what has no shell and no other program at hand: a container's `HEALTHCHECK`, or a probe
//! that can give no password.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::{HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::CommandError;
use super::output::show;
use crate::cli::HealthcheckArgs;
use crate::http;

/// An exporter that takes longer for a sentence does not work.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);
/// What it says is a sentence.
const LONGEST: usize = 4096;

/// Asks, and fails where the exporter does not work.
pub(super) fn run(arguments: &HealthcheckArgs) -> Result<(), CommandError> {
    let Some(listens) = arguments.listen.addresses.first() else {
        return Err(CommandError::Usage("no address to ask is named".to_owned()));
    };
    let address =
        http::loopback_address(listens).map_err(|error| CommandError::Usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime can't be started")?;
    let asked =
        runtime.block_on(async { tokio::time::timeout(NOTIFY_TIMEOUT, ask(&address)).await });
    let verdict = asked
        .with_context(|| format!("no answer for {} s", NOTIFY_TIMEOUT.as_secs()))
        .and_then(|answer| answer)
        .with_context(|| format!("the exporter at {address} does not work"))?;
    show(verdict)?;
    Ok(())
}

/// What shows that it works.
async fn ask(address: &str) -> anyhow::Result<&'static str> {
    let stream = TcpStream::connect(address).await.context("can't connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = axum::http::Uri::from_static("/-/healthy");
    let host = HeaderValue::from_str(address).context("can't be a Host")?;
    request.headers_mut().insert(header::HOST, host);
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        // What it says matters only where it says no.
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        anyhow::Ok((status, body))
    };
    let (status, body) = tokio::select! {
        response = exchange => response.context("no HTTP response")?,
        // It runs until the response has arrived, or fails, and then the exchange fails too.
        never = async { connection.await.err(); std::future::pending().await } => never,
    };
    match status {
        StatusCode::OK => Ok("The exporter works.\n"),
        // Access is denied, so the server works.
        StatusCode::UNAUTHORIZED => Ok("The exporter works, and asks for a password.\n"),
        StatusCode::TOO_MANY_REQUESTS => Ok("The exporter works, and is at its rate limit.\n"),
        StatusCode::BAD_REQUEST => Ok("The exporter works, and speaks TLS.\n"),
        status => bail!(
            "it answers {status}: {}",
            String::from_utf8_lossy(&body).trim_end()
        ),
    }
}
