//! The figures of the page on sizing that can be counted are so.

use std::time::Duration;

use polyv_exporter::config::Source;
use polyv_exporter::scheduler::{capacity_warning, rate_limit_from_config};

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::markdown::read;
use crate::support::simulator_server::SimulatorServer;

#[tokio::test]
async fn series_per_channel_match_the_sizing_page() {
    let page = read("docs/sizing.md");
    let polyv = SimulatorServer::start(
        "sample_every: 1s
channels: [{id: 1}, {id: 2, life: offline}, {id: 3, streams: [a, b]}, {id: 4}]",
    )
    .await;
    let expect = "{live: true, content: camera, video_bitrate_bps: 1, video_framerate_fps: 1, audio_framerate_fps: 1}";
    let channels = format!("[{{id: 1}}, {{id: 2}}, {{id: 3}}, {{id: 4, expect: {expect}}}]");
    let exporter = Exporter::start(&quick_config(polyv.address, &channels)).await;
    let scrape = exporter
        .until("all is known", |scrape| {
            let streams = scrape.all("polyv_stream_video_bitrate_baseline_bps", &[]);
            let polled = scrape.all("polyv_channel_last_poll_success_timestamp_seconds", &[]);
            let pushed = scrape.all("polyv_channel_pushing", &[]);
            let watched = scrape.all("polyv_channel_viewers", &[]);
            streams.len() == 4 && polled.len() == 4 && pushed.len() == 3 && watched.len() == 3
        })
        .await;
    let count = |channel: &str| {
        let label = format!("channel_id=\"{channel}\"");
        scrape
            .text
            .lines()
            .filter(|line| line.contains(&label))
            .count()
    };
    let all = scrape
        .text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    let rest = all - count("1") - count("2") - count("3") - count("4");
    for row in [
        format!("| a channel that is not live | {} |", count("2")),
        format!("| a live channel with one stream | {} |", count("1")),
        format!(
            "| each further stream (8 at most) | {} |",
            count("3") - count("1")
        ),
        format!(
            "| each of the five keys of `expect` | {} |",
            (count("4") - count("1")) / 5
        ),
        format!("with one account | some {} |", (rest + 5) / 10 * 10),
    ] {
        assert!(page.contains(&row), "docs/sizing.md does not say: {row}");
    }
}

#[test]
fn channel_capacity_matches_the_sizing_page() {
    use std::fmt::Write as _;
    let page = read("docs/sizing.md");
    let warning_for = |channels: usize, poll: &str| {
        let mut text =
            format!("poll: {poll}\naccounts:\n- app_id: a\n  app_secret: s\n  channels:\n");
        for id in 0..channels {
            _ = writeln!(text, "  - id: {id}");
        }
        capacity_warning(&Source::text("test", &text).load().unwrap())
    };
    // Before its first response, the program uses the page's formula.
    assert!(page.contains("=  0.98 × requests / (per + time of a response)"));
    let there = |requests: usize, latency: f64| {
        let mut limit = rate_limit_from_config(&default());
        assert!(requests != 1_000 || limit.requests == requests);
        limit.requests = requests;
        0.98 * limit.sustained_rate(Duration::from_secs_f64(latency))
    };
    assert!(
        page.contains("after 0.1 seconds, 97.0 calls a second are there; after 0.3 seconds 95.")
    );
    assert_eq!(format!("{:.1}", there(1_000, 0.1)), "97.0");
    assert!(warning_for(1_500, "{}").unwrap().contains("allow 97.0:"));
    assert_eq!(format!("{:.0}", there(1_000, 0.3)), "95");

    // The table, for responses after 0.3 seconds.
    assert!(page.contains("| channels, when responses take 0.3 seconds | fits"));
    let poll = default().poll;
    let most = |requests, interval: Duration, step: f64| {
        (there(requests, 0.3) * interval.as_secs_f64() / step).floor() * step
    };
    let needed = |live: f64, idle_calls: f64| {
        live / poll.live_interval.as_secs_f64() + idle_calls / poll.idle_interval.as_secs_f64()
    };
    for (row, fits) in [
        (
            "| up to 1,400 live, with 10,000 that are not | yes |",
            most(1_000, poll.live_interval, 100.0) == 1_400.0
                && needed(1_400.0, 10_000.0 / 200.0) < there(1_000, 0.3),
        ),
        (
            "| 100,000 of which 500 are live | yes |",
            needed(500.0, 99_500.0 / 200.0) < there(1_000, 0.3),
        ),
        (
            "need 33.3 + 16.7 = 50.0: they fit",
            format!("{:.1}", needed(500.0, 100_000.0 / 200.0)) == "50.0",
        ),
        (
            "| with `poll.status: single`: up to 2,800 that are not live | yes |",
            most(1_000, poll.idle_interval, 100.0) == 2_800.0,
        ),
    ] {
        assert!(page.contains(row) && fits, "{row}");
    }
    assert_eq!(warning_for(1_400, "{}"), None);
    // The longest interval leaves the other one to be judged.
    assert_eq!(
        warning_for(2_800, "{live_interval: 1h, status: single}"),
        None
    );
    assert!(warning_for(3_000, "{live_interval: 1h, status: single}").is_some());
    assert_eq!(warning_for(100_000, "{live_interval: 1h}"), None);
    let stretch = |live: f64, idle: f64| needed(live, idle) / there(1_000, 0.3);
    assert!(page.contains(
        "| with `poll.status: single`: 1,000 live and 1,000 not live | just about: intervals are stretched by a twentieth |"
    ));
    assert_eq!(format!("{:.2}", stretch(1_000.0, 1_000.0)), "1.05");
    assert!(page.contains("| 5,000 live | all intervals are 3.5 times as long;"));
    assert_eq!(format!("{:.1}", stretch(5_000.0, 0.0)), "3.5");

    // Other pages say the same.
    let configuration = words(&read("docs/configuration.md"));
    assert!(
        configuration.contains("[1,400 live channels](sizing.md) fit, with 10,000 that are not.")
    );
    let kubernetes = words(&read("docs/kubernetes.md"));
    for (said, requests, interval, number) in [
        (
            "700 calls are enough for some 950 live channels",
            700,
            poll.live_interval,
            950.0,
        ),
        (
            "1,400 calls are enough for some 1,900 live channels",
            1_400,
            poll.live_interval,
            1_900.0,
        ),
    ] {
        assert!(
            kubernetes.contains(said),
            "docs/kubernetes.md does not say: {said}"
        );
        let most = most(requests, interval, 1.0);
        assert!(number <= most && most < number * 1.06, "{said}: {most}");
    }
}

/// A configuration that sets nothing.
fn default() -> polyv_exporter::config::Config {
    let text = "accounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]";
    Source::text("test", text).load().unwrap()
}

/// A text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
