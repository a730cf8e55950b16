//! Samples and scripts.

use super::*;

fn one(settings: &str) -> Simulator {
    simulator(&format!("{{noise: 0, channels: [{{id: 1, {settings}}}]}}"))
}

/// The values of each sample from the simulation's beginning on: bitrate, video, audio.
fn values(simulator: &Simulator) -> Vec<(f64, f64, f64)> {
    let start = BEGINNING_MS;
    samples(simulator, &format!("channelId=1&startTime={start}"))
        .iter()
        .map(|sample| {
            (
                number(sample, "bitRate"),
                number(sample, "videoFrameRate"),
                number(sample, "audioFrameRate"),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn samples_are_five_seconds_apart_and_never_on_a_full_second() {
    let simulator = simulator("channels: [{id: 1, count: 50}]");
    let mut phases = Vec::new();
    for id in 1..=50 {
        let times: Vec<i64> = samples(&simulator, &format!("channelId={id}"))
            .iter()
            .map(time)
            .collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 5_000));
        assert_ne!(times[0] % 1_000, 0);
        phases.push(times[0] % 5_000);
    }
    phases.sort_unstable();
    phases.dedup();
    assert!(phases.len() > 45, "{}", phases.len());
}

#[tokio::test(start_paused = true)]
async fn same_request_and_seed_give_the_same_response() {
    let scenario = |seed| format!("{{seed: {seed}, channels: [{{id: 1}}, {{id: 2}}]}}");
    let (first, second) = (simulator(&scenario(1)), simulator(&scenario(1)));
    let question = "channelId=1&startTime=1680831461000&endTime=1680831521000";
    let answer = samples(&first, question);
    let _ = samples(&second, "channelId=2");
    assert_eq!(samples(&second, question), answer);
    pass(3_600).await;
    assert_eq!(samples(&first, question), answer);
    assert_ne!(samples(&simulator(&scenario(2)), question), answer);
}

#[tokio::test(start_paused = true)]
async fn noise_is_small_and_can_be_disabled() {
    let noisy = simulator("channels: [{id: 1}]");
    let rates: Vec<f64> = samples(&noisy, "channelId=1")
        .iter()
        .map(|sample| number(sample, "bitRate"))
        .collect();
    assert!(
        rates
            .iter()
            .all(|rate| (1_164_000.0..=1_236_000.0).contains(rate))
    );
    assert!(rates.iter().any(|rate| *rate < 1_170_000.0));
    assert!(rates.iter().any(|rate| *rate > 1_230_000.0));
    let still = one("bitrate_bps: 800000");
    pass(60).await;
    assert!(
        values(&still)
            .iter()
            .all(|values| *values == (800_000.0, 15.0, 43.0))
    );
}

#[tokio::test(start_paused = true)]
async fn sample_appears_after_its_delay() {
    for delay in [0, 20, 150] {
        let simulator = one(&format!("sample_delay: {delay}s"));
        for _ in 0..20 {
            let newest = samples(&simulator, "channelId=1").pop().unwrap();
            let age = simulator.polyv_now_ms() - time(&newest);
            let least = delay * 1_000;
            assert!((least..least + 5_000).contains(&age), "{delay}: {age}");
            tokio::time::advance(Duration::from_millis(700)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn visible_samples_stay_when_the_delay_grows() {
    let simulator = simulator("channels: [{id: 1}, {id: 2, sample_delay: 1s}]");
    let question = "channelId=1&startTime=1680831461000";
    let before = samples(&simulator, question);
    simulator.set_sample_delay(Duration::from_secs(150));
    for _ in 0..29 {
        assert_eq!(samples(&simulator, question), before);
        pass(5).await;
    }
    pass(15).await;
    assert!(samples(&simulator, question).len() > before.len());
    // A channel with a delay of its own keeps it.
    let newest = samples(&simulator, "channelId=2").pop().unwrap();
    assert!(simulator.polyv_now_ms() - time(&newest) < 6_000);
    simulator
        .set_channel_sample_delay("2", Duration::from_secs(60))
        .unwrap();
    assert_eq!(samples(&simulator, "channelId=2").pop().unwrap(), newest);
}

#[tokio::test(start_paused = true)]
async fn each_phase_affects_the_samples() {
    for (script, expected) in [
        ("steady", (1_000_000.0, 15.0, 43.0)),
        ("{phase: bitrate_drop, to: 0.3}", (300_000.0, 15.0, 43.0)),
        ("{phase: framerate_sag, to: 0.4}", (1_000_000.0, 6.0, 43.0)),
        ("video_freeze", (0.0, 0.0, 43.0)),
        (
            "{phase: video_freeze, bitrate: stays}",
            (1_000_000.0, 0.0, 43.0),
        ),
        ("audio_loss", (1_000_000.0, 15.0, 0.0)),
        ("audio_only", (0.0, 0.0, 43.0)),
    ] {
        let simulator = one(&format!("bitrate_bps: 1000000, life: {script}"));
        pass(60).await;
        let values = values(&simulator);
        assert_eq!(values.len(), 12, "{script}");
        assert!(
            values.iter().all(|values| *values == expected),
            "{script}: {values:?}"
        );
        // Before the simulation began all was well.
        let before = samples(&simulator, "channelId=1&endTime=1680831520000")
            .pop()
            .unwrap();
        assert_eq!(before["bitRate"], "1000000", "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn bitrate_drop_ends_after_its_duration() {
    let simulator = one("life: [{phase: steady, for: 60s}, {phase: bitrate_drop, for: 40s}]");
    pass(150).await;
    let bitrates: Vec<f64> = values(&simulator).iter().map(|values| values.0).collect();
    assert_eq!(bitrates.len(), 30);
    let low: Vec<usize> = (0..30).filter(|n| bitrates[*n] < 500_000.0).collect();
    assert_eq!(low, (12..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn streams_have_their_own_names_and_values() {
    let simulator = simulator(
        "{noise: 0, channels: [{id: 1, streams: [recordf, {name: \"rtmp://push/x/y?a=b\", \
         bitrate_bps: 500000}]}, {id: 2, life: {phase: two_streams, name: second}}]}",
    );
    pass(10).await;
    let of = |id: u64| -> Vec<(String, f64)> {
        samples(
            &simulator,
            &format!("channelId={id}&startTime=1680831521000"),
        )
        .iter()
        .map(|sample| {
            let stream = sample["streamUrl"].as_str().unwrap().to_owned();
            (stream, number(sample, "bitRate"))
        })
        .take(2)
        .collect()
    };
    let main = ("recordf".to_owned(), 1_200_000.0);
    assert_eq!(
        of(1),
        [main.clone(), ("rtmp://push/x/y?a=b".to_owned(), 500_000.0)]
    );
    assert_eq!(of(2), [main, ("second".to_owned(), 600_000.0)]);
}

#[tokio::test(start_paused = true)]
async fn offline_channel_keeps_its_history_and_starts_a_new_session() {
    let simulator = one(
        "sample_delay: 20s, life: {repeat: [{phase: steady, for: 60s}, {phase: offline, for: 30s}]}",
    );
    pass(59).await;
    let _ = samples(&simulator, "channelId=1");
    pass(1).await;
    assert_eq!(
        message(&simulator, "channelId=1"),
        "channel status not live"
    );
    let status = json(&simulator, LIVE_STATUS, "channelIds=1");
    assert_eq!(status["data"][0]["liveStatus"], "end");
    pass(30).await;
    // Live again: the first session's last samples have appeared meanwhile, the gap is there,
    // and the new session has none yet.
    let times = || -> Vec<i64> {
        samples(&simulator, "channelId=1&startTime=1680831521000")
            .iter()
            .map(|sample| (time(sample) - BEGINNING_MS) / 1_000)
            .collect()
    };
    assert_eq!(times().len(), 12);
    assert!(times().iter().all(|second| *second < 60));
    pass(40).await;
    let later = times();
    assert!(later.iter().any(|second| *second >= 90));
    assert!(!later.iter().any(|second| (60..90).contains(second)));
}

#[tokio::test(start_paused = true)]
async fn channel_without_samples_is_live() {
    let silent = one("life: [{phase: steady, for: 30s}, no_samples]");
    pass(120).await;
    assert_eq!(values(&silent).len(), 6);
    let empty = one("life: empty");
    pass(60).await;
    let answer = response_to(&empty, STREAM_INFO, "channelId=1").text();
    assert!(answer.ends_with("\"data\":[]}"), "{answer}");
    for simulator in [silent, empty] {
        let status = json(&simulator, LIVE_STATUS, "channelIds=1");
        assert_eq!(status["data"][0]["liveStatus"], "live");
    }
}

#[tokio::test(start_paused = true)]
async fn script_can_be_changed_at_runtime() {
    let simulator = one("bitrate_bps: 1000000");
    pass(30).await;
    let drop = ChannelScript::parse("now", "{phase: bitrate_drop, to: 0.2, for: 20s}").unwrap();
    simulator.set_script("1", drop).unwrap();
    pass(30).await;
    let bitrates: Vec<f64> = values(&simulator).iter().map(|values| values.0).collect();
    assert_eq!(bitrates[..6], [1_000_000.0; 6]);
    assert_eq!(bitrates[6..10], [200_000.0; 4]);
    assert_eq!(bitrates[10..], [1_000_000.0; 2]);
    simulator.delete_channel("1").unwrap();
    assert_eq!(message(&simulator, "channelId=1"), "illegal channel id");
    let unknown = UnknownChannel("2".to_owned());
    assert_eq!(simulator.delete_channel("2"), Err(unknown));
    simulator
        .put_channel("2", "{bitrate_bps: 5, live_for: 1m}")
        .unwrap();
    assert_eq!(samples(&simulator, "channelId=2").len(), 12);
}

#[tokio::test(start_paused = true)]
async fn samples_come_in_the_order_that_the_scenario_says() {
    let ordered = |order: &str| -> Vec<i64> {
        let simulator = simulator(&format!("{{order: {order}, channels: [{{id: 1}}]}}"));
        let all = samples(&simulator, "channelId=1");
        all.iter().map(time).collect()
    };
    let oldest = ordered("oldest_first");
    assert!(oldest.is_sorted());
    let mut newest = ordered("newest_first");
    newest.reverse();
    assert_eq!(newest, oldest);
    let mut shuffled = ordered("shuffled");
    assert_ne!(shuffled, oldest);
    assert_eq!(shuffled, ordered("shuffled"));
    shuffled.sort_unstable();
    assert_eq!(shuffled, oldest);
}

#[tokio::test(start_paused = true)]
async fn decimals_are_sent_where_the_scenario_says_so() {
    let simulator = simulator("{decimals: true, channels: [{id: 1}]}");
    let sample = samples(&simulator, "channelId=1").pop().unwrap();
    let decimals = |field: &str| {
        let text = sample[field].as_str().unwrap();
        text.split_once('.').unwrap().1.len()
    };
    assert_eq!(decimals("bitRate"), 1);
    assert_eq!(decimals("videoFrameRate"), 6);
    assert_eq!(decimals("audioFrameRate"), 6);
}
