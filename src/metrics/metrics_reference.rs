//! The families as a reference page: `docs/metrics.md`.

use std::fmt::Write;

use super::families::{ALL, Family, LabelScope};

/// The text above the tables.
const INTRODUCTION: &str = "\
# Metrics

<!-- Made from the catalogue in src/metrics/families.rs: `make docs` writes it. -->

All metrics of `polyv-exporter`, in the text format 0.0.4 or OpenMetrics 1.0, as the scraper
accepts. In OpenMetrics the families of counters have no `_total`.

A series of a stream exists only while its value is current: when the channel stops being live,
when the stream has had no new sample for `poll.stale_after` (or three of the channel's
intervals, where that is longer), when its newest sample is older than `poll.max_sample_age`, or
when the channel leaves the configuration, its series are gone at the next scrape. No value
stays frozen; only timestamps of past events stay.

A field that is missing or invalid in the newest sample (negative, not a number, over 10 Gbit/s,
over 1,000 frames per second) has no series; an older value never replaces it.

`stream` is the stream's name if that is a bare name of up to 20 characters. A longer one, or a
whole push address, would let anyone push to the channel, so only its application and the first 8
hex digits of HMAC-SHA256(appSecret, stream name) are shown: `recordf/1a2b3c4d`. Samples without a
name belong to the stream `unnamed`. A channel has at most 8 streams.
";

/// The values of labels that have a fixed set of them.
const VALUES: &str = "
## Label values

| label | values |
| --- | --- |
| `state` | `live`, `not_live`, `unknown` (not polled yet, or no response for `poll.stale_after` or three of the channel's intervals, whichever is longer) |
| `endpoint` | `stream_info`; if used `live_status`, `channel_list`, `streams`, `stream_info_v4`, `viewers`, `sessions`, `channel_plans`, `minutes` |
| `status` | `not_started`, `live`, `ended`, `waiting`, `playback`, `banned`; of `polyv_account_channels` also `not_live` (nothing more is known), `unknown` |
| `outcome` | `ok`, `not_live` (both are successes), `auth_failed`, `clock_skew`, `throttled`, `forbidden`, `rejected` (any other refusal), `server_error`, `timeout`, `connection_failed`, `bad_response` |
| `problem` | `off_air`, `no_samples`, `no_video`, `no_audio`, `bitrate_dropped`, `bitrate_low`, `framerate_low`, `never_a_sample`, `state_unknown`, `poll_failed` |
| `severity` | `page`, `warning` |
| `likely_cause` | `uplink`, `encoder`, `source`, `polyv`, `unknown` |
| `clock` | `host` (this host's clock), `date` (the `Date` header of Polyv's responses) |
| `reason` | `bad_time`, `bad_value` (no valid field), `future` (over 60 s ahead of Polyv's clock), `too_old` (over 3 hours), `too_many_streams` |
";

/// The whole page.
#[must_use]
pub fn metrics_reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (scope, heading) in [
        (LabelScope::Channel, "Channels"),
        (LabelScope::Stream, "Streams"),
        (LabelScope::Api, "Polyv's API"),
        (LabelScope::RemoteWrite, "Remote write"),
        (LabelScope::Exporter, "The exporter"),
        (LabelScope::Process, "The process"),
    ] {
        _ = write!(
            page,
            "\n## {heading}\n\n| name | type | labels | meaning |\n| --- | --- | --- | --- |\n"
        );
        for family in ALL.iter().filter(|family| family.scope == scope) {
            row(family, &mut page);
        }
    }
    page.push_str(VALUES);
    page
}

fn row(family: &Family, page: &mut String) {
    let labels: Vec<String> = family
        .labels
        .iter()
        .map(|label| match *label {
            "…" => "and the configured ones".to_owned(),
            label => format!("`{label}`"),
        })
        .collect();
    let Family { name, help, .. } = family;
    let kind = family.metric_type.as_str();
    let labels = labels.join(", ");
    _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
}
