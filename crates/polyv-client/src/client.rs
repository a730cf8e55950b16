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
use super::transport::{Content, Outgoing, Transport, TransportError};
use super::write::{Effect, Preview, WriteError, WriteRequest};
use super::{
    ChannelPage, ChannelValidity, Credentials, LiveStatusOf, PageOf, Permit, PolyvClock, Range,
    StreamInfo, StreamNamer, channel_list, envelope, live_status, sign, status_valid, stream_info,
};

/// No true answer is larger, after decompression: 3 hours of samples of 8 streams are under
/// 3 MiB.
const MAX_BODY: usize = 4 << 20;

/// What all accounts' clients have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
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
    settings: Settings,
    transport: Arc<dyn Transport>,
    clock: Arc<PolyvClock>,
    credentials: ArcSwap<Credentials>,
}

// === impl Client ===

impl Client {
    /// A client for one account.
    #[must_use]
    pub fn new(
        settings: Settings,
        transport: Arc<dyn Transport>,
        clock: Arc<PolyvClock>,
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
        let mut namer = StreamNamer::new(&credentials.app_secret);
        let zone = self.settings.zone;
        self.call(permit, stream_info::PATH, params, |data| {
            StreamInfo::read(data, zone, &mut namer)
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
        self.call(permit, status_valid::PATH, params, ChannelValidity::read)
            .await
    }

    /// What channels are doing; up to [`MOST_CHANNELS`](super::MOST_CHANNELS), not for seminar
    /// channels.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn live_status(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<LiveStatusOf>, Error> {
        let params = vec![("channelIds", channel_ids.join(","))];
        self.call(permit, live_status::PATH, params, LiveStatusOf::read)
            .await
    }

    /// A page of the account's channels.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn channel_list(&self, permit: Permit, page: PageOf) -> Result<ChannelPage, Error> {
        self.call(permit, channel_list::PATH, page.params(), ChannelPage::read)
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
        self.exchange(permit, request.path, params, content, request.read)
            .await
    }

    /// What [`write`](Self::write) would send, fit to be shown: without its signature.
    #[must_use]
    pub fn preview<T>(&self, request: &WriteRequest<T>) -> Preview {
        let mut url = self.signed(request.path, request.params.clone());
        let shown: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "sign")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
        Preview {
            url: format!("{url}&sign=***"),
            body: match &request.content {
                Content::PostJson(body) => serde_json::from_slice(body.as_ref()).ok(),
                Content::Get | Content::Post => None,
            },
        }
    }

    /// Makes a signed call that changes nothing, and reads the `data` of its answer.
    pub(super) async fn call<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        read: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answered = self.exchange(permit, path, params, Content::Get, read);
        answered.await.map_err(|failed| failed.error)
    }

    /// Makes a signed call, and reads the `data` of its answer.
    async fn exchange<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        content: Content,
        read: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, WriteError> {
        let call = Outgoing {
            url: self.signed(path, params),
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
        let opened = envelope::open(answer.status, &answer.body);
        // Only Polyv itself tells Polyv's time; a gateway's error page does not.
        if let (true, Some(date)) = (opened.enveloped, answer.date) {
            let moment = self.clock.host().moment_of(answer.arrived);
            match opened.data {
                Err(Error::ClockSkew(_)) => self.clock.relearn(date, moment),
                _ => self.clock.learn(date, moment),
            }
        }
        let enveloped = opened.enveloped;
        let data = opened.data.map_err(|error| match error {
            Error::ServerError(_) => Effect::Unknown.of(error),
            // Words that nobody knows, with such a status, may be those of a gateway.
            Error::Rejected(_) if answer.status >= 500 => Effect::Unknown.of(error),
            refusal if enveloped => Effect::None.of(refusal),
            other => Effect::Unknown.of(other),
        })?;
        read(data).map_err(|error| Effect::Unknown.of(error))
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
    fn signed(&self, path: &str, mut params: Vec<(&'static str, String)>) -> Url {
        let credentials = self.credentials.load();
        let timestamp = self.clock.now().polyv.as_millis().to_string();
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
