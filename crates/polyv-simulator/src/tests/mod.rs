//! The API without a network, through [`Simulator::handle`].

mod audience;
mod channels;
mod corruption;
mod effects;
mod limits;
mod lists;
mod messages;
mod moderation;
mod official_client;
mod pages;
mod proxies;
mod responses;
mod sources;
mod switches;
mod time;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::request::Parameters;
use super::*;

/// 09:38:41 on 2023-04-07 in Beijing: the page's sample call.
const BEGINNING_MS: i64 = 1_680_831_521_000;
const STREAM_INFO: &str = "/live/v3/channel/monitor/list-tencent-stream-info";
const STATUS_VALID: &str = "/live/v4/channel/status-valid";
const LIVE_STATUS: &str = "/live/v4/channel/live-status/list";

/// A simulation that starts at [`BEGINNING_MS`].
fn simulator(yaml: &str) -> Simulator {
    simulator_at(BEGINNING_MS, yaml)
}

fn simulator_at(start_ms: i64, yaml: &str) -> Simulator {
    let scenario = Scenario::parse("test", yaml).unwrap();
    let start = UNIX_EPOCH + Duration::from_millis(start_ms.try_into().unwrap());
    Simulator::starting_at(scenario, start)
}

/// A signed request of the default account.
fn signed(simulator: &Simulator, path: &str, parameters: &str) -> Request {
    signed_by(simulator, "simulated", "simulated-secret", path, parameters)
}

fn signed_by(
    simulator: &Simulator,
    app_id: &str,
    secret: &str,
    path: &str,
    parameters: &str,
) -> Request {
    let now = simulator.polyv_now_ms();
    let query = format!("appId={app_id}&timestamp={now}&{parameters}");
    let sign = signature::expected(&Parameters::parse(&query).unwrap(), secret);
    Request::get(&format!("{path}?{query}&sign={sign}"))
}

/// The response to a signed request of the default account.
fn response_to(simulator: &Simulator, path: &str, parameters: &str) -> HttpResponse {
    let request = signed(simulator, path, parameters);
    let action = simulator.handle(&request);
    action.response().expect("a response").clone()
}

fn json(simulator: &Simulator, path: &str, parameters: &str) -> Value {
    serde_json::from_str(&response_to(simulator, path, parameters).text()).unwrap()
}

const RELEVANCE: &str = "/live/v3/channel/session/relevance";
const MODERATION_UPDATE: &str = "/live/v4/channel/video-moderation/update";
const MODERATION_GET: &str = "/live/v4/channel/video-moderation/get";
const AUDIT: &str = "/live/v4/chat/message/audit";
const CENSOR_UPDATE: &str = "/live/v3/channel/chat/update-censor-enabled";
const CENSOR_GET: &str = "/live/v3/channel/chat/get-censor-enabled";

/// A request of the default account with all parameters in the query, signed, and a JSON body.
fn post(simulator: &Simulator, path: &str, parameters: &str, body: &str) -> Request {
    let signed = signed(simulator, path, parameters);
    Request::post(
        &format!("{path}?{}", signed.query),
        "application/json;charset=UTF-8",
        body,
    )
}

/// The JSON of the response to a request.
fn json_response(simulator: &Simulator, request: &Request) -> Value {
    let action = simulator.handle(request);
    serde_json::from_str(&action.response().expect("a response").text()).unwrap()
}

fn tell(simulator: &Simulator, path: &str, parameters: &str, body: &str) -> Value {
    json_response(simulator, &post(simulator, path, parameters, body))
}

/// The message of a refusal in either envelope.
fn refused(answer: &Value) -> &str {
    assert_eq!(answer["code"], 400, "{answer}");
    let words = answer.get("message").unwrap_or(&answer["error"]["desc"]);
    words.as_str().unwrap()
}

fn fault(simulator: &Simulator, yaml: &str) {
    simulator.set_faults(Fault::parse_list("test", &format!("[{yaml}]")).unwrap());
}

/// The samples of a channel's stream information.
fn samples(simulator: &Simulator, parameters: &str) -> Vec<Value> {
    let mut answer = json(simulator, STREAM_INFO, parameters);
    assert_eq!(answer["code"], 200, "{answer}");
    match answer["data"].take() {
        Value::Array(samples) => samples,
        other => panic!("no samples: {other}"),
    }
}

/// The message of a refused request.
fn message(simulator: &Simulator, parameters: &str) -> String {
    let answer = json(simulator, STREAM_INFO, parameters);
    assert_ne!(answer["code"], 200, "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

fn number(sample: &Value, field: &str) -> f64 {
    sample[field].as_str().unwrap().parse().unwrap()
}

/// A sample's time in milliseconds since 1970, parsed by other code than wrote it.
fn time(sample: &Value) -> i64 {
    let text = sample["time"].as_str().unwrap();
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f").unwrap();
    local.and_utc().timestamp_millis() - 8 * 3_600_000
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}
