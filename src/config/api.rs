//! The section `api`.

use std::time::Duration;

use polyv_client::is_loopback;
use url::Url;

use super::diagnostic::{Diagnostic, Location};
use super::rate_share::{CEILING_PER_SECOND, over_ceiling};
use super::shard::{MAX_SHARDS, Shard};
use super::values::{HOUR, MINUTE, SECOND, bounded, count, set};
use crate::yaml::{Node, Reader};

/// The section `api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where Polyv is.
    pub base_url: Url,
    /// How long a call may take in all.
    pub timeout: Duration,
    /// At most so many calls in any window…
    pub requests: usize,
    /// … of this length,
    pub per: Duration,
    /// by so many shards that call from one address; `None` is all of them,
    pub shards_per_ip: Option<u32>,
    /// and so many at the same time.
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

/// Reads `api`.
pub(super) fn read(
    node: &Node,
    shard: Shard,
    reader: &mut Reader,
    warnings: &mut Vec<Diagnostic>,
) -> Api {
    let mut api = Api::default();
    let Some(mut map) = reader.mapping(node, "`api`") else {
        return api;
    };
    if let Some(node) = map.get("base_url")
        && let Some(url) = base_url(node, reader)
    {
        if let Some(warning) = plain_http(&url) {
            warnings.push(Diagnostic {
                source: reader.source().clone(),
                place: Some(node.place),
                message: format!("`base_url` {warning}"),
            });
        }
        api.base_url = url;
    }
    set(&mut api.timeout, map.get("timeout"), |node| {
        bounded(reader, node, "`timeout`", SECOND..=5 * MINUTE)
    });
    let mut limited_at = node.place;
    if let Some(node) = map.get("rate_limit")
        && let Some(mut limit) = reader.mapping(node, "`rate_limit`")
    {
        set(&mut api.requests, limit.get("requests"), |node| {
            count(reader, node, "`requests`", 1_000_000)
        });
        set(&mut api.per, limit.get("per"), |node| {
            bounded(reader, node, "`per`", SECOND..=HOUR)
        });
        if let Some(node) = limit.get("shards_per_ip") {
            let shards = count(reader, node, "`shards_per_ip`", MAX_SHARDS as usize);
            api.shards_per_ip = shards.and_then(|shards| u32::try_from(shards).ok());
        }
        limit.finish(reader);
        limited_at = node.place;
        #[allow(clippy::cast_precision_loss)]
        let rate = api.requests as f64 / api.per.as_secs_f64();
        if shard.is_all() && rate > CEILING_PER_SECOND && !is_loopback(&api.base_url) {
            warnings.push(Diagnostic {
                source: reader.source().clone(),
                place: Some(node.place),
                message: "`rate_limit` is over Polyv's ceiling of 1,500 calls in 10 seconds for \
                          a client IP; a client over it is blocked for 5 minutes"
                    .to_owned(),
            });
        }
    }
    set(&mut api.max_in_flight, map.get("max_in_flight"), |node| {
        count(reader, node, "`max_in_flight`", 10_000)
    });
    map.finish(reader);
    check_share(&api, shard, limited_at, reader);
    api
}

/// Whether the shards' shares of the limit are together within it.
pub(super) fn check_share(api: &Api, shard: Shard, place: Location, reader: &mut Reader) {
    if let Some(why) = over_ceiling(api, shard) {
        reader.fault(place, why);
    }
}

/// Where Polyv is (public docs).
#[allow(clippy::expect_used)] // a constant; the tests of this very file would not pass
pub(super) fn default_base_url() -> Url {
    Url::parse("https://api.polyv.net").expect("a valid address")
}

/// Checks an address that Polyv may be at.
pub(super) fn check_base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("it must begin with https:// (or http://) and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not carry a user or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must not carry a query string or a fragment".to_owned());
    }
    Ok(url)
}

/// What is to be said about an address that anybody on the way can listen to.
pub(super) fn plain_http(url: &Url) -> Option<String> {
    (url.scheme() == "http" && !is_loopback(url)).then(|| {
        format!("{url} is plain HTTP: signed calls can be read and repeated on the way; use https")
    })
}

fn base_url(node: &Node, reader: &mut Reader) -> Option<Url> {
    let text = reader.text(node, "`base_url`")?;
    match check_base_url(text) {
        Ok(url) => Some(url),
        Err(why) => {
            let message =
                format!("`base_url` must be an address such as `https://api.polyv.net`: {why}");
            reader.fault(node.place, message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_base_url_is_the_documented_one() {
        assert_eq!(Api::default().base_url.as_str(), "https://api.polyv.net/");
    }
}
