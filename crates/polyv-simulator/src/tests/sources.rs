//! The calls for what is pushed, on every CDN.

use super::*;

const STREAMS: &str = "/live/v3/channel/monitor/get-streams";
const STREAM_INFO_V4: &str = "/live/v4/channel/monitor/list-stream-info";

const CDNS: &str = "
channels:
  - {id: 1, ingest_node: 203.0.113.7, lost_frames: 0.05}
  - {id: 2, cdn: alibaba}
  - {id: 3, cdn: other}
  - {id: 4, life: empty}
  - {id: 5, life: offline}
";

#[tokio::test(start_paused = true)]
async fn streams_have_one_entry_a_channel_on_any_cdn() {
    let simulator = simulator(CDNS);
    let answer = json(&simulator, STREAMS, "channelIds=1,2,3,4,5");
    let mut entries = answer["data"].as_array().unwrap().clone();
    let order: Vec<_> = entries
        .iter()
        .map(|entry| entry["channelId"].clone())
        .collect();
    assert_ne!(order, ["1", "2", "3", "4", "5"]);
    entries.sort_by_key(|entry| entry["channelId"].to_string());
    let live: Vec<_> = entries.iter().map(|entry| entry["live"] == true).collect();
    assert_eq!(live, [true, true, true, true, false]);
    let pushed: Vec<_> = entries
        .iter()
        .map(|entry| !entry["streamInfo"].is_null())
        .collect();
    assert_eq!(pushed, [true, true, true, false, false]);
    let first = &entries[0]["streamInfo"];
    assert_eq!(first["deployAddress"], "203.0.113.7");
    assert_eq!(first["lfr"], "0.05");
    assert!(
        first["inBandWidth"]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            > 1_000_000.0
    );
    assert!(entries[2]["streamInfo"]["lfr"].is_null());
}

#[tokio::test(start_paused = true)]
async fn streams_are_refused_for_strangers_and_for_more_than_a_hundred() {
    let simulator = simulator(CDNS);
    let stranger = json(&simulator, STREAMS, "channelIds=1,99");
    assert_eq!(refused(&stranger), "存在非法频道ID");
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    let many = json(
        &simulator,
        STREAMS,
        &format!("channelIds={}", many.join(",")),
    );
    assert_eq!(refused(&many), "param length is incorrect: channelIds");
}

#[tokio::test(start_paused = true)]
async fn samples_depend_on_the_cdn() {
    let simulator = simulator(CDNS);
    let count = |path, id| {
        let answer = json(&simulator, path, &format!("channelId={id}"));
        answer["data"].as_array().map_or(0, Vec::len)
    };
    // The channels have been live for an hour.
    assert_eq!(
        [1, 2, 3, 4].map(|id| count(STREAM_INFO, id)),
        [720, 0, 0, 0]
    );
    assert_eq!(
        [1, 2, 3, 4].map(|id| count(STREAM_INFO_V4, id)),
        [720, 59, 0, 0]
    );
    let newest = json(&simulator, STREAM_INFO_V4, "channelId=2")["data"][58].clone();
    let name = newest["streamUrl"].as_str().unwrap();
    assert!(
        name.starts_with("rtmp://push-d1.videocc.net/recordf/"),
        "{name}"
    );
    let age = BEGINNING_MS - newest["timestamp"].as_i64().unwrap();
    assert!((60_000..=120_000).contains(&age), "{age}");
    assert!(newest["time"].as_str().unwrap().ends_with('Z'));
    assert!(newest["bitRate"].as_str().unwrap().contains('.'));
    let idle = json(&simulator, STREAM_INFO_V4, "channelId=5");
    assert_eq!(idle["error"]["desc"], "未检测到直播推流");

    let refusing = simulator_at(BEGINNING_MS, &format!("other_cdn_answers: refused{CDNS}"));
    let answer = json(&refusing, STREAM_INFO, "channelId=3");
    assert_eq!(refused(&answer), "channel cdn not supported");
}

#[tokio::test(start_paused = true)]
async fn cdn_is_changed_while_the_simulation_runs() {
    let simulator = simulator(CDNS);
    for (route, value) in [
        ("cdn", "other"),
        ("ingest_node", "node-1"),
        ("lost_frames", "0.5"),
    ] {
        let path = format!("/_simulator/channels/2/{route}");
        let request = Request::new(hyper::Method::PUT, &path, value.into());
        let answer = json_response(&simulator, &request);
        assert_eq!(
            answer[route].to_string().trim_matches('"'),
            value,
            "{answer}"
        );
    }
    let stream = &json(&simulator, STREAMS, "channelIds=2")["data"][0]["streamInfo"];
    assert_eq!(
        (&stream["deployAddress"], &stream["lfr"]),
        (&"node-1".into(), &"0.5".into())
    );
    let samples = json(&simulator, STREAM_INFO_V4, "channelId=2");
    assert_eq!(samples["data"], serde_json::json!([]));
}
