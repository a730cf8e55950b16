//! The calls behind `stream status` of Polyv's official command line, and the sessions of a channel.

use secrecy::ExposeSecret as _;

use super::*;

const STREAM: &str = "/live/v3/channel/monitor/get-stream-info";
const CHANNEL: &str = "/live/v4/channel/basic/get";
const SESSION_DATA: &str = "/live/v3/channel/session/data/list";

#[tokio::test(start_paused = true)]
async fn stream_status_has_the_push_and_the_watch_status() {
    let simulator = simulator(
        "channels: [{id: 1, name: Stage, cdn: other, viewers: 100}, {id: 2, life: offline}, {id: 3, life: empty}]",
    );
    let stream = json(&simulator, STREAM, "channelId=1");
    assert_eq!(stream["code"], 200, "{stream}");
    let bandwidth = stream["data"]["inBandWidth"].as_str().unwrap();
    assert!(bandwidth.parse::<f64>().unwrap() > 1_000_000.0);
    for unpushed in ["channelId=2", "channelId=3"] {
        let stream = json(&simulator, STREAM, unpushed);
        assert_eq!(refused(&stream), "channel status not live", "{unpushed}");
    }
    let channel = json(&simulator, CHANNEL, "channelId=1");
    assert_eq!(channel["success"], true, "{channel}");
    assert_eq!(channel["data"]["name"], "Stage");
    assert_eq!(channel["data"]["watchStatus"], "live");
    assert!(channel["data"]["onlineNum"].as_u64().unwrap() > 90);
    let channel = json(&simulator, CHANNEL, "channelId=2");
    assert_eq!(channel["data"]["watchStatus"], "unStart");
    assert_eq!(channel["data"]["onlineNum"], 0);
    let stranger = json(&simulator, CHANNEL, "channelId=99");
    assert_eq!(refused(&stranger), "illegal channel id");
}

#[tokio::test(start_paused = true)]
async fn sessions_of_a_channel_are_listed_newest_first() {
    let simulator = simulator(
        "channels: [{id: 1, live_for: 1m, life: {repeat: [{phase: steady, for: 10s}, {phase: offline, for: 20s}]}}]",
    );
    pass(65).await;
    let list = |parameters: &str| {
        json(
            &simulator,
            SESSION_DATA,
            &format!("channelId=1{parameters}"),
        )
    };
    let sessions = list("");
    let times: Vec<_> = sessions["data"]["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| {
            let seconds = |key: &str| session[key].as_i64().map(|ms| (ms - BEGINNING_MS) / 1000);
            (seconds("startTime").unwrap(), seconds("endTime"))
        })
        .collect();
    assert_eq!(
        times,
        [(60, None), (30, Some(40)), (-60, Some(10))],
        "{sessions}"
    );
    let page = list("&page=2&pageSize=2");
    assert_eq!(page["data"]["contents"].as_array().unwrap().len(), 1);
    assert_eq!(page["data"]["totalItems"], 3);
    let other_day = list("&startDate=2023-04-08&endDate=2023-04-09");
    assert_eq!(other_day["data"]["totalItems"], 0);
    let same_day = list("&startDate=2023-04-07&endDate=2023-04-07");
    assert_eq!(same_day["data"]["totalItems"], 3);
    for wrong in [
        "&startDate=2023-01-01&endDate=2023-04-07",
        "&startDate=2023-04-08&endDate=2023-04-07",
        "&startDate=yesterday",
        "&pageSize=0",
    ] {
        assert_eq!(refused(&list(wrong)), "param validate error", "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn default_account_suits_the_official_command_line_and_keeps_its_former_app_id() {
    let simulator = simulator("channels: [{id: 1}, {id: 2, account: simulated}]");
    let account = &simulator.accounts()[0];
    assert!(account.app_id.len() >= 10);
    assert!(account.app_secret.expose_secret().len() >= 16);
    for app_id in ["simulated-app", "simulated"] {
        for channel in ["channelId=1", "channelId=2"] {
            let request = signed_by(&simulator, app_id, "simulated-secret", CHANNEL, channel);
            let response = json_response(&simulator, &request);
            assert_eq!(response["code"], 200, "{app_id} {channel}: {response}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn channel_list_is_ordered_by_the_start_that_viewers_see() {
    const CHANNEL_LIST: &str = "/live/v4/channel/simple/list";
    let simulator =
        simulator("channels: [{id: 1, start_time: 2h}, {id: 2, start_time: 1h}, {id: 3}]");
    let ids = |order: &str| -> Vec<String> {
        let page = json(&simulator, CHANNEL_LIST, &format!("orderBy={order}"));
        let contents = page["data"]["contents"].as_array().unwrap();
        let ids = contents
            .iter()
            .map(|channel| channel["channelId"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    };
    assert_eq!(ids("startTimeAsc"), ["3", "2", "1"]);
    assert_eq!(ids("startTimeDesc"), ["1", "2", "3"]);
    assert_eq!(ids("channelCreatedTimeDesc"), ["3", "2", "1"]);
}
