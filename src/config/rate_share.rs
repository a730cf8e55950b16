//! Polyv's rate limit, and the share of it that each shard has.

use polyv_client::is_loopback;

use super::api::Api;
use super::decoder::Field;
use super::duration::format_duration;
use super::shard::Shard;

/// The documented limit of all calls from one address.
const MAX_CALLS_PER_SECOND: u128 = 150;

/// Records a rate limit over Polyv's: a fault for shards, a warning for a single exporter.
pub(super) fn check(api: &Api, shard: Shard, field: Field<'_>) {
    if let Some(why) = over_ceiling(api, shard) {
        field.fault(why);
    } else if shard.is_all()
        && api.requests as u128 > calls_allowed(api)
        && !is_loopback(&api.base_url)
    {
        field.warn(
            "`rate_limit` is over Polyv's ceiling of 1,500 calls in 10 seconds for a client IP; a \
             client over it is blocked for 5 minutes",
        );
    }
}

/// Why the shards behind one address may together exceed Polyv's limit, with a remedy. A shard does
/// not know the rate of the others, so only the configuration shows it.
pub(super) fn over_ceiling(api: &Api, shard: Shard) -> Option<String> {
    if shard.is_all() || is_loopback(&api.base_url) {
        return None;
    }
    let sharing = api
        .shards_per_ip
        .unwrap_or(shard.total())
        .min(shard.total());
    let together = api.requests as u128 * u128::from(sharing);
    let allowed = calls_allowed(api);
    if together <= allowed {
        return None;
    }
    let (requests, per) = (api.requests, format_duration(api.per));
    let shards = if sharing == 1 { "shard" } else { "shards" };
    let fewer = match allowed / u128::from(sharing) {
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

/// The number of calls that Polyv allows one address in `api.per`.
fn calls_allowed(api: &Api) -> u128 {
    MAX_CALLS_PER_SECOND * api.per.as_millis() / 1000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fault(requests: usize, per: u64, shards_per_ip: Option<u32>, total: u32) -> Option<String> {
        let api = Api {
            requests,
            per: Duration::from_secs(per),
            shards_per_ip,
            ..Api::default()
        };
        over_ceiling(&api, Shard::new(0, total).unwrap())
    }

    #[test]
    fn fault_has_numbers_and_remedy() {
        assert_eq!(
            fault(1000, 10, None, 3).unwrap(),
            "3 shards x 1000 calls in 10s are 3000, over the 1500 that Polyv allows for one \
             address: set api.rate_limit.requests to 500 or less, or, where each shard has an \
             address of its own, api.rate_limit.shards_per_ip: 1"
        );
        assert_eq!(fault(500, 10, None, 3), None);
        assert!(fault(501, 10, None, 3).is_some());
        // Two of four shards behind each address.
        assert_eq!(fault(750, 10, Some(2), 4), None);
        let two = fault(751, 10, Some(2), 4).unwrap();
        assert!(
            two.starts_with("2 shards x 751 calls in 10s are 1502"),
            "{two}"
        );
        // An address has at most all shards.
        assert_eq!(fault(750, 10, Some(9), 2), None);
        let alone = fault(1501, 10, Some(1), 2).unwrap();
        assert!(alone.ends_with("requests to 1500 or less"), "{alone}");
        let none = fault(1, 1, None, 200).unwrap();
        assert!(
            none.contains("set a longer api.rate_limit.per, or"),
            "{none}"
        );
    }

    #[test]
    fn single_exporter_has_no_share() {
        assert_eq!(fault(100_000, 10, None, 1), None);
    }
}
