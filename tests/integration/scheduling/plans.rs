//! Planned broadcasts: what is expected of a channel, and when.

use crate::support::test_env::{BEGINNING, TestEnv, advance};
use polyv_exporter::state::HealthIssueKind;

/// Noon in Shanghai, when simulations begin, in seconds since 1970.
#[allow(clippy::cast_precision_loss)] // exact
const NOON: f64 = (BEGINNING / 1000) as f64;

/// A channel with a broadcast from 12:10 to 12:40 in Shanghai.
const CONFIG: &str = "accounts:
- app_id: simulated
  app_secret: simulated-secret
  channels:
  - {id: 1, schedule: [{cron: '10 12 * * 6', duration: 30m}]}
  - {id: 2}";

/// What is shown of channel 1: whether it should be live, and the planned start and end in minutes.
fn shown(env: &TestEnv) -> (Option<f64>, Option<f64>, Option<f64>) {
    let scrape = env.scrape();
    let minute = |name: &str| scrape.of(name, "1").map(|time| (time - NOON) / 60.0);
    assert_eq!(scrape.of("polyv_channel_expected_live", "2"), None);
    (
        scrape.of("polyv_channel_expected_live", "1"),
        minute("polyv_channel_planned_start_timestamp_seconds"),
        minute("polyv_channel_planned_end_timestamp_seconds"),
    )
}

fn is_missed(env: &TestEnv) -> bool {
    let key = env.store().find("1").unwrap();
    let snapshot = env.store().snapshot(key, env.now()).unwrap();
    let mut problems = snapshot.problems.iter();
    problems.any(|problem| problem.kind == HealthIssueKind::OffAir)
}

#[tokio::test(start_paused = true)]
async fn channel_is_expected_live_as_planned_and_shown_while_it_overruns() {
    let scenario = "channels: [{id: 1, life: offline}, {id: 2, life: offline}]";
    let mut env = TestEnv::with_exporter(scenario, CONFIG);
    advance(599.0).await;
    assert_eq!(shown(&env), (Some(0.0), Some(10.0), Some(40.0)));
    assert!(env.received_at("stream_info").is_empty());
    // To the second, without a response in between.
    advance(1.0).await;
    assert_eq!(shown(&env), (Some(1.0), Some(10.0), Some(40.0)));
    advance(59.0).await;
    assert!(!is_missed(&env));
    assert!(!env.received_at("stream_info").is_empty());
    advance(2.0).await;
    assert!(is_missed(&env));
    env.set_script("1", "steady");
    advance(60.0).await;
    assert!(!is_missed(&env));
    assert_eq!(env.scrape().state("1"), "live");
    // Until ten minutes before the planned end.
    advance(1799.0 - 721.0).await;
    assert_eq!(shown(&env), (Some(1.0), Some(10.0), Some(40.0)));
    advance(1.0).await;
    assert_eq!(shown(&env), (Some(0.0), Some(10.0), Some(40.0)));
    // It goes on for longer, which an exporter that starts meanwhile sees as well.
    advance(1800.0).await;
    assert_eq!(shown(&env), (Some(0.0), Some(10.0), Some(40.0)));
    env.stop().await;
    env.start(CONFIG);
    advance(60.0).await;
    assert_eq!(shown(&env), (Some(0.0), Some(10.0), Some(40.0)));
    env.set_script("1", "offline");
    advance(60.0).await;
    assert_eq!(shown(&env), (Some(0.0), None, None));
    // The same again next week.
    advance(6.0 * 86400.0 - 3600.0).await;
    assert_eq!(shown(&env), (Some(0.0), None, None));
    advance(7200.0).await;
    let week = 7.0 * 1440.0;
    assert_eq!(
        shown(&env),
        (Some(0.0), Some(week + 10.0), Some(week + 40.0))
    );
}

/// An account whose channels get their plans from Polyv: one configured, the others discovered.
const FROM_POLYV: &str = "accounts:
- name: main
  app_id: simulated
  app_secret: simulated-secret
  schedule_from: polyv
  discover: {every: 30s}
  channels: [{id: 1}]";

