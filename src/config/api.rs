//! The section `api`.

use std::time::Duration;

use polyv_client::is_loopback;
use url::Url;
use web_config::redact;

use super::decoder::Field;
use super::shard::MAX_SHARDS;
use super::values::{HOUR, MINUTE, SECOND, count, within};

/// How Polyv is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Address of Polyv's API.
    pub base_url: Url,
    /// Timeout of a call.
    pub timeout: Duration,
    /// Maximum number of calls in any window of length `per`.
    pub requests: usize,
    /// Length of the rate limit's window.
    pub per: Duration,
    /// Number of shards that call from the same address. `None` stands for all of them.
    pub shards_per_ip: Option<u32>,
    /// Maximum number of concurrent calls.
    pub max_in_flight: usize,
}

// === impl Api ===

impl Default for Api {
    fn default() -> Self {
        Self {
            base_url: default_base_url(),
            timeout: Duration::from_secs(15),
            requests: 1000,
            per: Duration::from_secs(10),
            shards_per_ip: None,
            max_in_flight: 128,
        }
    }
}

/// Decodes `api`. The field is that of the rate limit, if there is one.
pub(super) fn decode(field: Field<'_>) -> (Api, Field<'_>) {
    let mut api = Api::default();
    let Some(mut map) = field.mapping() else {
        return (api, field);
    };
    if let Some(field) = map.get("base_url")
        && let Some(url) = field.parse(parse_base_url)
    {
        if let Some(warning) = plain_http_warning(&url) {
            field.warn(format!("`base_url` {warning}"));
        }
        api.base_url = url;
    }
    map.set("timeout", &mut api.timeout, within(SECOND..=5 * MINUTE));
    let rate_limit = map.get("rate_limit");
    if let Some(mut map) = rate_limit.and_then(Field::mapping) {
        map.set("requests", &mut api.requests, count(1_000_000));
        map.set("per", &mut api.per, within(SECOND..=HOUR));
        api.shards_per_ip = map.parse("shards_per_ip", count(MAX_SHARDS));
        map.deny_unknown();
    }
    map.set("max_in_flight", &mut api.max_in_flight, count(10_000));
    map.deny_unknown();
    (api, rate_limit.unwrap_or(field))
}

/// Polyv's documented address.
#[allow(clippy::expect_used)] // a constant, which a test parses
fn default_base_url() -> Url {
    Url::parse("https://api.polyv.net").expect("a valid address")
}

/// Parses the address of Polyv's API.
pub(super) fn parse_base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string());
    url.and_then(|url| {
        let fault = if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            "it must begin with https:// (or http://) and a host"
        } else if !url.username().is_empty() || url.password().is_some() {
            "it must not carry a user or a password"
        } else if url.query().is_some() || url.fragment().is_some() {
            "it must not carry a query string or a fragment"
        } else {
            return Ok(url);
        };
        Err(fault.to_owned())
    })
    .map_err(|why| {
        let whole = format!("https://{text}");
        let is_host = !text.contains("://") && Url::parse(&whole).is_ok_and(|url| url.has_host());
        let hint = if is_host {
            format!("; did you mean {}?", redact(&whole))
        } else {
            String::new()
        };
        format!("must be an address such as `https://api.polyv.net`: {why}{hint}")
    })
}

/// A warning about an address whose calls can be read on their way.
pub(super) fn plain_http_warning(url: &Url) -> Option<String> {
    (url.scheme() == "http" && !is_loopback(url)).then(|| {
        format!("{url} is plain HTTP: signed calls can be read and repeated on the way; use https")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_base_url_is_the_documented_one() {
        assert_eq!(Api::default().base_url.as_str(), "https://api.polyv.net/");
    }
}
