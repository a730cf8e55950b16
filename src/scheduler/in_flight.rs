//! One call under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::global_backoff::RequestKind;
use super::request::PollRequest;
use super::virtual_clock::VirtualInstant;
use crate::config::SecretSource;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{
    ChannelLiveStatus, ChannelPage, ChannelPageRequest, Client, Credentials, Error, Outcome,
    Permit, Range, StreamInfo,
};

/// A file that takes longer to read is not waited for.
const SECRET_READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known of a call from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct InFlightRequest {
    /// The account's id number.
    pub(super) account: u64,
    /// Which of the account's credentials it is signed with: results of calls with earlier
    /// ones say nothing about the present ones.
    pub(super) credentials: u64,
    pub(super) request: PollRequest,
    pub(super) kind: RequestKind,
    pub(super) started: MonotonicInstant,
    pub(super) virtual_started: VirtualInstant,
}

/// A call that has completed.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) took: Duration,
    pub(super) result: Result<Response, Error>,
}

/// What Polyv answered.
#[derive(Debug)]
pub(super) enum Response {
    StreamInfo(StreamInfo),
    LiveStatus(Vec<ChannelLiveStatus>),
    ChannelPage(ChannelPage),
}

/// What Polyv is asked, as the client takes it.
pub(super) enum ApiCall {
    StreamInfo(Arc<str>, Range),
    LiveStatus(Vec<Arc<str>>),
    ChannelPage(ChannelPageRequest),
}

impl Completion {
    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Ok,
            Err(error) => error.outcome(),
        }
    }
}

/// A secret that may have been replaced, to be read anew.
pub(super) struct SecretRefresh {
    pub(super) source: SecretSource,
    /// Held while it is read: a file that does not let itself be read is tried by one at a
    /// time.
    pub(super) reading: Arc<Mutex<()>>,
}

/// Asks. Where the account's secret may have been replaced, it is read anew before.
pub(super) async fn send_request(
    client: Arc<Client>,
    secret_refresh: Option<SecretRefresh>,
    permit: Permit,
    question: ApiCall,
) -> Completion {
    if let Some(secret_refresh) = secret_refresh
        && let Err(why) = refresh_secret(&client, secret_refresh).await
    {
        warn!(%why, "the secret cannot be read anew; trying with the old one");
    }
    let sent = Instant::now();
    let result = match question {
        ApiCall::StreamInfo(channel_id, range) => {
            let answer = client.stream_info(permit, &channel_id, range).await;
            answer.map(Response::StreamInfo)
        }
        ApiCall::LiveStatus(channel_ids) => {
            let channel_ids: Vec<&str> = channel_ids.iter().map(AsRef::as_ref).collect();
            let answer = client.live_status(permit, &channel_ids).await;
            answer.map(Response::LiveStatus)
        }
        ApiCall::ChannelPage(page) => {
            let answer = client.channel_list(permit, page).await;
            answer.map(Response::ChannelPage)
        }
    };
    Completion {
        took: sent.elapsed(),
        result,
    }
}

async fn refresh_secret(client: &Client, secret_refresh: SecretRefresh) -> Result<(), String> {
    let SecretRefresh { source, reading } = secret_refresh;
    let too_slow = || format!("reading it takes over {SECRET_READ_TIMEOUT:?}");
    let lock = reading.try_lock_owned().map_err(|_| too_slow())?;
    let read = tokio::task::spawn_blocking(move || {
        let read = source.read();
        drop(lock);
        read
    });
    // The file may be on a network that is down, and the poll holds up its account.
    let app_secret = tokio::time::timeout(SECRET_READ_TIMEOUT, read)
        .await
        .map_err(|_| too_slow())?
        .map_err(|failure| failure.to_string())??;
    let present = client.credentials();
    if present.app_secret != app_secret {
        client.set_credentials(Credentials {
            app_id: present.app_id.clone(),
            app_secret,
        });
    }
    Ok(())
}
