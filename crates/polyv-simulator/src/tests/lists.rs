//! Which channels exist, which account owns them, and which are live.

use super::*;

#[tokio::test(start_paused = true)]
async fn foreign_channel_is_refused_and_status_valid_shows_the_reason() {
    let simulator = simulator(
        "accounts: [{app_id: simulated, app_secret: simulated-secret}, {app_id: b, app_secret: c}]\n\
         channels: [{id: 1}, {id: 2, account: b}, {id: 3, exists_in_account: other}, \
         {id: 4, life: deleted}]",
    );
    for id in [2, 3, 4, 99] {
        let message = message(&simulator, &format!("channelId={id}"));
        assert_eq!(message, "illegal channel id", "{id}");
    }
    let text = response_to(&simulator, STATUS_VALID, "channels=1,2,3,4,99").text();
    let expected = "\"data\":{\"channels\":[\
         {\"channelId\":1,\"delete\":0,\"currentUser\":1},\
         {\"channelId\":2,\"delete\":0,\"currentUser\":0},\
         {\"channelId\":3,\"delete\":0,\"currentUser\":0},\
         {\"channelId\":4,\"delete\":1,\"currentUser\":1},\
         {\"channelId\":99,\"delete\":0,\"currentUser\":0}]},\"success\":true}";
    assert!(text.ends_with(expected), "{text}");
    let other = signed_by(&simulator, "b", "c", STREAM_INFO, "channelId=2");
    let action = simulator.handle(&other);
    assert!(
        action
            .response()
            .unwrap()
            .text()
            .starts_with("{\"code\":200")
    );
}

#[tokio::test(start_paused = true)]
async fn live_status_list_has_numeric_ids_in_another_order() {
    let simulator = simulator(
        "channels: [{id: 10, count: 20}, {id: 100, life: offline}, \
         {id: 101, life: {phase: offline, status: banpush}}, {id: 102, life: deleted}, \
         {id: 103, exists_in_account: other}, {id: 104, life: offline, live_for: 1h}]",
    );
    let ids: Vec<String> = (10..30).chain(100..105).map(|id| id.to_string()).collect();
    let answer = json(
        &simulator,
        LIVE_STATUS,
        &format!("channelIds={}", ids.join(",")),
    );
    let list = answer["data"].as_array().unwrap();
    let got: Vec<u64> = list
        .iter()
        .map(|one| one["channelId"].as_u64().unwrap())
        .collect();
    assert_eq!(got.len(), 23);
    assert!(!got.is_sorted());
    for (id, status) in [
        (10, "live"),
        (100, "unStart"),
        (101, "banpush"),
        (104, "end"),
    ] {
        let one = list.iter().find(|one| one["channelId"] == id).unwrap();
        assert_eq!(one["liveStatus"], status, "{id}");
    }
    let many: Vec<String> = (1..=201).map(|id| id.to_string()).collect();
    let answer = json(
        &simulator,
        LIVE_STATUS,
        &format!("channelIds={}", many.join(",")),
    );
    assert_eq!(
        answer["error"]["desc"],
        "param length is incorrect: channelIds"
    );
    let answer = json(
        &simulator,
        STATUS_VALID,
        &format!("channels={}", many[..101].join(",")),
    );
    assert_eq!(
        answer["error"]["desc"],
        "param length is incorrect: channels"
    );
}
