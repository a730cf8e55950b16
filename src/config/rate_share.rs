//! The share of Polyv's limit that each shard has.

use polyv_client::is_loopback;

use super::api::Api;
use super::duration::format_duration;
use super::shard::Shard;

/// The documented ceiling, for all calls of one client IP.
pub(super) const CEILING_PER_SECOND: f64 = 150.0;

/// Says, with the numbers and a remedy, where the shards behind one address may together make more
/// calls than Polyv allows it. Each shard keeps to its own limit and knows nothing of what the
/// others do, so this is the only place where it can be seen.
pub(super) fn over_ceiling(api: &Api, shard: Shard) -> Option<String> {
    if shard.is_all() || is_loopback(&api.base_url) {
        return None;
    }
    let sharing = api
        .shards_per_ip
        .unwrap_or(shard.total())
        .min(shard.total());
    let together = api.requests.saturating_mul(sharing as usize);
    let allowed = CEILING_PER_SECOND * api.per.as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    if together as f64 <= allowed {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let (each, allowed) = ((allowed / f64::from(sharing)) as u64, allowed as u64);
    let (requests, per) = (api.requests, format_duration(api.per));
    let shards = if sharing == 1 { "shard" } else { "shards" };
    let fewer = match each {
        0 => "set a longer api.rate_limit.per".to_owned(),
        each => format!("set api.rate_limit.requests to {each} or less"),
    };
    let apart = match sharing {
        1 => "",
        _ => ", or, where each shard has an address of its own, api.rate_limit.shards_per_ip: 1",
    };
    Some(format!(
        "{sharing} {shards} x {requests} calls in {per} are {together}, over the {allowed} that \
         Polyv allows for one address: {fewer}{apart}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn said(requests: usize, per: u64, shards_per_ip: Option<u32>, total: u32) -> Option<String> {
        let api = Api {
            requests,
            per: Duration::from_secs(per),
            shards_per_ip,
            ..Api::default()
        };
        over_ceiling(&api, Shard::new(0, total).unwrap())
    }

    #[test]
    fn shards_that_are_together_over_the_ceiling_are_told_the_numbers_and_what_to_do() {
        assert_eq!(
            said(1000, 10, None, 3).unwrap(),
            "3 shards x 1000 calls in 10s are 3000, over the 1500 that Polyv allows for one \
             address: set api.rate_limit.requests to 500 or less, or, where each shard has an \
             address of its own, api.rate_limit.shards_per_ip: 1"
        );
        assert_eq!(said(500, 10, None, 3), None);
        assert!(said(501, 10, None, 3).is_some());
        // Half of them behind each address.
        assert_eq!(said(750, 10, Some(2), 4), None);
        let two = said(751, 10, Some(2), 4).unwrap();
        assert!(
            two.starts_with("2 shards x 751 calls in 10s are 1502"),
            "{two}"
        );
        // There are no more behind an address than there are.
        assert_eq!(said(750, 10, Some(9), 2), None);
        let alone = said(1501, 10, Some(1), 2).unwrap();
        assert!(alone.ends_with("requests to 1500 or less"), "{alone}");
        let none = said(1, 1, None, 200).unwrap();
        assert!(
            none.contains("set a longer api.rate_limit.per, or"),
            "{none}"
        );
    }

    #[test]
    fn one_exporter_alone_is_nobodys_share() {
        assert_eq!(said(100_000, 10, None, 1), None);
    }
}
