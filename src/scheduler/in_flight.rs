//! A call in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::account_call::AccountCall;
use super::live_call::LiveCall;
use super::request::{PollRequest, RequestKind};
use super::virtual_clock::VirtualInstant;
use crate::config::SecretSource;
use crate::state::StreamSource;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{
    AccountMinutes, BadResponse, ChannelLiveStatus, ChannelPage, ChannelPush, ChannelViewers,
    Client, Credentials, Error, Permit, PlanPage, StreamInfo,
};

/// How long a secret file may take to read.
const SECRET_READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A request from its start to its completion.
#[derive(Debug, Clone)]
pub(super) struct InFlightRequest {
    /// The id of the account.
    pub(super) account: u64,
    /// The number of the client that sends it.
    pub(super) client_generation: u64,
    pub(super) request: PollRequest,
    pub(super) kind: RequestKind,
    pub(super) started: MonotonicInstant,
    pub(super) virtual_started: VirtualInstant,
}

/// The end of a call.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) took: Duration,
    pub(super) result: Result<Response, Error>,
}

/// The data of a response.
#[derive(Debug)]
pub(super) enum Response {
    StreamInfo(StreamInfo),
    LiveStatus(Vec<ChannelLiveStatus>),
    ChannelPage(ChannelPage),
    Streams(Vec<ChannelPush>),
    Viewers(Vec<ChannelViewers>),
    Plans(PlanPage),
    Minutes(AccountMinutes),
}

// === impl Response ===

impl Response {
    pub(super) fn into_stream_info(self) -> Result<StreamInfo, Error> {
        match self {
            Self::StreamInfo(info) => Ok(info),
            _ => Err(mismatch()),
        }
    }

    pub(super) fn into_live_status(self) -> Result<Vec<ChannelLiveStatus>, Error> {
        match self {
            Self::LiveStatus(statuses) => Ok(statuses),
            _ => Err(mismatch()),
        }
    }

    pub(super) fn into_channel_page(self) -> Result<ChannelPage, Error> {
        match self {
            Self::ChannelPage(page) => Ok(page),
            _ => Err(mismatch()),
        }
    }

    pub(super) fn into_viewers(self) -> Result<Vec<ChannelViewers>, Error> {
        match self {
            Self::Viewers(viewers) => Ok(viewers),
            _ => Err(mismatch()),
        }
    }

    pub(super) fn into_streams(self) -> Result<Vec<ChannelPush>, Error> {
        match self {
            Self::Streams(pushes) => Ok(pushes),
            _ => Err(mismatch()),
        }
    }
}

/// Returns the error of a response to another call, which is an internal fault.
pub(super) fn mismatch() -> Error {
    Error::BadResponse(BadResponse::Garbled(
        "a response to another call".to_owned(),
    ))
}

/// A secret that can be read again.
#[derive(Debug, Clone)]
pub(super) struct ReloadableSecret {
    source: SecretSource,
    /// Held while it is read, so that one task at a time waits for a file that hangs.
    reading: Arc<Mutex<()>>,
}

// === impl ReloadableSecret ===

impl ReloadableSecret {
    pub(super) fn new(source: SecretSource) -> Self {
        Self {
            source,
            reading: Arc::default(),
        }
    }

    pub(super) const fn is_file(&self) -> bool {
        matches!(self.source, SecretSource::File(_))
    }

    /// Reads the secret again, for future calls of a client.
    async fn reload(self, client: &Client) -> Result<(), String> {
        let Self { source, reading } = self;
        let too_slow = || format!("reading takes over {SECRET_READ_TIMEOUT:?}");
        let lock = reading.try_lock_owned().map_err(|_| too_slow())?;
        let read = tokio::task::spawn_blocking(move || {
            let read = source.read();
            drop(lock);
            read
        });
        // The file may be on a network that is down, and the probe holds up its account.
        let app_secret = tokio::time::timeout(SECRET_READ_TIMEOUT, read)
            .await
            .map_err(|_| too_slow())?
            .map_err(|failure| failure.to_string())??;
        let app_id = client.credentials().app_id.clone();
        client.set_credentials(Credentials { app_id, app_secret });
        Ok(())
    }
}

/// Sends a call about the account.
async fn account_call(
    client: &Client,
    permit: Permit,
    call: AccountCall,
) -> Result<Response, Error> {
    match call {
        AccountCall::PlannedSessions { page } => {
            let response = client.planned_sessions(permit, page).await;
            response.map(Response::Plans)
        }
        AccountCall::StartTimes { from, until, page } => {
            let response = client.start_times(permit, from, until, page).await;
            response.map(Response::Plans)
        }
        AccountCall::Minutes => client.minutes(permit).await.map(Response::Minutes),
    }
}

/// Sends a call. A secret that may have been replaced is read again first.
pub(super) async fn send_request(
    client: Arc<Client>,
    secret: Option<ReloadableSecret>,
    permit: Permit,
    request: PollRequest,
    channel_ids: Vec<Arc<str>>,
) -> Completion {
    if let Some(secret) = secret
        && let Err(why) = secret.reload(&client).await
    {
        warn!(%why, "cannot read the secret again; using the previous one");
    }
    let sent = Instant::now();
    let ids: Vec<&str> = channel_ids.iter().map(AsRef::as_ref).collect();
    let result = match request {
        PollRequest::MissingSamples {
            range,
            source: StreamSource::ListStreamInfo,
            ..
        }
        | PollRequest::Live {
            call: LiveCall::StreamInfoV4,
            range,
            ..
        } => {
            let id = ids.first().copied().unwrap_or_default();
            let response = client.list_stream_info(permit, id, range).await;
            response.map(Response::StreamInfo)
        }
        PollRequest::StreamInfo { range, .. } | PollRequest::MissingSamples { range, .. } => {
            let id = ids.first().copied().unwrap_or_default();
            let response = client.stream_info(permit, id, range).await;
            response.map(Response::StreamInfo)
        }
        PollRequest::LiveStatus(_) => {
            let response = client.live_status(permit, &ids).await;
            response.map(Response::LiveStatus)
        }
        PollRequest::ChannelPage(page) => {
            let response = client.channel_list(permit, page).await;
            response.map(Response::ChannelPage)
        }
        PollRequest::Live {
            call: LiveCall::Streams,
            ..
        } => {
            let response = client.get_streams(permit, &ids).await;
            response.map(Response::Streams)
        }
        PollRequest::Live {
            call: LiveCall::Viewers,
            ..
        } => {
            let response = client.realtime_viewers(permit, &ids).await;
            response.map(Response::Viewers)
        }
        PollRequest::Account(call) => account_call(&client, permit, call).await,
    };
    Completion {
        took: sent.elapsed(),
        result,
    }
}
