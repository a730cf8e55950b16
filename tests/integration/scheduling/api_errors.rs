//! Each outcome of the contract comes about over real HTTP, harms no other channel, and after
//! the fault's end the exporter recovers on its own.

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::simulator_server::SimulatorServer;

/// A fault of channel 1, while channel 2 goes on.
async fn channel_fault(fault: &str, outcome: &str) {
    let polyv = SimulatorServer::start("sample_every: 1s\nchannels: [{id: 1}, {id: 2}]").await;
    let config = quick_config(polyv.address, "[{id: 1}, {id: 2}]");
    let exporter = Exporter::start(&config).await;
    exporter
        .until("both are live", |s| {
            s.state("1") == "live" && s.state("2") == "live"
        })
        .await;
    polyv
        .inject_faults(&format!("{{{fault}, channels: ['1']}}"))
        .await;
    let scrape = exporter
        .until("the outcome shows", |s| {
            s.outcome("1").as_deref() == Some(outcome)
        })
        .await;
    assert_eq!(scrape.of("polyv_channel_poll_success", "1"), Some(0.0));
    assert!(scrape.calls("main", outcome) >= 1);
    // Whatever was sent: it is bounded.
    let resident = scrape.get("process_resident_memory_bytes", &[]).unwrap();
    assert!(resident < 64e6, "{resident}");
    let before = scrape.of("polyv_stream_samples_total", "2").unwrap();
    exporter
        .until("the other one goes on", |s| {
            s.of("polyv_stream_samples_total", "2") > Some(before + 1.0)
        })
        .await;
    polyv.control("DELETE", "troubles", "").await;
    exporter
        .until("it is right again", |s| {
            s.outcome("1").as_deref() == Some("ok")
        })
        .await;
}

/// A fault of all calls.
async fn shared_fault(fault: &str, outcome: &str) {
    let polyv = SimulatorServer::start("sample_every: 1s\nchannels: [{id: 1}, {id: 2}]").await;
    let config = quick_config(polyv.address, "[{id: 1}, {id: 2}]");
    let exporter = Exporter::start(&config).await;
    exporter
        .until("both are live", |s| {
            s.state("1") == "live" && s.state("2") == "live"
        })
        .await;
    polyv.inject_faults(&format!("{{{fault}}}")).await;
    exporter
        .until("the outcome shows", |s| s.calls("main", outcome) >= 1)
        .await;
    polyv.control("DELETE", "troubles", "").await;
    exporter
        .until("both are right again", |s| {
            ["1", "2"]
                .iter()
                .all(|id| s.outcome(id).as_deref() == Some("ok"))
        })
        .await;
}

macro_rules! outcomes {
    ($($name:ident: $how:ident($fault:literal) is $outcome:literal;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $how($fault, $outcome).await;
            }
        )*
    };
}

outcomes! {
    forbidden: channel_fault("trouble: forbidden") is "forbidden";
    rejected: channel_fault("trouble: rejected") is "rejected";
    server_error_in_an_envelope: channel_fault("trouble: error_500") is "server_error";
    server_error_of_a_gateway: channel_fault("trouble: bad_gateway") is "server_error";
    timeout_without_response: channel_fault("trouble: hang") is "timeout";
    timeout_of_a_body_that_trickles: channel_fault("trouble: endless, chunk: 1, pause: 100ms") is "timeout";
    connection_that_is_reset: channel_fault("trouble: reset") is "connection_failed";
    connection_that_breaks_off: channel_fault("trouble: cut_off") is "connection_failed";
    html_instead_of_json: channel_fault("trouble: html") is "bad_response";
    truncated_json: channel_fault("trouble: truncated_json") is "bad_response";
    data_of_another_type: channel_fault("trouble: wrong_types, what: [data_object]") is "bad_response";
    a_redirect_that_is_not_followed: channel_fault("trouble: redirect") is "bad_response";
    a_redirect_in_an_envelope: channel_fault("trouble: enveloped_redirect") is "rejected";
    a_body_over_4_mib: channel_fault("trouble: huge, bytes: 5000000") is "bad_response";
    a_gzip_bomb: channel_fault("trouble: gzip_bomb") is "bad_response";
    an_endless_body: channel_fault("trouble: endless, pause: 0s") is "bad_response";
    all_calls_hang: shared_fault("trouble: hang") is "timeout";
    all_connections_are_reset: shared_fault("trouble: reset") is "connection_failed";
    all_calls_fail: shared_fault("trouble: bad_gateway") is "server_error";
    throttled: shared_fault("trouble: throttled, for: 10s") is "throttled";
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let polyv = SimulatorServer::start(
        "channels: [{id: 1}]\ntroubles: [{trouble: redirect}, {trouble: enveloped_redirect}]",
    )
    .await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let exporter = Exporter::start(&config).await;
    exporter
        .until("two polls", |s| {
            s.calls("main", "bad_response") + s.calls("main", "rejected") >= 2
        })
        .await;
    let received = polyv.simulator.requests();
    let ours = ["stream_info", "live_status"];
    assert!(
        received.iter().all(|call| ours.contains(&&*call.endpoint)),
        "{received:?}"
    );
}

#[tokio::test]
async fn corrected_secret_is_used_without_a_restart() {
    let polyv = SimulatorServer::start("channels: [{id: 1, life: offline}, {id: 2}]").await;
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("secret");
    std::fs::write(&file, "wrong\n").unwrap();
    let config = quick_config(polyv.address, "[{id: 1}, {id: 2}]").replace(
        "app_secret: simulated-secret",
        &format!("app_secret_file: {}", file.display()),
    );
    let exporter = Exporter::start(&config).await;
    let account = [("account", "main")];
    exporter
        .until("the secret is refused", |s| {
            s.get("polyv_account_auth_success", &account) == Some(0.0)
        })
        .await;
    std::fs::write(&file, "simulated-secret\n").unwrap();
    let scrape = exporter
        .until("it is accepted", |s| {
            s.get("polyv_account_auth_success", &account) == Some(1.0)
                && s.state("1") == "not_live"
                && s.state("2") == "live"
        })
        .await;
    assert_eq!(scrape.calls("main", "auth_failed"), 1);
    assert!(scrape.calls("main", "ok") >= 1 && scrape.calls("main", "not_live") >= 1);
}

#[tokio::test]
async fn wrong_host_clock_costs_one_call() {
    let polyv = SimulatorServer::start("clock_skew: 10m\nchannels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let exporter = Exporter::start(&config).await;
    let scrape = exporter
        .until("it is live", |s| s.state("1") == "live")
        .await;
    assert_eq!(scrape.calls("main", "clock_skew"), 1);
    let skew = scrape.get("polyv_api_clock_skew_seconds", &[]).unwrap();
    assert!((skew - 600.0).abs() < 2.0, "{skew}");
}

#[tokio::test]
async fn polling_starts_when_polyv_becomes_reachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exporter = Exporter::start(&quick_config(address, "[{id: 1}, {id: 2}]")).await;
    exporter
        .until("no server is there", |s| {
            s.calls("main", "connection_failed") >= 3
        })
        .await;
    let polyv = SimulatorServer::start_at(address, "channels: [{id: 1}, {id: 2}]").await;
    exporter
        .until("both are live", |s| {
            s.state("1") == "live" && s.state("2") == "live"
        })
        .await;
    drop(polyv);
}
