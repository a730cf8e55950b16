use std::time::Duration;

use strum::VariantNames as _;

use super::*;
use crate::limits::Limits;
use crate::phase::Phase;

#[test]
fn default_scenario_is_valid() {
    let scenario = Scenario::parse("default", DEFAULT_SCENARIO).unwrap();
    assert_eq!(scenario.accounts()[0].app_id, "simulated-app");
    assert!(scenario.channels().len() > 5);
    assert_eq!(Scenario::default().channels(), scenario.channels());
}

#[test]
fn omitted_keys_have_defaults() {
    let scenario = Scenario::parse("test", "channels: [{id: 3880533}]").unwrap();
    assert_eq!(scenario.accounts()[0].app_id, "simulated-app");
    let channel = &scenario.channels()[0];
    assert_eq!(channel.id(), "3880533");
    assert_eq!(channel.name(), "channel 3880533");
    assert_eq!(channel.live_for, Duration::from_secs(3_600));
    assert_eq!(scenario.settings.limits, Limits::default());
    assert_eq!(scenario.settings.sampling().every, Duration::from_secs(5));
    let offline = Scenario::parse("test", "channels: [{id: 1, life: offline}]").unwrap();
    assert_eq!(offline.channels()[0].live_for, Duration::ZERO);
}

#[test]
fn one_entry_stands_for_many_channels() {
    let yaml = "channels: [{id: 998, count: 3, name: Stage}, {id: 2000, count: 1000}]";
    let scenario = Scenario::parse("test", yaml).unwrap();
    let channels = scenario.channels();
    assert_eq!(channels.len(), 1_003);
    assert_eq!((channels[2].id(), channels[2].name()), ("1000", "Stage 3"));
    assert_eq!(channels[3].name(), "channel 2000");
}

/// Scenarios with a mistake, and a part of the error.
const MISTAKES: &[(&str, &str)] = &[
    (
        "sede: 1",
        "scenario.yml:1:1: unknown field `sede`, expected one of seed,",
    ),
    ("seed: -1", "scenario.yml:1:7: invalid u64"),
    (
        "seed: 1\nseed: 2",
        "scenario.yml:2:1: duplicate mapping key: seed",
    ),
    (
        "sample_every: 5",
        "scenario.yml:1:15: `5` is not a duration",
    ),
    ("sample_every: 50ms", "1:15: `50ms` is shorter than 100ms"),
    (
        "order: random",
        "unknown variant `random`, expected one of oldest_first,",
    ),
    ("noise: 2", "1:8: 2 is not a number from 0 to 1"),
    ("noise: .nan", "1:8: NaN is not a number from 0 to 1"),
    ("clock_skew: ten", "`ten` is not a duration"),
    (
        "invalid_signature_code: 404",
        "404 is not one of 400, 401, 403",
    ),
    (
        "refusal_data: none",
        "expected one of empty_text, null_value, absent",
    ),
    (
        "censor_update_answers: never",
        "expected one of after, before",
    ),
    (
        "censor_get_answers: digits",
        "expected one of letters, booleans",
    ),
    (
        "accounts: [{app_id: a, app_secret: b, video_moderation: maybe}]",
        "1:57: invalid boolean",
    ),
    (
        "accounts: []",
        "1:11: `accounts` needs at least one account",
    ),
    ("accounts: [{app_id: a}]", "missing field `app_secret`"),
    (
        "accounts: [{app_id: \" \", app_secret: b}]",
        "1:21: this must not be empty",
    ),
    (
        "accounts: [{app_id: a, app_secret: b}, {app_id: a, app_secret: c}]",
        "1:40: duplicate account `a`",
    ),
    ("limits: {requests: many}", "1:20: invalid u64"),
    (
        "limits: {as: 500}",
        "`500` is not one of reset, timeout, 403, 405, 429",
    ),
    ("limits: {per: 0s}", "1:15: `0s` is shorter than 1ms"),
    (
        "limits: some",
        "unknown variant `some`, expected one of none",
    ),
    ("channels: [{name: x}]", "1:12: a channel needs `id`"),
    ("channels: [{id: abc}]", "1:17: `abc` is not a channel id"),
    (
        "channels: [{id: \"012\"}]",
        "1:17: `012` is not a channel id",
    ),
    (
        "channels:\n- {id: 1}\n- {id: 1}",
        "scenario.yml:3:3: duplicate channel `1`, first at 2:3",
    ),
    (
        "channels: [{id: 1, count: 0}]",
        "1:27: 0 is not a whole number from 1 to 100000",
    ),
    (
        "channels: [{id: 1, account: b}]",
        "1:12: there is no account with the app id `b`",
    ),
    (
        "channels: [{id: 1, account: simulated, exists_in_account: other}]",
        "`account` and `exists_in_account` exclude each other",
    ),
    (
        "channels: [{id: 1, streams: []}]",
        "`streams` needs at least one stream",
    ),
    (
        "channels: [{id: 1, streams: [a, a]}]",
        "1:12: duplicate stream `a`",
    ),
    (
        "channels: [{id: 1, streams: [{bitrate_bps: 1}]}]",
        "missing field `name`",
    ),
    (
        "channels: [{id: 1, bitrate_bps: fast}]",
        "1:33: invalid floating point",
    ),
    (
        "channels: [{id: 1, life: ded}]",
        "1:26: unknown phase `ded`, expected one of",
    ),
    (
        "channels: [{id: 1, seminar: yes}]",
        "expected one of refused, left_out",
    ),
    (
        "troubles: [{trouble: hnag}]",
        "1:12: unknown variant `hnag`, expected one of",
    ),
    ("troubles: [{share: 0.5}]", "1:12: missing field `trouble`"),
    (
        "troubles: [[hang]]",
        "1:12: a fault is a name or a mapping with `trouble`",
    ),
    (
        "troubles: [{trouble: hang, share: 2}]",
        "2 is not a number from 0 to 1",
    ),
    (
        "troubles: [{trouble: hang, effect: perhaps}]",
        "expected `none` or `taken`",
    ),
    (
        "troubles: [{trouble: throttled, effect: taken}]",
        "1:12: unknown field `effect`",
    ),
    (
        "troubles: [{trouble: hang, every: 5m}]",
        "`every` needs `for` as well",
    ),
    (
        "troubles: [{trouble: hang, for: 5m, every: 1m}]",
        "`for` must not be longer than `every`",
    ),
    (
        "troubles: [hang, {trouble: hang, channels: [5]}]",
        "1:18: there is no channel `5`",
    ),
    (
        "troubles: [{trouble: hang, account: b}]",
        "there is no account with the app id `b`",
    ),
    (
        "troubles: [{trouble: hang, endpoints: [x]}]",
        "unknown endpoint `x`, expected one of stream_info,",
    ),
    (
        "troubles: [{trouble: hang, median: 1s}]",
        "unknown field `median`",
    ),
    ("troubles: [{trouble: clock_skew}]", "missing field `by`"),
    (
        "troubles: [{trouble: latency, median: 2s, p99: 1s}]",
        "`p99` must not be shorter than `median`",
    ),
    (
        "troubles: [{trouble: answer, status: 99}]",
        "`status` must be a number from 200 to 599",
    ),
    (
        "troubles: [{trouble: answer, content_type: \"a\\nb\"}]",
        "cannot be the value of a header",
    ),
    (
        "troubles: [{trouble: wrong_types, what: [x]}]",
        "unknown variant `x`",
    ),
    (
        "troubles: [{trouble: huge, bytes: 9999999999}]",
        "from 1 to 268435456",
    ),
];

