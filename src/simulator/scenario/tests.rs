use super::*;
use crate::simulator::troubles::{Defect, ValueField, WrongType};

fn faults(yaml: &str) -> String {
    Scenario::parse("scenario.yml", yaml)
        .unwrap_err()
        .to_string()
}

#[test]
fn the_default_scenario_is_in_order() {
    let scenario = Scenario::parse("default", DEFAULT_SCENARIO).unwrap();
    assert_eq!(scenario.accounts()[0].app_id, "simulated");
    assert!(scenario.channels().len() > 5);
    assert_eq!(Scenario::default().channels(), scenario.channels());
}

#[test]
fn a_short_scenario_has_sensible_defaults() {
    let scenario = Scenario::parse("test", "channels: [{id: 3880533}]").unwrap();
    assert_eq!(scenario.accounts()[0].app_id, "simulated");
    let channel = &scenario.channels()[0];
    assert_eq!(channel.id(), "3880533");
    assert_eq!(channel.name(), "channel 3880533");
    assert_eq!(channel.live_for, Duration::from_secs(3_600));
    assert_eq!(scenario.limits, Limits::default());
    assert_eq!(scenario.settings.sampling.every, Duration::from_secs(5));
    let offline = Scenario::parse("test", "channels: [{id: 1, life: offline}]").unwrap();
    assert_eq!(offline.channels()[0].live_for, Duration::ZERO);
}

#[test]
fn one_entry_can_stand_for_many_channels() {
    let yaml = "channels: [{id: 998, count: 3, name: Room}, {id: 2000, count: 1000}]";
    let scenario = Scenario::parse("test", yaml).unwrap();
    let channels = scenario.channels();
    assert_eq!(channels.len(), 1_003);
    assert_eq!((channels[2].id(), channels[2].name()), ("1000", "Room 3"));
    assert_eq!(channels[3].name(), "channel 2000");
}

/// A scenario with a fault, and what is said of it.
const FAULTS: &[(&str, &str)] = &[
    (
        "sede: 1",
        "scenario.yml:1:1: unknown key `sede`; did you mean `seed`?",
    ),
    (
        "seed: -1",
        "scenario.yml:1:7: `seed` must be a whole number",
    ),
    (
        "sample_every: 5",
        "scenario.yml:1:15: `sample_every` must be a duration",
    ),
    (
        "sample_every: 50ms",
        "`sample_every` must be at least 100ms",
    ),
    (
        "order: random",
        "`order` must be one of `oldest_first`, `newest_first`, `shuffled`",
    ),
    ("noise: 2", "`noise` must be a number from 0 to 1, not `2`"),
    ("clock_skew: ten", "`clock_skew` must be a duration"),
    (
        "invalid_signature_code: forbidden",
        "`invalid_signature_code` must be one of `400`, `401`, `403`",
    ),
    (
        "refusal_data: none",
        "`refusal_data` must be one of `empty_text`, `null_value`, `absent`",
    ),
    (
        "censor_update_answers: never",
        "`censor_update_answers` must be one of `after`, `before`",
    ),
    (
        "censor_get_answers: digits",
        "`censor_get_answers` must be one of `letters`, `booleans`",
    ),
    (
        "accounts: [{app_id: a, app_secret: b, video_moderation: maybe}]",
        "`video_moderation` must be `true` or `false`",
    ),
    (
        "channels: [{id: 1, refuses_messages_with: spam}]",
        "1:43: `refuses_messages_with` must be a list",
    ),
    (
        "troubles: [{trouble: hang, effect: perhaps}]",
        "`effect` must be one of `none`, `taken`",
    ),
    (
        "troubles: [{trouble: throttled, effect: taken}]",
        "1:33: unknown key `effect`",
    ),
    ("accounts: []", "`accounts` must have at least one account"),
    (
        "accounts: [{app_id: a}]",
        "1:12: an account needs `app_secret`",
    ),
    (
        "accounts: [{app_id: a, app_secret: b}, {app_id: a, app_secret: c}]",
        "1:40: there already is an account with the app id `a`",
    ),
    (
        "limits: {requests: many}",
        "`requests` must be a whole number",
    ),
    (
        "limits: {as: 500}",
        "`as` must be one of `reset`, `timeout`, `403`, `405`, `429`",
    ),
    ("limits: {per: 0s}", "`per` must be at least a millisecond"),
    ("channels: [{name: x}]", "1:12: a channel needs `id`"),
    ("channels: [{id: abc}]", "1:17: `abc` is no channel id"),
    ("channels: [{id: \"012\"}]", "`012` is no channel id"),
    (
        "channels:\n- {id: 1}\n- {id: 1}",
        "scenario.yml:3:3: channel `1` stands twice: it is already at 2:3",
    ),
    (
        "channels: [{id: 1, count: 0}]",
        "`count` must be a whole number from 1 to 100000",
    ),
    (
        "channels: [{id: 1, account: b}]",
        "there is no account with the app id `b`",
    ),
    (
        "channels: [{id: 1, account: simulated, exists_in_account: other}]",
        "a channel is either in an `account` here or",
    ),
    (
        "channels: [{id: 1, streams: []}]",
        "`streams` must have at least one stream",
    ),
    (
        "channels: [{id: 1, streams: [a, a]}]",
        "1:33: this stream stands twice",
    ),
    (
        "channels: [{id: 1, streams: [{bitrate_bps: 1}]}]",
        "a stream needs `name`",
    ),
    (
        "channels: [{id: 1, life: ded}]",
        "1:26: a phase must be one of",
    ),
    (
        "troubles: [{trouble: hnag}]",
        "1:22: `trouble` cannot be `hnag`; did you mean `hang`?",
    ),
    (
        "troubles: [{share: 0.5}]",
        "1:12: a trouble needs `trouble`",
    ),
    (
        "troubles: [{trouble: hang, share: 2}]",
        "`share` must be a number from 0 to 1",
    ),
    (
        "troubles: [{trouble: hang, every: 5m}]",
        "`every` needs a `for` as well",
    ),
    (
        "troubles: [{trouble: hang, for: 5m, every: 1m}]",
        "`for` must not be longer than `every`",
    ),
    (
        "troubles: [{trouble: hang, channels: [5]}]",
        "1:39: there is no channel `5`",
    ),
    (
        "troubles: [{trouble: hang, account: b}]",
        "there is no account with the app id `b`",
    ),
    (
        "troubles: [{trouble: hang, endpoints: [x]}]",
        "there is no endpoint `x`; known: ",
    ),
    (
        "troubles: [{trouble: hang, median: 1s}]",
        "1:28: unknown key `median`",
    ),
    (
        "troubles: [{trouble: clock_skew}]",
        "`clock_skew` needs `by`",
    ),
    (
        "troubles: [{trouble: latency, median: 2s, p99: 1s}]",
        "`p99` must not be shorter than `median`",
    ),
    (
        "troubles: [{trouble: answer, status: 99}]",
        "`status` must be a number from 200",
    ),
    (
        "troubles: [{trouble: wrong_types, what: [x]}]",
        "an item of `what` must be one of",
    ),
    (
        "troubles: [{trouble: huge, bytes: 9999999999}]",
        "from 1 to 268435456",
    ),
];

