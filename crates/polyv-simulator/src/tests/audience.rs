//! Viewers, plans and minutes.

use super::*;

const VIEWERS: &str = "/live/v2/statistics/get-realtime-viewers";
const SESSIONS: &str = "/live/v4/channel/session/new/list";
const BASIC_LIST: &str = "/live/v4/channel/basic/list";
const MINUTES: &str = "/live/v2/user/get-user-durations";

const CHANNELS: &str = "
accounts: [{app_id: simulated, app_secret: simulated-secret, minutes_available: 90, minutes_used: 10}]
channels:
  - {id: 1, viewers: 1000}
  - {id: 2, life: offline, viewers: 1000, planned: [{start: 10m, duration: 2h}, {start: 26h}]}
  - {id: 3, life: offline, start_time: 1h}
";

#[tokio::test(start_paused = true)]
async fn viewers_are_flat_points_newest_first_with_a_time_of_day() {
    let simulator = simulator(CHANNELS);
    let answer = json(&simulator, VIEWERS, "channelIds=1,2");
    let points = answer["data"].as_array().unwrap();
    assert_eq!(points.len(), 30);
    let times: Vec<_> = points[..15]
        .iter()
        .map(|point| point["time"].as_str().unwrap())
        .collect();
    assert!(
        times.is_sorted_by(|newer, older| newer > older),
        "{times:?}"
    );
    assert_eq!(times[0].len(), "20:00:00".len());
    let count = |point: &Value| point["count"].as_u64().unwrap();
    assert!((900..=1100).contains(&count(&points[0])));
    assert_eq!(
        (points[15]["channelId"].as_u64(), count(&points[15])),
        (Some(2), 0)
    );
    let stranger = json(&simulator, VIEWERS, "channelIds=1,99");
    assert_eq!(refused(&stranger), "存在非法频道ID");

    simulator.set_viewers("1", 10.0).unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    let answer = json(&simulator, VIEWERS, "channelIds=1");
    let counts: Vec<_> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(count)
        .collect();
    assert!(counts[0] <= 11 && counts[14] >= 900, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn plans_are_sessions_or_start_times() {
    let simulator = simulator(CHANNELS);
    let sessions = json(&simulator, SESSIONS, "pageNumber=1&pageSize=1000");
    let contents = sessions["data"]["contents"].as_array().unwrap();
    let plans: Vec<_> = contents
        .iter()
        .map(|session| {
            let minutes = |key: &str| Some((session[key].as_i64()? - BEGINNING_MS) / 60_000);
            (
                session["channelId"].as_str().unwrap(),
                minutes("planStartTime"),
                minutes("planEndTime"),
            )
        })
        .collect();
    assert_eq!(plans, [("2", Some(10), Some(130)), ("2", Some(1560), None)]);

    let period = format!(
        "startTime={BEGINNING_MS}&endTime={}",
        BEGINNING_MS + 86_400_000
    );
    let list = json(&simulator, BASIC_LIST, &period);
    assert_eq!(list["data"]["totalItems"], 1);
    assert_eq!(list["data"]["contents"][0]["channelId"], "3");
    assert_eq!(
        list["data"]["contents"][0]["startTime"],
        BEGINNING_MS + 3_600_000
    );
    let faulty = json(&simulator, BASIC_LIST, "startTime=today");
    assert_eq!(faulty["success"], false);
}

#[tokio::test(start_paused = true)]
async fn minutes_are_those_of_the_account() {
    let simulator = simulator(CHANNELS);
    let answer = tell(&simulator, MINUTES, "", "");
    assert_eq!(answer["data"]["available"], 90);
    assert_eq!(answer["data"]["used"], 10);
}
