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
