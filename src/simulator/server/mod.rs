//! The simulated Polyv on a socket: each [`Reaction`] is done to a real connection.

mod payload;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, http};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::payload::{Gone, Payload};
use self::socket::{ResetSwitch, Socket};
use super::{Answer, Reaction, Request, Simulator};

/// How long answers under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_millis(500);
/// How long a connection may be idle: nginx's default, and longer than clients keep theirs,
/// so that it is they who close.
const IDLE: Duration = Duration::from_secs(75);
/// A control call's body may be a large scenario; what Polyv takes is shorter by far, and the
/// gateway says so.
const LONGEST_BODY: usize = 4 << 20;
/// Connections that cannot be accepted in a row before the listener counts as broken, and
/// the pause after each (when file descriptors run out, some may come back).
const MOST_FAILURES: u32 = 100;
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown`. All connections are tasks that this future waits for, and that
/// end when it is dropped.
pub(super) async fn serve(
    simulator: &Simulator,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    let end = shutdown.child_token();
    let _end_when_dropped = end.clone().drop_guard();
    let accepted = accept(simulator, listener, &end, &connections).await;
    // Where the listener broke, those connected have to go as well.
    end.cancel();
    connections.close();
    connections.wait().await;
    accepted
}

async fn accept(
    simulator: &Simulator,
    listener: TcpListener,
    shutdown: &CancellationToken,
    connections: &TaskTracker,
) -> io::Result<()> {
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                connections.spawn(connection(
                    simulator.clone(),
                    stream,
                    peer,
                    shutdown.clone(),
                ));
            }
            Err(error) if failures >= MOST_FAILURES => return Err(error),
            Err(error) => {
                failures += 1;
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

async fn connection(
    simulator: Simulator,
    stream: TcpStream,
    peer: SocketAddr,
    shutdown: CancellationToken,
) {
    // Where it does not work, answers are merely later.
    let _ = stream.set_nodelay(true);
    let (socket, reset) = Socket::new(stream);
    let service = service_fn(|request| respond(&simulator, request, peer, &reset, &shutdown));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "connection ended");
    }
}

/// Answers a request, or ends its connection.
async fn respond(
    simulator: &Simulator,
    request: http::Request<Incoming>,
    peer: SocketAddr,
    reset: &ResetSwitch,
    shutdown: &CancellationToken,
) -> Result<Response<Payload>, Gone> {
    let (parts, body) = request.into_parts();
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: read(body).await?,
        client: peer.ip(),
    };
    match simulator.react(&request) {
        Reaction::Answer(answer) => {
            if !answer.after.is_zero() {
                tokio::time::sleep(answer.after).await;
            }
            response(answer)
        }
        Reaction::Hang => {
            // hyper drops this when the client goes away.
            shutdown.cancelled().await;
            Err(Gone)
        }
        Reaction::Reset => {
            reset.turn_on();
            Err(Gone)
        }
    }
}

fn response(answer: Answer) -> Result<Response<Payload>, Gone> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let payload = Payload::new(answer.body, answer.delivery);
    // Only what a scenario says can make a header impossible, and that was looked at.
    response.body(payload).map_err(|_| Gone)
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, Gone> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Gone)?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > LONGEST_BODY {
            return Err(Gone);
        }
    }
    Ok(bytes)
}
