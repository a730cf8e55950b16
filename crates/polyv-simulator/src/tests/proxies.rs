//! Faults of proxies and connections, incomplete lists and late streams.

use super::*;

#[tokio::test(start_paused = true)]
async fn wrong_date_is_in_the_header_alone() {
    let simulator = simulator("channels: [{id: 1}]");
    fault(&simulator, "{trouble: wrong_date, by: 8h}");
    let request = signed(&simulator, STREAM_INFO, "channelId=1");
    let action = simulator.handle(&request);
    let response = action.response().unwrap();
    assert_eq!(
        response.header("date"),
        Some("Fri, 07 Apr 2023 09:38:41 GMT")
    );
    // The request's timestamp is that of Polyv's clock, which is right.
    assert!(response.text().starts_with("{\"code\":200,"));
    assert_eq!(simulator.polyv_now_ms(), BEGINNING_MS);
}

#[tokio::test(start_paused = true)]
async fn written_response_has_the_given_retry_after() {
    let simulator = simulator("channels: [{id: 1}]");
    for (keys, header) in [("", None), (", retry_after: \"120\"", Some("120"))] {
        fault(
            &simulator,
            &format!("{{trouble: answer, status: 429{keys}}}"),
        );
        let action = simulator.handle(&Request::get(STREAM_INFO));
        let response = action.response().unwrap();
        assert_eq!(response.status, 429);
        assert_eq!(response.header("retry-after"), header);
    }
}

#[tokio::test(start_paused = true)]
async fn list_can_promise_more_items_than_it_has() {
    let simulator = simulator("channels: [{id: 1, count: 100}]");
    fault(&simulator, "missing_items");
    let request = signed(&simulator, "/live/v4/channel/simple/list", "pageSize=1000");
    let list = json_response(&simulator, &request);
    assert_eq!(list["data"]["totalItems"], 250);
    assert_eq!(list["data"]["contents"].as_array().unwrap().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn stale_connection_affects_calls_on_used_connections_alone() {
    let simulator = simulator("channels: [{id: 1}]");
    fault(&simulator, "stale_connection");
    let mut request = signed(&simulator, STREAM_INFO, "channelId=1");
    assert!(simulator.handle(&request).response().is_some());
    request.reused_connection = true;
    assert_eq!(simulator.handle(&request), ConnectionAction::Close);
    let log = simulator.requests();
    assert_eq!(log.last().unwrap().outcome, "stale_connection");
}

#[tokio::test(start_paused = true)]
async fn samples_of_a_lagging_stream_appear_later() {
    let simulator = simulator("channels: [{id: 1, streams: [main, {name: backup, lag: 90s}]}]");
    let newest = |name: &str| {
        let samples = samples(&simulator, "channelId=1");
        let times = samples.iter().filter(|one| one["streamUrl"] == name);
        times.map(time).max().unwrap()
    };
    assert_eq!(newest("main") - newest("backup"), 90_000);
}
