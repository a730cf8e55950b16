//! What Polyv receives never exceeds the limit, in any window.

use std::time::{Duration, Instant};

use polyv_simulator::Simulator;

use crate::support::exporter_process::{DEADLINE, Exporter, quick_config, replace};
use crate::support::simulator_server::SimulatorServer;
use crate::support::test_env::{TestEnv, advance, max_calls_in_window};

fn config(more: &str, channels: usize, interval: &str) -> String {
    let channels: Vec<_> = (1000..1000 + channels)
        .map(|n| format!("{{id: {n}}}"))
        .collect();
    format!(
        "api: {{rate_limit: {{requests: 60, per: 10s}}}}\n\
         poll: {{live_interval: {interval}, idle_interval: {interval}}}\n{more}\
         accounts:\n- app_id: simulated\n  app_secret: simulated-secret\n  channels: [{}]\n",
        channels.join(", ")
    )
}

fn scenario(channels: usize) -> String {
    // Polyv's own limit is what the exporter's would come to with a predecessor: over it the
    // log would say so.
    format!(
        "limits: {{requests: 90, per: 10s, for: 5m, as: 429}}\n\
         channels: [{{id: 1000, count: {channels}}}]\n\
         troubles: [{{trouble: latency, median: 300ms, p99: 1s}}]\n"
    )
}

fn received(env: &TestEnv) -> Vec<u64> {
    received_of(&env.simulator)
}

/// When Polyv received calls, none of which it found too many.
fn received_of(simulator: &Simulator) -> Vec<u64> {
    let received = simulator.requests();
    assert!(received.iter().all(|call| call.outcome != "blocked"));
    received.iter().map(|call| call.monotonic_ms).collect()
}

#[tokio::test(start_paused = true)]
async fn demand_over_the_limit_stretches_all_intervals_equally() {
    let env = TestEnv::with_exporter(&scenario(300), &config("", 300, "10s"));
    advance(600.0).await;
    let calls = received(&env);
    assert!(
        max_calls_in_window(&calls, 10_000) <= 60,
        "{}",
        max_calls_in_window(&calls, 10_000)
    );
    // The budget is used, but for calls that several channels come to share, and every channel gets
    // an equal part.
    let used = calls.len() as f64 / 600.0;
    assert!((5.2..=6.0).contains(&used), "{used} calls a second");
    let scrape = env.scrape();
    let stretch = scrape
        .get("polyv_exporter_poll_stretch_ratio", &[])
        .unwrap();
    assert!((5.0..=5.5).contains(&stretch), "{stretch}");
    let lag = scrape.get("polyv_exporter_poll_lag_seconds", &[]).unwrap();
    assert!(lag < 1.5, "nothing queues: {lag} s");
    let received = env.received();
    for channel in 1000..1300 {
        let polls = received[&channel.to_string()].len();
        assert!((10..=13).contains(&polls), "channel {channel}: {polls}");
        // Patience is stretched too.
        assert_eq!(scrape.state(&channel.to_string()), "live");
    }
}

#[tokio::test(start_paused = true)]
async fn reload_keeps_counting_earlier_calls() {
    let mut env = TestEnv::with_exporter(&scenario(300), &config("", 300, "10s"));
    for round in 0..20 {
        advance(7.3).await;
        // Another number of channels each time, so that plans change, and the limit stays.
        env.reload(&config("", 150 + round * 7, "10s")).await;
    }
    let calls = received(&env);
    assert!(
        max_calls_in_window(&calls, 10_000) <= 60,
        "{}",
        max_calls_in_window(&calls, 10_000)
    );
    assert!(calls.len() > 600);
}

#[tokio::test(start_paused = true)]
async fn immediate_restart_stays_within_one_and_a_half_limits() {
    let mut env = TestEnv::with_exporter(&scenario(300), &config("", 300, "10s"));
    let mut restarts = Vec::new();
    for _ in 0..5 {
        advance(33.0).await;
        env.stop().await;
        restarts.push(env.monotonic_ms());
        env.start(&config("", 300, "10s"));
    }
    advance(30.0).await;
    let calls = received(&env);
    let fullest = max_calls_in_window(&calls, 10_000);
    assert!(fullest <= 90, "{fullest}");
    // And without a restart in the window, within the limit itself.
    let mut spans = restarts;
    spans.push(u64::MAX);
    let mut begin = 0;
    for end in spans {
        let span: Vec<_> = calls
            .iter()
            .copied()
            .filter(|at| (begin..end).contains(at))
            .collect();
        assert!(max_calls_in_window(&span, 10_000) <= 60);
        begin = end;
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_stay_within_the_limit() {
    // A thousand channels at once, of which half go away and come back again and again.
    let mut env = TestEnv::with_exporter(&scenario(1000), &config("", 1000, "2m"));
    for round in 0..6 {
        advance(25.0).await;
        let channels = if round % 2 == 0 { 500 } else { 1000 };
        env.reload(&config("", channels, "2m")).await;
    }
    let calls = received(&env);
    assert!(
        max_calls_in_window(&calls, 10_000) <= 60,
        "{}",
        max_calls_in_window(&calls, 10_000)
    );
}

#[tokio::test]
async fn reload_and_crash_stay_within_the_limit_over_real_http() {
    let polyv = SimulatorServer::start(
        "limits: {requests: 30, per: 2s, for: 5m, as: 429}
channels: [{id: 1000, count: 60}]
troubles: [{trouble: latency, median: 20ms, p99: 300ms}]",
    )
    .await;
    let config = |channels: u32| {
        let channels: Vec<_> = (1000..1000 + channels)
            .map(|id| format!("{{id: {id}}}"))
            .collect();
        quick_config(polyv.address, &format!("[{}]", channels.join(", "))).replace(
            "timeout: 1s",
            "timeout: 1s, rate_limit: {requests: 20, per: 2s}",
        )
    };
    let mut exporter = Exporter::start(&config(40)).await;
    let calls = || polyv.simulator.requests().len();
    let until = async |count: usize| {
        let begin = Instant::now();
        while calls() < count {
            assert!(begin.elapsed() < DEADLINE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(40).await;
    replace(&exporter.config_path(), &config(60));
    assert_eq!(exporter.reload().await.0, 200);
    until(80).await;
    // A crash in the middle of everything, and a successor at once that knows of nothing.
    exporter.program.signal("KILL");
    exporter.program.ended().await;
    let crashed = calls();
    let successor = Exporter::start(&config(60)).await;
    until(crashed + 40).await;
    drop(successor);
    let received = received_of(&polyv.simulator);
    assert!(max_calls_in_window(&received[..crashed], 2_000) <= 20);
    assert!(max_calls_in_window(&received[crashed..], 2_000) <= 20);
    assert!(max_calls_in_window(&received, 2_000) <= 30);
}
