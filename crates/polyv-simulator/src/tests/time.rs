//! Polyv's clock, the ranges of requests, and the times in the request log.

use super::*;

const ONE: &str = "{noise: 0, channels: [{id: 3880533, live_for: 4h}]}";

#[tokio::test(start_paused = true)]
async fn range_has_at_most_three_hours_and_starts_at_most_seven_days_ago() {
    let simulator = simulator(ONE);
    let now = BEGINNING_MS;
    let hours = |hours: i64| hours * 3_600_000;
    let refused = |range: String| {
        let answer = json(
            &simulator,
            STREAM_INFO,
            &format!("channelId=3880533&{range}"),
        );
        (answer["code"] != 200).then(|| answer["message"].as_str().unwrap().to_owned())
    };
    let validate = Some("param validate error".to_owned());
    for (start, end, good) in [
        (now - hours(3), now, true),
        (now - hours(3) - 1, now, false),
        (now - hours(7 * 24), now - hours(7 * 24 - 3), true),
        (now - hours(7 * 24) - 1, now - hours(7 * 24 - 2), false),
        (now - 1, now, true),
        (now, now, false),
        (now, now - 1, false),
        (now - 1, now + hours(1), true),
    ] {
        let message = refused(format!("startTime={start}&endTime={end}"));
        let expected = if good { None } else { validate.clone() };
        assert_eq!(message, expected, "{start} {end}");
    }
    for rubbish in [
        "startTime=now",
        "startTime=1680831521",
        "endTime=2023-04-07+09:38:41",
    ] {
        assert_eq!(refused(rubbish.to_owned()), validate, "{rubbish}");
    }
    assert_eq!(refused("startTime=&endTime=".to_owned()), None);
}

#[tokio::test(start_paused = true)]
async fn default_range_is_the_last_three_hours() {
    let simulator = simulator(ONE);
    let now = BEGINNING_MS;
    let all = samples(&simulator, "channelId=3880533");
    assert_eq!(all.len(), 2_160);
    assert!(time(&all[0]) < now - 3 * 3_600_000 + 5_000);
    assert!(time(&all[2_159]) > now - 5_000);
    let start = now - 60_000;
    let some = samples(&simulator, &format!("channelId=3880533&startTime={start}"));
    assert_eq!(some, all[2_160 - 12..]);
    let end = now - 3_600_000;
    let old = samples(&simulator, &format!("channelId=3880533&endTime={end}"));
    assert_eq!(old, all[..2_160 - 720]);
}

#[tokio::test(start_paused = true)]
async fn clock_skew_applies_to_everything() {
    let simulator = simulator(ONE);
    let straight = response_to(&simulator, STREAM_INFO, "channelId=3880533");
    assert_eq!(
        straight.header("date"),
        Some("Fri, 07 Apr 2023 01:38:41 GMT")
    );
    let straight_signed = signed(&simulator, STREAM_INFO, "channelId=3880533");
    simulator.set_clock_skew(600_000);
    let action = simulator.handle(&straight_signed);
    let refused = action.response().unwrap();
    assert!(
        refused.text().contains("invalid timestamp."),
        "{}",
        refused.text()
    );
    assert_eq!(
        refused.header("date"),
        Some("Fri, 07 Apr 2023 01:48:41 GMT")
    );
    let newest = samples(&simulator, "channelId=3880533").pop().unwrap();
    let age = BEGINNING_MS + 600_000 - time(&newest);
    assert!((0..5_000).contains(&age), "{age}");
    // What is asked for is meant by that clock as well.
    let start = simulator.polyv_now_ms() - 60_000;
    let last = samples(&simulator, &format!("channelId=3880533&startTime={start}"));
    assert_eq!(last.len(), 12);
    assert!(last.iter().all(|sample| time(sample) >= start));
}

#[tokio::test(start_paused = true)]
async fn requests_are_logged() {
    let simulator = simulator(ONE);
    pass(7).await;
    let _ = response_to(
        &simulator,
        STREAM_INFO,
        "channelId=3880533&startTime=1680831461000",
    );
    let _ = response_to(&simulator, STREAM_INFO, "channelId=4");
    let _ = response_to(&simulator, LIVE_STATUS, "channelIds=3880533,4");
    let _ = simulator.handle(&Request::get("/other"));
    let log = simulator.requests();
    let brief: Vec<_> = log
        .iter()
        .map(|call| (&*call.endpoint, call.channel_id.as_deref(), &*call.outcome))
        .collect();
    assert_eq!(
        brief,
        [
            ("stream_info", Some("3880533"), "samples"),
            ("stream_info", Some("4"), "unknown_channel"),
            ("live_status", Some("3880533,4"), "ok"),
            ("/other", None, "not_found"),
        ]
    );
    assert_eq!(log[0].polyv_ms, BEGINNING_MS + 7_000);
    assert_eq!(log[0].monotonic_ms, 7_000);
    assert_eq!(log[0].app_id.as_deref(), Some("simulated"));
    assert_eq!(log[0].start_time, Some(1_680_831_461_000));
    assert_eq!(log[0].end_time, None);
    assert_eq!(simulator.requests_since(2).len(), 2);
}
