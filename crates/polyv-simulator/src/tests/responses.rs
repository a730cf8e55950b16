//! Envelopes, refusals, signatures, ranges: the documented behaviour.

use super::*;

const ONE: &str = "{noise: 0, channels: [{id: 3880533, live_for: 4h}]}";

#[tokio::test(start_paused = true)]
async fn samples_have_the_pages_format() {
    let simulator = simulator(
        "{noise: 0, channels: [{id: 3880533, bitrate_bps: 1157120, video_framerate_fps: 13, \
         audio_framerate_fps: 46, live_for: 6s}]}",
    );
    let answer = response_to(&simulator, STREAM_INFO, "channelId=3880533");
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/json;charset=UTF-8"));
    let (before, rest) = answer
        .text()
        .split_once("2023-04-07 ")
        .map(|(before, rest)| (before.to_owned(), rest.to_owned()))
        .unwrap();
    assert_eq!(
        before,
        "{\"code\":200,\"status\":\"success\",\"message\":\"\",\"data\":[{\"streamUrl\":\"recordf\",\
         \"bitRate\":\"1157120\",\"audioFrameRate\":\"46\",\"videoFrameRate\":\"13\",\"time\":\""
    );
    assert!(rest.starts_with("09:38:"), "{rest}");
    assert!(rest.ends_with("\",\"timestamp\":null}]}"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn refusals_equal_the_documented_ones() {
    let simulator = simulator("channels: [{id: 1, life: offline}]");
    let v3 = |message: &str| {
        format!("{{\"code\":400,\"status\":\"error\",\"message\":\"{message}\",\"data\":\"\"}}")
    };
    let answer = response_to(&simulator, STREAM_INFO, "channelId=1");
    assert_eq!(answer.text(), v3("channel status not live"));
    assert_eq!(answer.status, 200);
    let text = |query: &str| {
        let request = Request::get(&format!("{STREAM_INFO}?{query}"));
        simulator.handle(&request).response().unwrap().text()
    };
    assert_eq!(text(""), v3("appId is required."));
    assert_eq!(
        text("appId=simulated"),
        v3("param should not be empty: timestamp")
    );
    let stranger = signed_by(&simulator, "stranger", "x", STREAM_INFO, "channelId=1");
    let action = simulator.handle(&stranger);
    assert_eq!(
        action.response().unwrap().text(),
        v3("application not found.")
    );
    let wrong = signed_by(&simulator, "simulated", "wrong", STREAM_INFO, "channelId=1");
    let action = simulator.handle(&wrong);
    assert_eq!(action.response().unwrap().text(), v3("invalid signature."));
}

#[tokio::test(start_paused = true)]
async fn v4_refusals_have_the_v4_envelope() {
    let simulator = simulator("channels: [{id: 1}]");
    let stranger = signed_by(&simulator, "stranger", "x", LIVE_STATUS, "channelIds=1");
    let action = simulator.handle(&stranger);
    let answer: Value = serde_json::from_str(&action.response().unwrap().text()).unwrap();
    assert_eq!(answer["code"], 400);
    assert_eq!(answer["error"]["code"], 20_001);
    assert_eq!(answer["error"]["desc"], "application not found.");
    assert_eq!(answer["success"], false);
    let id = answer["requestId"].as_str().unwrap();
    let lengths: Vec<usize> = id.split('.').map(str::len).collect();
    assert_eq!((lengths[0], lengths[2]), (32, 17), "{id}");
}

#[tokio::test(start_paused = true)]
async fn http_status_is_the_code_if_the_scenario_sets_it() {
    let simulator = simulator("{http_status_is_code: true, channels: [{id: 1, life: offline}]}");
    assert_eq!(
        response_to(&simulator, STREAM_INFO, "channelId=1").status,
        400
    );
    assert_eq!(
        response_to(&simulator, LIVE_STATUS, "channelIds=1").status,
        200
    );
    assert_eq!(
        response_to(&simulator, LIVE_STATUS, "channelIds=x").status,
        400
    );
    let invented = Fault::parse_list("test", "[{trouble: rejected, code: 30005}]").unwrap();
    simulator.set_faults(invented);
    assert_eq!(
        response_to(&simulator, STREAM_INFO, "channelId=1").status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_path_is_404_and_wrong_method_is_refused_in_the_envelope() {
    let simulator = simulator(ONE);
    let answer = response_to(&simulator, "/live/v3/channel/nothing", "channelId=1");
    assert_eq!(answer.status, 404);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    let mut request = signed(&simulator, STREAM_INFO, "channelId=3880533");
    request.method = hyper::Method::POST;
    let action = simulator.handle(&request);
    assert_eq!(
        action.response().unwrap().text(),
        r#"{"code":400,"status":"error","message":"Request method 'POST' not supported","data":""}"#
    );
    let action = simulator.handle(&Request::get(&format!("{STREAM_INFO}?a=%zz")));
    assert_eq!(action.response().unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn responses_are_gzipped_for_clients_that_accept_it() {
    use std::io::Read as _;

    let simulator = simulator("{gzip: true, channels: [{id: 1}]}");
    let mut request = signed(&simulator, STREAM_INFO, "channelId=1");
    let plain = simulator.handle(&request);
    let plain = plain.response().unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    request
        .headers
        .insert("accept-encoding", "gzip".parse().unwrap());
    let zipped = simulator.handle(&request);
    let zipped = zipped.response().unwrap();
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.body.len() * 5 < plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&zipped.body[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
}