#[test]
fn mistakes_are_reported_with_their_location() {
    for (yaml, part) in MISTAKES {
        let error = Scenario::parse("scenario.yml", yaml)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{yaml}: {error}");
    }
}

#[test]
fn every_fault_is_parsed_with_all_its_keys() {
    let yaml = "\
- hang
- {trouble: latency, median: 300ms, p99: 1s}
- {trouble: clock_skew, by: -10m}
- {trouble: wrong_date, by: 8h}
- stale_connection
- {trouble: missing_items, count: 150}
- {trouble: hang, account: a, channels: [\"1\"], endpoints: [stream_info], share: 0.3}
- {trouble: reset, effect: taken, after: 60s, for: 30s, every: 5m}
- {trouble: block, as: 429}
- {trouble: throttled}
- {trouble: bad_gateway}
- {trouble: html}
- {trouble: answer, status: 503, body: \"{}\", content_type: text/plain, retry_after: \"5\"}
- {trouble: redirect, to: \"http://localhost/\"}
- {trouble: enveloped_redirect, to: \"http://localhost/\"}
- {trouble: gzip_bomb}
- {trouble: endless, chunk: 1, pause: 1s}
- {trouble: error_500, message: sorry, effect: none}
- {trouble: forbidden}
- {trouble: rejected, message: no, code: 403}
- {trouble: truncated_json}
- {trouble: cut_off}
- {trouble: wrong_types, what: [code_as_text, null_element]}
- {trouble: bad_values, defects: [infinite], fields: [bitRate], as: numbers, one_in: 3}
- {trouble: future, by: 10m}
- {trouble: many_streams, count: 20}
- {trouble: huge, bytes: 5000000}
- {trouble: huge_samples, bytes: 4096}
";
    let faults = Fault::parse_list("test", yaml).unwrap();
    assert_eq!(faults.len(), 28);
}

#[test]
fn debug_output_hides_secrets() {
    let yaml = "accounts: [{app_id: a, app_secret: very-secret}]";
    let scenario = Scenario::parse("test", yaml).unwrap();
    assert!(!format!("{scenario:?}").contains("very-secret"));
}

const MANUAL: &str = include_str!("../../../../docs/simulator.md");

#[test]
fn manuals_examples_are_valid_scenarios() {
    let examples: Vec<&str> = MANUAL
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 7);
    for example in examples {
        if let Err(error) = Scenario::parse("docs/simulator.md", example) {
            panic!("{error}\nin\n{example}");
        }
    }
}

#[test]
fn manual_explains_every_phase_fault_and_choice() {
    let choices = |kind: &str| {
        let error = Fault::parse_list("test", &format!("[{kind}]")).unwrap_err();
        let names = error.message.split('`').skip(3).step_by(2);
        names.map(str::to_owned).collect::<Vec<String>>()
    };
    let faults = choices("unknown");
    assert_eq!(faults, Fault::KINDS);
    assert_eq!(faults.len(), 27, "{faults:?}");
    let rows = faults
        .iter()
        .map(String::as_str)
        .chain(Phase::VARIANTS.iter().copied());
    for name in rows {
        assert!(MANUAL.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    let mut names = choices("{trouble: wrong_types, what: [unknown]}");
    names.extend(choices("{trouble: bad_values, defects: [unknown]}"));
    names.extend(choices("{trouble: bad_values, fields: [unknown]}"));
    assert_eq!(names.len(), 22, "{names:?}");
    names.extend(operations::endpoints().into_iter().map(str::to_owned));
    for name in names {
        assert!(MANUAL.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn manual_shows_the_defaults() {
    let section = MANUAL.split("### The whole").nth(1).unwrap();
    let example = section.split("```yaml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let shown = Scenario::parse("docs/simulator.md", example).unwrap();
    let default = Scenario::parse("test", "{}").unwrap();
    assert_eq!(format!("{shown:?}"), format!("{default:?}"));
}
