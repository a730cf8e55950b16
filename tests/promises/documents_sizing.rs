//! The figures of the page on sizing that can be counted are so.

use polyv_exporter::config::Source;
use polyv_exporter::poller::over_demand;

use super::support::pages::read;
use super::support::program::{Exporter, quick_config};
use super::support::served::Served;

#[tokio::test]
async fn channels_have_as_many_series_as_the_page_on_sizing_says() {
    let page = read("docs/sizing.md");
    let polyv = Served::start(
        "sample_every: 1s
channels: [{id: 1}, {id: 2, life: offline}, {id: 3, streams: [a, b]}, {id: 4}]",
    )
    .await;
    let expect =
        "{live: true, video_bitrate_bps: 1, video_framerate_fps: 1, audio_framerate_fps: 1}";
    let channels = format!("[{{id: 1}}, {{id: 2}}, {{id: 3}}, {{id: 4, expect: {expect}}}]");
    let exporter = Exporter::start(&quick_config(polyv.address, &channels)).await;
    let scrape = exporter
        .until("all is known", |scrape| {
            let streams = scrape.all("polyv_stream_video_bitrate_baseline_bps", &[]);
            let polled = scrape.all("polyv_channel_last_poll_success_timestamp_seconds", &[]);
            streams.len() == 4 && polled.len() == 4
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
            "| each of the four keys of `expect` | {} |",
            (count("4") - count("1")) / 4
        ),
        format!("with one account | some {} |", (rest + 5) / 10 * 10),
    ] {
        assert!(page.contains(&row), "docs/sizing.md does not say: {row}");
    }
}

#[test]
fn as_many_channels_fit_as_the_page_on_sizing_says() {
    use std::fmt::Write as _;
    let page = read("docs/sizing.md");
    let said = |channels: usize, poll: &str| {
        let mut text =
            format!("poll: {poll}\naccounts:\n- app_id: a\n  app_secret: s\n  channels:\n");
        for id in 0..channels {
            _ = writeln!(text, "  - id: {id}");
        }
        over_demand(&Source::text("test", &text).evaluate().unwrap())
    };
    assert!(page.contains("| up to 1,400 live | yes |"));
    assert_eq!(said(1_400, "{}"), None);
    assert!(said(1_500, "{}").is_some());
    // The longest interval leaves the other one to be judged.
    assert!(page.contains("| up to 2,900 that are not live | yes |"));
    assert_eq!(said(2_900, "{live_interval: 1h}"), None);
    assert!(said(3_000, "{live_interval: 1h}").is_some());
    assert!(page.contains("97.0 calls a second are there"));
    assert!(said(1_500, "{}").unwrap().contains("allow 97.0:"));
}