#[test]
fn every_fault_has_its_place_and_a_remedy() {
    for (yaml, fault) in FAULTS {
        let faults = faults(yaml);
        assert!(faults.contains(fault), "{yaml}: {faults}");
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let faults = faults("seed: x\nnoise: 7\nchannels:\n- {id: x, life: y}\n- {naem: z}\n");
    for fault in ["1:7", "2:8", "4:8", "4:17", "5:3", "did you mean `name`?"] {
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
}

#[test]
fn every_trouble_can_be_named_alone_and_with_all_its_keys() {
    let yaml = "\
- hang
- {trouble: latency, median: 300ms, p99: 1s}
- {trouble: clock_skew, by: -10m}
- {trouble: hang, account: a, channels: [\"1\"], endpoints: [stream_info], share: 0.3}
- {trouble: reset, effect: taken, after: 60s, for: 30s, every: 5m}
- {trouble: block, as: 429}
- {trouble: throttled}
- {trouble: bad_gateway}
- {trouble: html}
- {trouble: answer, status: 503, body: \"{}\", content_type: text/plain}
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
    let troubles = Trouble::parse_list("test", yaml).unwrap();
    assert_eq!(troubles.len(), 25);
}

#[test]
fn a_secret_is_not_shown_by_accident() {
    let yaml = "accounts: [{app_id: a, app_secret: very-secret}]";
    let scenario = Scenario::parse("test", yaml).unwrap();
    assert!(!format!("{scenario:?}").contains("very-secret"));
}

/// The page for users, kept in step with what is read.
const PAGE: &str = include_str!("../../../docs/simulator.md");

#[test]
fn the_pages_examples_are_good_scenarios() {
    let examples: Vec<&str> = PAGE
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 7);
    for example in examples {
        if let Err(faults) = Scenario::parse("docs/simulator.md", example) {
            panic!("{faults}\nin\n{example}");
        }
    }
}

#[test]
fn the_page_explains_every_phase_trouble_and_choice() {
    for name in life::NAMES.iter().chain(&troubles::NAMES) {
        assert!(PAGE.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    for (form, _) in limits::FORMS {
        assert!(PAGE.contains(form), "{form}");
    }
    let wrong = WrongType::ALL.map(|(word, _)| word);
    let words = wrong.into_iter().chain(Defect::ALL.map(|(word, _)| word));
    let words = words.chain(ValueField::ALL.map(|(word, _)| word));
    for word in words.chain(crate::simulator::operations::endpoints()) {
        assert!(PAGE.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn the_page_shows_the_defaults() {
    let whole = PAGE.split("### The whole").nth(1).unwrap();
    let example = whole.split("```yaml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let shown = Scenario::parse("docs/simulator.md", example).unwrap();
    let default = Scenario::empty();
    assert_eq!(shown.settings, default.settings);
    assert_eq!(shown.limits, default.limits);
    assert_eq!(shown.sample_delay, default.sample_delay);
    assert_eq!(shown.clock_skew_ms, default.clock_skew_ms);
    assert_eq!(shown.accounts[0].app_id, default.accounts[0].app_id);
}
