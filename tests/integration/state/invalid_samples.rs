//! A value that is invalid spoils at most its own field or sample, is counted, and never
//! spoils the poll.

use crate::support::test_env::{TestEnv, advance};

const CONFIG: &str = "accounts:
- {name: main, app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}]}";

/// The response of a live channel with one valid sample and these others, at the beginning of the
/// env; written in Beijing time, 5 seconds apart.
fn response_with_samples(samples: &[&str]) -> String {
    let good = r#"{"streamUrl":"recordf","bitRate":"1157120","audioFrameRate":"46","videoFrameRate":"13","time":"2026-11-21 11:59:55.443","timestamp":null}"#;
    let samples: Vec<_> = samples.iter().copied().chain([good]).collect();
    let body = format!(
        r#"{{"code":200,"status":"success","message":"","data":[{}]}}"#,
        samples.join(",")
    );
    format!("channels: [{{id: 1}}]\ntroubles:\n- trouble: answer\n  body: '{body}'\n")
}

fn env(samples: &[&str]) -> TestEnv {
    TestEnv::with_exporter(&response_with_samples(samples), CONFIG)
}

#[tokio::test(start_paused = true)]
async fn documented_stream_information_is_exposed_unchanged() {
    let env = env(&[]);
    advance(1.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.state("1"), "live");
    for (name, value) in [
        ("polyv_stream_video_bitrate_bps", 1_157_120.0),
        ("polyv_stream_video_framerate_fps", 13.0),
        ("polyv_stream_audio_framerate_fps", 46.0),
        (
            "polyv_stream_last_sample_timestamp_seconds",
            1_795_233_595.443,
        ),
    ] {
        assert_eq!(scrape.of(name, "1"), Some(value), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_value_affects_only_its_own_field() {
    for value in [
        "null",
        r#""""#,
        "-1",
        r#""-1""#,
        "1e400",
        r#""1e400""#,
        r#""NaN""#,
        r#""fast""#,
        "true",
        "[1]",
        r#"{"a":1e999}"#,
        "20000000000",
        r#""20000000000""#,
    ] {
        let sample = format!(
            r#"{{"streamUrl":"recordf","bitRate":{value},"audioFrameRate":"46","videoFrameRate":"13","time":"2026-11-21 11:59:59.000"}}"#
        );
        let env = env(&[&sample]);
        advance(1.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.outcome("1").as_deref(), Some("ok"), "{value}");
        // The newest sample has no bitrate, and an older one does not stand in for it.
        assert_eq!(
            scrape.of("polyv_stream_video_bitrate_bps", "1"),
            None,
            "{value}"
        );
        assert_eq!(
            scrape.of("polyv_stream_video_framerate_fps", "1"),
            Some(13.0),
            "{value}"
        );
        assert_eq!(
            scrape.of("polyv_stream_samples_total", "1"),
            Some(2.0),
            "{value}"
        );
        for reason in scrape.all("polyv_samples_discarded_total", &[]) {
            assert_eq!(reason.value, 0.0, "{value}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn decimals_are_parsed_from_numbers_and_strings() {
    for value in ["1176815.9", r#""1176815.9""#] {
        let sample = format!(
            r#"{{"streamUrl":"recordf","bitRate":{value},"audioFrameRate":46.875,"videoFrameRate":"15.016666","time":"2026-11-21 11:59:59.000"}}"#
        );
        let env = env(&[&sample]);
        advance(1.0).await;
        let scrape = env.scrape();
        assert_eq!(
            scrape.of("polyv_stream_video_bitrate_bps", "1"),
            Some(1_176_815.9)
        );
        assert_eq!(
            scrape.of("polyv_stream_video_framerate_fps", "1"),
            Some(15.016_666)
        );
        assert_eq!(
            scrape.of("polyv_stream_audio_framerate_fps", "1"),
            Some(46.875)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_time_discards_only_its_sample_and_is_counted() {
    for time in [
        r#""yesterday""#,
        "null",
        r#""""#,
        "12",
        r#""2026-13-01 00:00:00""#,
        "[2026]",
    ] {
        let sample = format!(
            r#"{{"streamUrl":"recordf","bitRate":"5","audioFrameRate":"46","videoFrameRate":"13","time":{time}}}"#
        );
        let env = env(&[&sample]);
        advance(31.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.outcome("1").as_deref(), Some("ok"), "{time}");
        assert_eq!(
            scrape.of("polyv_stream_video_bitrate_bps", "1"),
            Some(1_157_120.0)
        );
        // Counted once, though three responses contain it.
        let discarded = scrape.get("polyv_samples_discarded_total", &[("reason", "bad_time")]);
        assert_eq!(discarded, Some(1.0), "{time}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_items_affect_no_other_sample() {
    let env = env(&[
        "null",
        "5",
        r#""x""#,
        "[]",
        "{}",
        r#"{"streamUrl":"recordf","time":"2026-11-21 11:59:50.000"}"#,
    ]);
    advance(1.0).await;
    let scrape = env.scrape();
    assert_eq!(scrape.outcome("1").as_deref(), Some("ok"));
    assert_eq!(
        scrape.of("polyv_stream_video_bitrate_bps", "1"),
        Some(1_157_120.0)
    );
    let count = |reason| scrape.get("polyv_samples_discarded_total", &[("reason", reason)]);
    // Four that are no objects, one object without any field, one without a value.
    assert_eq!(count("bad_value"), Some(4.0 + 1.0));
    assert_eq!(count("bad_time"), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn future_old_and_surplus_samples_are_discarded_and_counted() {
    let future = r#"{"streamUrl":"recordf","bitRate":"1","time":"2026-11-21 12:02:00.000"}"#;
    let past = r#"{"streamUrl":"recordf","bitRate":"1","time":"2026-11-21 08:00:00.000"}"#;
    let streams: Vec<_> = (0..9)
        .map(|n| {
            format!(r#"{{"streamUrl":"s{n}","bitRate":"1","time":"2026-11-21 11:59:54.000"}}"#)
        })
        .collect();
    let samples: Vec<_> = [future, past]
        .into_iter()
        .chain(streams.iter().map(String::as_str))
        .collect();
    let env = env(&samples);
    advance(1.0).await;
    let scrape = env.scrape();
    let count = |reason| scrape.get("polyv_samples_discarded_total", &[("reason", reason)]);
    assert_eq!(count("future"), Some(1.0));
    assert_eq!(count("too_old"), Some(1.0));
    assert_eq!(count("too_many_streams"), Some(2.0));
    assert_eq!(scrape.all("polyv_stream_video_bitrate_bps", &[]).len(), 8);
    // What is left out moves nothing.
    let newest = scrape.of("polyv_channel_last_sample_timestamp_seconds", "1");
    assert_eq!(newest, Some(1_795_233_595.443));
}

#[tokio::test(start_paused = true)]
async fn every_form_of_empty_data_is_a_live_channel_without_samples() {
    for data in [
        r#""data":[]"#,
        r#""data":null"#,
        r#""data":"""#,
        r#""data":{}"#,
        r#""x":1"#,
    ] {
        let scenario = format!(
            "channels: [{{id: 1}}]\ntroubles:\n- trouble: answer\n  body: '{{\"code\":200,\"status\":\"success\",\"message\":\"\",{data}}}'\n"
        );
        let env = TestEnv::with_exporter(&scenario, CONFIG);
        advance(1.0).await;
        let scrape = env.scrape();
        assert_eq!(scrape.state("1"), "live", "{data}");
        assert_eq!(scrape.stream_series("1"), 0, "{data}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_name_and_label_is_rendered_correctly() {
    let config = r#"
accounts:
- name: "ac\"count\\\nx"
  app_id: simulated
  app_secret: simulated-secret
  channels: [{id: 1, name: "a\"b\\\nc {}=,", labels: {team: "x\"\n\\"}}]
"#;
    let stream = r#"{"streamUrl":"q\"u\nte","bitRate":"7","time":"2026-11-21 11:59:59.000"}"#;
    let env = TestEnv::with_exporter(&response_with_samples(&[stream]), config);
    advance(1.0).await;
    // Parsed by a parser that takes nothing on trust.
    let scrape = env.scrape();
    let info = scrape.all("polyv_channel_info", &[]);
    assert_eq!(info[0].label("channel_name"), Some("a\"b\\\nc {}=,"));
    assert_eq!(info[0].label("team"), Some("x\"\n\\"));
    assert_eq!(info[0].label("account"), Some("ac\"count\\\nx"));
    let stream = [("stream", "q\"u\nte")];
    assert_eq!(
        scrape.get("polyv_stream_video_bitrate_bps", &stream),
        Some(7.0)
    );
}
