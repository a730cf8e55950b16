//! The client of one account.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::FixedOffset;
use serde_json::value::RawValue;
use tokio::time::timeout;
use url::Url;

use crate::clock::{TimeSnapshot, Timestamp};
use crate::credentials::Credentials;
use crate::envelope;
use crate::error::{BadResponse, Error};
use crate::limiter::Permit;
use crate::server_clock::{ServerClock, TimestampCheck};
use crate::sign::sign;
use crate::transport::{HttpRequest, HttpResponse, RequestBody, Transport, TransportError};
use crate::write::{Effect, Preview, WriteError, WriteRequest};

/// Larger responses, after decompression, are invalid: 3 hours of samples of 8 streams are
/// under 3 MiB.
const MAX_BODY_BYTES: usize = 4 << 20;

/// What the clients of all accounts have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// The API's address: `https://api.polyv.net`.
    pub base_url: Url,
    /// The maximum duration of a call.
    pub timeout: Duration,
    /// The zone of sample times that carry none.
    pub zone: FixedOffset,
}

/// Calls Polyv on behalf of one account.
///
/// Every call takes a [`Permit`], so that no call can bypass the limiter, and is signed only
/// after the permit was granted: a signature made before the wait could be too old after it.
///
/// Each operation is a method, defined in the operation's own file.
pub struct Client {
    pub(crate) settings: ClientSettings,
    transport: Arc<dyn Transport>,
    clock: Arc<ServerClock>,
    credentials: ArcSwap<Credentials>,
}

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

    /// Signs future calls with other credentials.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.credentials.store(Arc::new(credentials));
    }

    /// The current credentials.
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.load_full()
    }

    /// Changes something at Polyv.
    ///
    /// # Errors
    /// Why the write failed, and whether it took effect nevertheless.
    pub async fn write<T>(
        &self,
        permit: Permit,
        request: &WriteRequest<T>,
    ) -> Result<T, WriteError> {
        let body = request.body.clone();
        let params = &request.params;
        self.send_signed(permit, request.path, params, body, request.decode)
            .await
    }

    /// The request that [`write`](Self::write) would send, with its signature masked.
    #[must_use]
    pub fn preview<T>(&self, request: &WriteRequest<T>) -> Preview {
        let mut url = self.sign_request(request.path, &request.params, self.clock.now());
        let shown: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "sign")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
        Preview {
            url: format!("{url}&sign=***"),
            body: match &request.body {
                RequestBody::PostJson(body) => serde_json::from_slice(body.as_ref()).ok(),
                RequestBody::Get | RequestBody::Post => None,
            },
        }
    }

    /// Makes a signed call that changes nothing, and decodes the `data` of the response.
    pub(crate) async fn call<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        decode: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.call_with(permit, path, params, RequestBody::Get, decode)
            .await
    }

    /// The same with another method: some calls that change nothing are `POST`.
    pub(crate) async fn call_with<T>(
        &self,
        permit: Permit,
        path: &str,
        params: Vec<(&'static str, String)>,
        body: RequestBody,
        decode: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.send_signed(permit, path, &params, body, decode)
            .await
            .map_err(|failure| failure.error)
    }

    /// The time by Polyv's clock.
    pub(crate) fn server_time(&self) -> Timestamp {
        self.clock.now().server_time
    }

    async fn send_signed<T>(
        &self,
        permit: Permit,
        path: &str,
        params: &[(&'static str, String)],
        body: RequestBody,
        decode: impl FnOnce(Option<&RawValue>) -> Result<T, Error>,
    ) -> Result<T, WriteError> {
        let limiter = permit.limiter();
        let mut signed_at = self.clock.now();
        let url = self.sign_request(path, params, signed_at);
        let mut response = self.send(permit, url, body.clone()).await;
        // The server closed the connection while it was idle. To repeat a GET changes nothing.
        if matches!(response, Err(TransportError::StaleConnection(_))) && body == RequestBody::Get {
            let permit = limiter.acquire().await;
            signed_at = self.clock.now();
            let url = self.sign_request(path, params, signed_at);
            response = self.send(permit, url, body).await;
        }
        let response = response.map_err(|error| self.transport_failure(error))?;
        let envelope = envelope::decode(response.status, response.retry_after, &response.body);
        let from_polyv = envelope.has_envelope;
        if !from_polyv && response.via_proxy && (400..500).contains(&response.status) {
            let reason = format!("a proxy responds with HTTP status {}", response.status);
            return Err(Effect::Unknown.of(Error::ConnectionFailed(reason)));
        }
        // Only Polyv's own responses carry Polyv's time; a gateway's error page does not.
        if let (true, Some(date)) = (from_polyv, response.date) {
            let arrived = self.clock.host().monotonic_at(response.arrived);
            let check = match envelope.data {
                Ok(_) | Err(Error::NotLive) => TimestampCheck::Accepted,
                Err(Error::ClockSkew(_)) => TimestampCheck::Rejected,
                Err(_) => TimestampCheck::Unknown,
            };
            self.clock.record(signed_at, check, date, arrived);
        }
        let data = envelope.data.map_err(|error| match error {
            Error::ServerError(_) => Effect::Unknown.of(error),
            // An unknown message with such a status may come from a gateway.
            Error::Rejected(_) if response.status >= 500 => Effect::Unknown.of(error),
            rejection if from_polyv => Effect::None.of(rejection),
            other => Effect::Unknown.of(other),
        })?;
        decode(data).map_err(|error| Effect::Unknown.of(error))
    }

    /// Sends a signed request once.
    async fn send(
        &self,
        permit: Permit,
        url: Url,
        body: RequestBody,
    ) -> Result<HttpResponse, TransportError> {
        let request = HttpRequest { url, body };
        let sending = self.transport.send(request, MAX_BODY_BYTES);
        let response = timeout(self.settings.timeout, sending).await;
        drop(permit);
        response.unwrap_or(Err(TransportError::NoResponse))
    }

    fn transport_failure(&self, error: TransportError) -> WriteError {
        let effect = match error {
            TransportError::Timeout | TransportError::Unreachable(_) => Effect::None,
            _ => Effect::Unknown,
        };
        effect.of(match error {
            TransportError::Timeout | TransportError::NoResponse => {
                Error::Timeout(self.settings.timeout)
            }
            TransportError::Unreachable(reason)
            | TransportError::Connection(reason)
            | TransportError::StaleConnection(reason) => Error::ConnectionFailed(reason),
            TransportError::TooLarge(limit) => Error::BadResponse(BadResponse::TooLarge { limit }),
            TransportError::Garbled(reason) => Error::BadResponse(BadResponse::Garbled(reason)),
        })
    }

    /// The address of a call with its signature, which is a secret for the 3 minutes of its
    /// validity.
    fn sign_request(&self, path: &str, params: &[(&str, String)], now: TimeSnapshot) -> Url {
        let credentials = self.credentials.load();
        let timestamp = now.server_time.as_millis().to_string();
        let own = [
            ("appId", credentials.app_id.as_str()),
            ("timestamp", timestamp.as_str()),
        ];
        let params = params.iter().map(|(name, value)| (*name, value.as_str()));
        let params: Vec<(&str, &str)> = params.chain(own).collect();
        let signature = sign(&params, &credentials.app_secret);
        let mut url = self.settings.base_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.query_pairs_mut()
            .clear()
            .extend_pairs(params)
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::sync::Mutex;

    use bytes::Bytes;
    use tokio::time::Instant;

    use super::*;
    use crate::clock::Clock;
    use crate::credentials::AppSecret;
    use crate::limiter::{Limiter, RateLimit};
    use crate::session_relevance::{ExternalSessionId, link_sessions};

    /// Plays back results, the first one first.
    struct Recorded(Mutex<VecDeque<Result<HttpResponse, TransportError>>>);

    impl Transport for Recorded {
        fn send(
            &self,
            _request: HttpRequest,
            _max_body: usize,
        ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + '_>>
        {
            let result = self.0.lock().unwrap().pop_front().unwrap();
            Box::pin(std::future::ready(result))
        }
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            date: None,
            arrived: Instant::now(),
            retry_after: None,
            via_proxy: false,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn stale() -> Result<HttpResponse, TransportError> {
        Err(TransportError::StaleConnection("closed".to_owned()))
    }

    const LIVE: &str = r#"{"code":200,"data":[{"channelId":1,"liveStatus":"live"}]}"#;

    /// A client to which these results are played back, and a limiter for 10 calls.
    fn setup(
        results: impl IntoIterator<Item = Result<HttpResponse, TransportError>>,
    ) -> (Client, Arc<Limiter>) {
        let settings = ClientSettings {
            base_url: "http://polyv.test".parse().unwrap(),
            timeout: Duration::from_secs(15),
            zone: FixedOffset::east_opt(0).unwrap(),
        };
        let credentials = Credentials {
            app_id: "app".to_owned(),
            app_secret: AppSecret::new("secret").unwrap(),
        };
        let transport = Arc::new(Recorded(Mutex::new(results.into_iter().collect())));
        let clock = Arc::new(ServerClock::new(Clock::default()));
        let limiter = Limiter::new(RateLimit {
            requests: 20,
            per: Duration::from_secs(10),
            max_in_flight: 1,
        });
        (
            Client::new(settings, transport, clock, credentials),
            limiter,
        )
    }

    /// How many calls the limiter still grants at once.
    fn granted(limiter: &Arc<Limiter>) -> usize {
        std::iter::from_fn(|| limiter.try_acquire().ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn get_on_a_stale_connection_is_sent_once_more_through_the_limiter() {
        let (client, limiter) = setup([stale(), Ok(response(200, LIVE))]);
        let statuses = client.live_status(limiter.acquire().await, &["1"]).await;
        assert_eq!(statuses.unwrap().len(), 1);
        assert_eq!(granted(&limiter), 8, "two of ten calls were made");

        let (client, limiter) = setup([stale(), stale()]);
        let statuses = client.live_status(limiter.acquire().await, &["1"]).await;
        assert_eq!(statuses, Err(Error::ConnectionFailed("closed".to_owned())));
        assert_eq!(granted(&limiter), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn write_on_a_stale_connection_is_not_sent_again() {
        let (client, limiter) = setup([stale()]);
        let request = link_sessions("1", &ExternalSessionId::new(&"a".repeat(32)).unwrap());
        let permit = limiter.acquire().await;
        let failure = client.write(permit, &request).await.unwrap_err();
        assert_eq!(failure.effect, Effect::Unknown);
        assert_eq!(granted(&limiter), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn page_of_a_proxy_is_a_failed_connection_and_not_a_block() {
        for status in [403, 404, 405, 407, 429] {
            for via_proxy in [true, false] {
                let page = HttpResponse {
                    via_proxy,
                    ..response(status, "<html></html>")
                };
                let (client, limiter) = setup([Ok(page)]);
                let result = client.live_status(limiter.acquire().await, &["1"]).await;
                let failed = matches!(result, Err(Error::ConnectionFailed(_)));
                assert_eq!(failed, via_proxy, "{status}: {result:?}");
            }
        }
        // Polyv's own responses come through a proxy as well.
        let refusal = HttpResponse {
            via_proxy: true,
            ..response(403, r#"{"code":403,"message":"invalid signature."}"#)
        };
        let (client, limiter) = setup([Ok(refusal)]);
        let result = client.live_status(limiter.acquire().await, &["1"]).await;
        assert!(matches!(result, Err(Error::AuthFailed(_))));
    }
}
