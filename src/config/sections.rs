//! The sections `api` and `poll`.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::FixedOffset;
use url::Url;

use super::share::{CEILING_PER_SECOND, over_ceiling};
use super::{Api, MAX_SHARDS, Poll, Shard, StatusCall};
use crate::yaml::{Fault, Node, Place, Reader, format_duration};
use polyv_client::is_loopback;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// A question reaches so far at most: the call takes 3 hours, and clocks differ.
const MAX_LOOKBACK: Duration = Duration::from_secs(2 * 3600 + 55 * 60);

/// Reads `api`.
pub(super) fn api(
    node: &Node,
    shard: Shard,
    reader: &mut Reader,
    warnings: &mut Vec<Fault>,
) -> Api {
    let mut api = Api::default();
    let Some(mut map) = reader.mapping(node, "`api`") else {
        return api;
    };
    if let Some(node) = map.get("base_url")
        && let Some(url) = base_url(node, reader)
    {
        if let Some(warning) = plain_http(&url) {
            warnings.push(Fault {
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
            warnings.push(Fault {
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
    share(&api, shard, limited_at, reader);
    api
}

/// Whether the shards' shares of the limit are together within it.
pub(super) fn share(api: &Api, shard: Shard, place: Place, reader: &mut Reader) {
    if let Some(why) = over_ceiling(api, shard) {
        reader.fault(place, why);
    }
}

/// Reads `poll`.
pub(super) fn poll(node: &Node, reader: &mut Reader) -> Poll {
    let mut poll = Poll::default();
    let Some(mut map) = reader.mapping(node, "`poll`") else {
        return poll;
    };
    set(&mut poll.live_interval, map.get("live_interval"), |node| {
        interval(reader, node, "`live_interval`")
    });
    set(&mut poll.idle_interval, map.get("idle_interval"), |node| {
        interval(reader, node, "`idle_interval`")
    });
    set(&mut poll.status, map.get("status"), |node| {
        match reader.text(node, "`status`")? {
            "batch" => Some(StatusCall::Batch),
            "single" => Some(StatusCall::Single),
            other => {
                let message = format!("`status` must be `batch` or `single`, not `{other}`");
                reader.fault(node.place, message);
                None
            }
        }
    });
    set(&mut poll.lookback, map.get("lookback"), |node| {
        bounded(reader, node, "`lookback`", SECOND..=MAX_LOOKBACK)
    });
    set(&mut poll.stale_after, map.get("stale_after"), |node| {
        bounded(reader, node, "`stale_after`", SECOND..=24 * HOUR)
    });
    set(
        &mut poll.max_sample_age,
        map.get("max_sample_age"),
        |node| bounded(reader, node, "`max_sample_age`", SECOND..=24 * HOUR),
    );
    set(&mut poll.window, map.get("window"), |node| {
        bounded(reader, node, "`window`", SECOND..=30 * MINUTE)
    });
    set(&mut poll.sustain, map.get("sustain"), |node| {
        bounded(reader, node, "`sustain`", SECOND..=30 * MINUTE)
    });
    set(&mut poll.time_zone, map.get("time_zone"), |node| {
        zone(reader, node)
    });
    map.finish(reader);
    poll
}

/// Reads an interval between two polls.
pub(super) fn interval(reader: &mut Reader, node: &Node, what: &str) -> Option<Duration> {
    bounded(reader, node, what, SECOND..=HOUR)
}

/// Where Polyv is (public docs).
#[allow(clippy::expect_used)] // a constant; the tests of this very file would not pass
pub(super) fn default_base_url() -> Url {
    Url::parse("https://api.polyv.net").expect("a valid address")
}

/// UTC+8, as the stream information page's own example shows.
pub(super) fn beijing() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
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

fn zone(reader: &mut Reader, node: &Node) -> Option<FixedOffset> {
    let text = reader.text(node, "`time_zone`")?;
    if matches!(text, "Z" | "UTC") {
        return Some(chrono::Offset::fix(&chrono::Utc));
    }
    let zone = text.parse().ok().filter(|_| text.contains(':'));
    if zone.is_none() {
        let message = format!(
            "`time_zone` must be an offset such as `+08:00`, not `{text}` (names of zones are \
             not known here)"
        );
        reader.fault(node.place, message);
    }
    zone
}

pub(super) fn bounded(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    range: RangeInclusive<Duration>,
) -> Option<Duration> {
    let duration = reader.duration(node, what)?;
    if range.contains(&duration) {
        return Some(duration);
    }
    let message = format!(
        "{what} must be between {} and {}, not `{}`",
        format_duration(*range.start()),
        format_duration(*range.end()),
        format_duration(duration)
    );
    reader.fault(node.place, message);
    None
}

fn count(reader: &mut Reader, node: &Node, what: &str, max: usize) -> Option<usize> {
    let expected = format!("a whole number between 1 and {max}");
    let number: usize = reader.parsed(node, what, &expected)?;
    if (1..=max).contains(&number) {
        return Some(number);
    }
    let message = format!("{what} must be {expected}, not `{number}`");
    reader.fault(node.place, message);
    None
}

/// Replaces a default by what is configured, if it is configured and valid.
fn set<T>(target: &mut T, node: Option<&Node>, read: impl FnOnce(&Node) -> Option<T>) {
    if let Some(value) = node.and_then(read) {
        *target = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        assert_eq!(Api::default().base_url.as_str(), "https://api.polyv.net/");
        assert_eq!(Poll::default().time_zone.local_minus_utc(), 8 * 3600);
    }
}
