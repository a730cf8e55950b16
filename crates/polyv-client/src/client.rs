//! One account's way to Polyv.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::FixedOffset;
use serde_json::value::RawValue;
use tokio::time::timeout;
use url::Url;

use super::error::{BadResponse, Error};
use super::transport::{HttpRequest, RequestBody, Transport, TransportError};
use super::write::{Effect, Preview, WriteError, WriteRequest};
use super::{
    ChannelLiveStatus, ChannelPage, ChannelPageRequest, ChannelValidity, Credentials, Permit,
    Range, ServerClock, StreamInfo, StreamNameHasher, channel_list, envelope, live_status, sign,
    status_valid, stream_info,
};

/// No true answer is larger, after decompression: 3 hours of samples of 8 streams are under
/// 3 MiB.
const MAX_BODY: usize = 4 << 20;

/// What all accounts' clients have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Where Polyv is: `https://api.polyv.net`.
    pub base_url: Url,
    /// How long a call may take in all.
    pub timeout: Duration,
    /// The zone of sample times that carry none.
    pub zone: FixedOffset,
}

/// Asks Polyv on behalf of one account.
///
/// Every call takes a [`Permit`], so that none gets past the limiter, and is signed only
/// then: a signature made before the wait could be too old after it.
pub struct Client {
    settings: ClientSettings,
    transport: Arc<dyn Transport>,
    clock: Arc<ServerClock>,
    credentials: ArcSwap<Credentials>,
}

// === impl Client ===

impl Client {
    /// A client for one account.
    #[must_use]
    pub fn new(
        settings: ClientSettings,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
        credentials: Credentials,
    ) -> Self {
        Self {
            settings,
            transport,
            clock,
            credentials: ArcSwap::from_pointee(credentials),
        }
    }

    /// Signs with other credentials from now on.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.credentials.store(Arc::new(credentials));
    }

    /// What it signs with.
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.load_full()
    }

    /// The samples of a live channel's streams.
    ///
    /// # Errors
    /// [`Error::NotLive`] where the channel is not live, else why there was no answer.
    pub async fn stream_info(
        &self,
        permit: Permit,
        channel_id: &str,
        range: Range,
    ) -> Result<StreamInfo, Error> {
        let mut params = vec![("channelId", channel_id.to_owned())];
        params.extend(range.params());
        let credentials = self.credentials.load_full();
        let mut namer = StreamNameHasher::new(&credentials.app_secret);
        let zone = self.settings.zone;
        self.call(permit, stream_info::PATH, params, |data| {
            StreamInfo::decode(data, zone, &mut namer)
        })
        .await
    }

    /// Whether channels exist and belong to this account; up to 100.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn status_valid(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelValidity>, Error> {
        let params = vec![("channels", channel_ids.join(","))];
        self.call(permit, status_valid::PATH, params, ChannelValidity::decode)
            .await
    }

    /// What channels are doing; up to [`MAX_CHANNELS_PER_CALL`](super::MAX_CHANNELS_PER_CALL), not for seminar
    /// channels.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn live_status(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelLiveStatus>, Error> {
        let params = vec![("channelIds", channel_ids.join(","))];
        self.call(permit, live_status::PATH, params, ChannelLiveStatus::decode)
            .await
    }

    /// A page of the account's channels.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn channel_list(
        &self,
        permit: Permit,
        page: ChannelPageRequest,
    ) -> Result<ChannelPage, Error> {
        self.call(
            permit,
            channel_list::PATH,
            page.params(),
            ChannelPage::decode,
        )
        .await
    }

    /// Changes something at Polyv.
    ///
    /// # Errors
    /// Why there was no success, and whether it took effect all the same.
    pub async fn write<T>(
        &self,
        permit: Permit,
        request: &WriteRequest<T>,
    ) -> Result<T, WriteError> {
        let content = request.content.clone();
        let params = request.params.clone();
        self.send_signed(permit, request.path, params, content, request.decode)
            .await
    }

    /// What [`write`](Self::write) would send, fit to be shown: without its signature.
    #[must_use]
    pub fn preview<T>(&self, request: &WriteRequest<T>) -> Preview {
        let mut url = self.sign_request(request.path, request.params.clone());
        let shown: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "sign")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
        Preview {
            url: format!("{url}&sign=***"),
            body: match &request.content {
                RequestBody::PostJson(body) => serde_json::from_slice(body.as_ref()).ok(),
                RequestBody::Get | RequestBody::Post => None,
            },
        }
    }

    /// Makes a signed call that changes nothing, and reads the `data` of its answer.
    pub(super) async fn call<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        decode: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answered = self.send_signed(permit, path, params, RequestBody::Get, decode);
        answered.await.map_err(|failed| failed.error)
    }

    /// Makes a signed call, and reads the `data` of its answer.
    async fn send_signed<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        content: RequestBody,
        decode: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, WriteError> {
        let call = HttpRequest {
            url: self.sign_request(path, params),
            content,
        };
        let answer = timeout(self.settings.timeout, self.transport.send(call, MAX_BODY)).await;
        drop(permit);
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let effect = match error {
                    TransportError::Timeout | TransportError::Unreachable(_) => Effect::None,
                    TransportError::Connection(_)
                    | TransportError::TooLarge(_)
                    | TransportError::Garbled(_) => Effect::Unknown,
                };
                return Err(effect.of(self.failed(error)));
            }
            Err(_elapsed) => return Err(Effect::Unknown.of(self.failed(TransportError::Timeout))),
        };
        let decoded = envelope::decode(answer.status, &answer.body);
        // Only Polyv itself tells Polyv's time; a gateway's error page does not.
        if let (true, Some(date)) = (decoded.has_envelope, answer.date) {
            let moment = self.clock.host().monotonic_at(answer.arrived);
            match decoded.data {
                Err(Error::ClockSkew(_)) => self.clock.reset_to(date, moment),
                _ => self.clock.observe(date, moment),
            }
        }
        let has_envelope = decoded.has_envelope;
        let data = decoded.data.map_err(|error| match error {
            Error::ServerError(_) => Effect::Unknown.of(error),
            // Words that nobody knows, with such a status, may be those of a gateway.
            Error::Rejected(_) if answer.status >= 500 => Effect::Unknown.of(error),
            refusal if has_envelope => Effect::None.of(refusal),
            other => Effect::Unknown.of(other),
        })?;
        decode(data).map_err(|error| Effect::Unknown.of(error))
    }

    fn failed(&self, error: TransportError) -> Error {
        match error {
            TransportError::Timeout => Error::Timeout(self.settings.timeout),
            TransportError::Unreachable(reason) | TransportError::Connection(reason) => {
                Error::ConnectionFailed(reason)
            }
            TransportError::TooLarge(limit) => Error::BadResponse(BadResponse::TooLarge { limit }),
            TransportError::Garbled(reason) => Error::BadResponse(BadResponse::Garbled(reason)),
        }
    }

    /// The address of a call, with its signature: a secret for the 3 minutes that it is valid.
    fn sign_request(&self, path: &str, mut params: Vec<(&'static str, String)>) -> Url {
        let credentials = self.credentials.load();
        let timestamp = self.clock.now().server_time.as_millis().to_string();
        params.push(("appId", credentials.app_id.clone()));
        params.push(("timestamp", timestamp));
        let borrowed: Vec<(&str, &str)> = params
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let signature = sign(&borrowed, &credentials.app_secret);
        let mut url = self.settings.base_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.query_pairs_mut()
            .clear()
            .extend_pairs(borrowed)
            .append_pair("sign", &signature);
        url
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