#[tokio::test(start_paused = true)]
async fn plans_of_polyv_are_read_and_kept_while_they_are_unreadable() {
    let env = TestEnv::with_exporter(
        "channels:
- {id: 1, life: offline, planned: [{start: 20m, duration: 1h}]}
- {id: 2, life: offline, start_time: 30m}
- {id: 3, life: offline}",
        FROM_POLYV,
    );
    advance(330.0).await;
    assert_eq!(
        (minute(&env, "start", "1"), minute(&env, "end", "1")),
        (Some(20.0), Some(80.0))
    );
    // A discovered channel has series from ten minutes before.
    assert_eq!(minute(&env, "start", "2"), None);
    let age = || {
        let name = "polyv_account_schedule_last_success_timestamp_seconds";
        env.wall_seconds()
            - env
                .self_metrics()
                .get(name, &[("account", "main")])
                .unwrap()
    };
    assert!(age() < 60.0, "{}", age());
    env.inject_faults("[{trouble: error_500, endpoints: [sessions]}, {trouble: hang, endpoints: [channel_plans]}]");
    advance(20.0 * 60.0).await;
    assert!(age() > 15.0 * 60.0, "{}", age());
    let scrape = env.scrape();
    assert_eq!(scrape.of("polyv_channel_expected_live", "1"), Some(1.0));
    assert_eq!(minute(&env, "start", "2"), Some(30.0));
    assert_eq!(minute(&env, "end", "2"), None);
    assert_eq!(scrape.of("polyv_channel_info", "3"), None);
    // What works without plans goes on: no breaker opens and nothing pauses.
    assert_eq!(scrape.state("1"), "not_live");
    assert_eq!(env.self_metrics().get("polyv_api_paused", &[]), Some(0.0));
    // The start without an end is expected until the channel was live.
    advance(10.0 * 60.0).await;
    assert_eq!(
        env.scrape().of("polyv_channel_expected_live", "2"),
        Some(1.0)
    );
    env.set_script("2", "steady");
    advance(60.0).await;
    assert_eq!(
        env.scrape().of("polyv_channel_expected_live", "2"),
        Some(0.0)
    );
    // A plan that is withdrawn goes once Polyv says so.
    env.inject_faults("[]");
    env.simulator.set_planned("1", "[]").unwrap();
    advance(330.0).await;
    assert_eq!(env.scrape().of("polyv_channel_expected_live", "1"), None);
    assert!(age() < 330.0, "{}", age());
}

fn minute(env: &TestEnv, end: &str, channel: &str) -> Option<f64> {
    let name = format!("polyv_channel_planned_{end}_timestamp_seconds");
    Some((env.scrape().of(&name, channel)? - NOON) / 60.0)
}

#[tokio::test(start_paused = true)]
async fn minutes_are_read_once_an_hour_and_absent_where_polyv_does_not_say() {
    let scenario = "
accounts: [{app_id: simulated, app_secret: simulated-secret, minutes_available: 900, minutes_used: 100}]
channels: [{id: 1}]";
    let config =
        "accounts: [{app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}]}]";
    let env = TestEnv::with_exporter(scenario, config);
    let minutes = |name: &str| env.self_metrics().get(name, &[]);
    advance(90.0).await;
    assert_eq!(minutes("polyv_account_minutes_available"), Some(900.0));
    assert_eq!(minutes("polyv_account_minutes_used"), Some(100.0));
    env.inject_faults("[{trouble: forbidden, endpoints: [minutes]}]");
    advance(3600.0).await;
    assert_eq!(minutes("polyv_account_minutes_available"), None);
    assert_eq!(env.received_at("minutes").len(), 2);
    assert_eq!(env.scrape().state("1"), "live");
}

#[tokio::test(start_paused = true)]
async fn viewers_of_live_channels_are_read_in_one_call_and_a_refusal_changes_nothing_else() {
    let scenario = "noise: 0
channels: [{id: 1, viewers: 2340}, {id: 2, viewers: 50, cdn: other}, {id: 3, life: offline}]";
    let config = "accounts:
- {app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}, {id: 2}, {id: 3}]}";
    let env = TestEnv::with_exporter(scenario, config);
    advance(600.0).await;
    let viewers = |channel: &str| env.scrape().of("polyv_channel_viewers", channel);
    let first = viewers("1").unwrap();
    assert!((2200.0..2500.0).contains(&first), "{first}");
    assert!(viewers("2").is_some());
    assert_eq!(viewers("3"), None);
    let calls = env.received_at("viewers").len();
    assert!((18..=26).contains(&calls), "{calls}");
    env.inject_faults("[{trouble: forbidden, endpoints: [viewers]}]");
    advance(200.0).await;
    // Older than two minutes.
    assert_eq!(viewers("1"), None);
    assert_eq!(env.scrape().state("1"), "live");
    assert_eq!(env.self_metrics().get("polyv_api_paused", &[]), Some(0.0));
    env.inject_faults("[]");
    advance(3700.0).await;
    assert!(viewers("1").is_some());
}
