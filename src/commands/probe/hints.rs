//! Hints on what to do about a result.

use super::related_lookups::{RelatedLookups, Samples};
use super::sources::SourceLookups;
use polyv_client::{LiveStatus, Outcome};

/// A clock that is further off than this causes other faults as well.
const MAX_CLOCK_SKEW_SECONDS: f64 = 30.0;

/// Hints on the outcome of a probe.
pub(super) fn for_outcome(
    outcome: Outcome,
    account: &str,
    samples: Samples,
    related: &RelatedLookups,
    sources: &SourceLookups,
) -> Vec<String> {
    let advice: &[&str] = match outcome {
        Outcome::Ok if samples == Samples::None => return for_no_samples(related, sources),
        Outcome::Ok if samples == Samples::Unusable => &[
            "Polyv sent samples, and none of them can be used: their times or values are not as \
             documented. Is poll.time_zone as Polyv's times need it?",
        ],
        Outcome::Ok | Outcome::NotLive => &[],
        Outcome::AuthFailed => {
            return vec![
                format!(
                    "Compare app_id and secret of the account `{account}` with those in Polyv's \
                     console: they have to belong together."
                ),
                "A secret in a file: look for a second line, or for characters that were not \
                 meant to be there."
                    .to_owned(),
            ];
        }
        Outcome::ClockSkew => {
            &["Set this host's clock (NTP): signatures are valid for 3 minutes by Polyv's clock."]
        }
        Outcome::Throttled => &[
            "Polyv counts all calls from this IP address: 1,500 in 10 seconds, and blocks for 5 \
             minutes beyond. Wait that long, and look for other programs that call Polyv from \
             here; divide api.rate_limit among exporters.",
        ],
        Outcome::Forbidden | Outcome::Rejected if sources.live == Some(true) => {
            return for_live(sources);
        }
        Outcome::Forbidden if related.explains() => return for_rejected(account, related),
        Outcome::Forbidden => &[
            "The account may not do this: ask Polyv whether the live API is enabled for it and \
             whether calls are limited to certain IP addresses.",
        ],
        Outcome::Rejected => return for_rejected(account, related),
        Outcome::ServerError => &["Polyv itself fails; try again in a minute."],
        Outcome::Timeout | Outcome::ConnectionFailed => &[
            "Is the address in api.base_url right, and does this host reach it (DNS, firewall)?",
            "Through a proxy: are HTTPS_PROXY and NO_PROXY set as meant?",
        ],
        Outcome::BadResponse => &[
            "Something other than Polyv may have responded: look at api.base_url, and for a proxy \
             or a login page in between.",
        ],
    };
    advice.iter().map(|&advice| advice.to_owned()).collect()
}

/// A hint on this host's clock.
pub(super) fn for_clock(skew: Option<f64>) -> Option<String> {
    let skew = skew.filter(|skew| skew.abs() > MAX_CLOCK_SKEW_SECONDS)?;
    let direction = if skew > 0.0 { "behind" } else { "ahead of" };
    Some(format!(
        "This host's clock is {:.0} s {direction} Polyv's; calls are signed with Polyv's time, \
         but set it (NTP).",
        skew.abs()
    ))
}

fn for_rejected(account: &str, related: &RelatedLookups) -> Vec<String> {
    let Some(validity) = &related.validity else {
        return vec![
            "Is the channel's id right? Polyv would not say whether it exists.".to_owned(),
        ];
    };
    if validity.deleted == Some(true) {
        return vec!["The channel was deleted: take it out of the configuration.".to_owned()];
    }
    if validity.ours == Some(false) {
        return vec![format!(
            "The channel exists, but is not the account `{account}`'s: list it under its own \
             account."
        )];
    }
    let mut advice = vec!["The channel exists and is this account's.".to_owned()];
    advice.push(if related.status_unknown {
        "Polyv tells no live status of it, as of seminar channels (研讨会), whose streams can't \
         be asked for."
            .to_owned()
    } else {
        "Polyv's message says more; contact Polyv with it.".to_owned()
    });
    advice
}

/// Hints on a live channel of which the first source has no samples.
fn for_live(sources: &SourceLookups) -> Vec<String> {
    let advice = match (sources.source(), sources.pushing()) {
        (Some(source), _) if sources.only_tencent => format!(
            "Tencent's call has no samples of it, and {source} does: remove `poll.sources: \
             tencent`, or it stays without series."
        ),
        (Some(source), _) => format!(
            "It is not on Tencent's CDN, or has only just begun. The exporter takes its samples \
             from {source} once Tencent's call has had none for 2 minutes."
        ),
        (None, Some(false)) => "The channel is live and nothing is pushed: look at the encoder. \
                                The status can be set without a push."
            .to_owned(),
        (None, _) => "The channel is live, and no source has samples of it: it has only just \
                      begun, or the account is not offered the calls for its CDN."
            .to_owned(),
    };
    vec![advice]
}

fn for_no_samples(related: &RelatedLookups, sources: &SourceLookups) -> Vec<String> {
    if sources.source().is_some() {
        return for_live(sources);
    }
    match &related.status {
        Some(Ok(LiveStatus::Live)) => for_live(sources),
        Some(status) => {
            let status = match status {
                Ok(status) => status.to_string(),
                Err(word) => word.clone(),
            };
            vec![format!(
                "Polyv has no samples, and calls the channel's status: {status}. It may be turning \
                 live or ending just now; try again in a minute."
            )]
        }
        None if related.status_unknown => vec![
            "Polyv has no samples, and tells no live status, as of seminar channels (研讨会), \
             whose streams can't be requested."
                .to_owned(),
        ],
        None => vec![
            "Polyv has no samples of this channel's stream from any source; try again in a \
             minute."
                .to_owned(),
        ],
    }
}
