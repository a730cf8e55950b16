//! The request limit, the block, and the clients that they affect.

use super::*;

fn send_call(simulator: &Simulator) -> ConnectionAction {
    simulator.handle(&signed(
        simulator,
        STREAM_INFO,
        "channelId=1&startTime=1680831520000",
    ))
}

#[tokio::test(start_paused = true)]
async fn documented_limit_is_exact() {
    let simulator = simulator("channels: [{id: 1}]");
    for _ in 0..1_500 {
        assert!(send_call(&simulator).response().is_some());
    }
    assert_eq!(send_call(&simulator), ConnectionAction::Reset);
    pass(299).await;
    assert_eq!(send_call(&simulator), ConnectionAction::Reset);
    pass(1).await;
    assert!(send_call(&simulator).response().is_some());
    assert_eq!(
        simulator
            .requests()
            .iter()
            .filter(|call| call.outcome == "blocked")
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn rate_below_the_limit_is_never_blocked() {
    let simulator = simulator("{limits: {requests: 10, per: 10s}, channels: [{id: 1}]}");
    for _ in 0..600 {
        assert!(send_call(&simulator).response().is_some());
        pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn block_has_each_of_its_forms_and_can_be_lifted() {
    for (form, status) in [("403", 403), ("405", 405), ("429", 429)] {
        let simulator = simulator(&format!(
            "{{limits: {{requests: 0, as: {form}}}, channels: [{{id: 1}}]}}"
        ));
        let action = send_call(&simulator);
        let answer = action.response().unwrap();
        assert_eq!(answer.status, status);
        assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    }
    let simulator = simulator("{limits: {requests: 1, as: timeout}, channels: [{id: 1}]}");
    assert!(send_call(&simulator).response().is_some());
    assert_eq!(send_call(&simulator), ConnectionAction::Hang);
    simulator.unblock_clients();
    assert!(send_call(&simulator).response().is_some());
}

#[tokio::test(start_paused = true)]
async fn block_affects_one_client_and_not_control() {
    let simulator = simulator("{limits: {requests: 0}, channels: [{id: 1}]}");
    assert_eq!(send_call(&simulator), ConnectionAction::Reset);
    for _ in 0..3 {
        let action = simulator.handle(&Request::get("/_simulator/channels"));
        assert_eq!(action.response().unwrap().status, 200);
    }
    assert_eq!(simulator.requests().len(), 1);
    let two = self::simulator("{limits: {requests: 1}, channels: [{id: 1}]}");
    let mut other = signed(&two, STREAM_INFO, "channelId=1");
    other.client = "192.0.2.9".parse().unwrap();
    assert!(send_call(&two).response().is_some());
    assert_eq!(send_call(&two), ConnectionAction::Reset);
    assert!(two.handle(&other).response().is_some());
}

#[tokio::test(start_paused = true)]
async fn soft_limit_has_its_own_message() {
    let simulator = simulator("{limits: {soft: {requests: 2, per: 1s}}, channels: [{id: 1}]}");
    for _ in 0..2 {
        let _ = send_call(&simulator);
    }
    let refusal = send_call(&simulator).response().unwrap().text();
    assert_eq!(
        refusal,
        r#"{"code":400,"status":"error","message":"qps exceeds number of calls","data":""}"#
    );
    pass(1).await;
    assert!(
        send_call(&simulator)
            .response()
            .unwrap()
            .text()
            .contains("success")
    );
}

#[tokio::test(start_paused = true)]
async fn without_limits_no_call_is_blocked() {
    let simulator = simulator("{limits: none, channels: [{id: 1}]}");
    for _ in 0..3_000 {
        assert!(send_call(&simulator).response().is_some());
    }
}
