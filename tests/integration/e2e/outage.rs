//! An outage under many channels, through the real Prometheus and Alertmanager: one page.
//!
//! Needs what `e2e::alertmanager` needs.

use std::time::{Duration, Instant};

use super::alertmanager::example_for;
use crate::support::exporter_process::Exporter;
use crate::support::prometheus_stack::{Alertmanager, Message, Pager, Prometheus};
use crate::support::simulator_server::SimulatorServer;

const MAX_WAIT: Duration = Duration::from_secs(240);
/// How long Alertmanager may take to send a page about one channel, and a little.
const GROUP_WAIT: Duration = Duration::from_secs(40);
/// An outage under the first 30 of 40 channels.
const FIRST: usize = 100;
const CHANNELS: usize = 40;
const AFFECTED: usize = 30;

/// The alerts of the pages that began, in the order of their messages.
fn pages(pager: &Pager) -> Vec<(String, String)> {
    pager
        .messages()
        .into_iter()
        .filter(|message| message.path == "/pages" && message.is_firing())
        .flat_map(|message| message.alerts())
        .collect()
}

fn page(alert: &str, channel: usize) -> (String, String) {
    let channel = match channel {
        0 => String::new(),
        _ => channel.to_string(),
    };
    (alert.to_owned(), channel)
}

async fn described(pager: &Pager, page: &(String, String)) -> String {
    let found = |message: &Message| message.is_firing() && message.alerts().contains(page);
    let message = pager.message(MAX_WAIT, found).await;
    let description = &message.body["alerts"][0]["annotations"]["description"];
    description.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn outage_of_many_channels_is_one_page_and_a_slide_is_none() {
    const SLIDE: usize = 1;
    const VENUE: usize = 2;
    let ids: Vec<_> = [SLIDE, VENUE]
        .into_iter()
        .chain(FIRST..FIRST + CHANNELS)
        .map(|id| format!("{{id: {id}}}"))
        .collect();
    let polyv = SimulatorServer::start(&format!("channels: [{}]", ids.join(", "))).await;
    let config = format!(
        "api: {{base_url: 'http://{}'}}
accounts:
- {{name: main, app_id: simulated, app_secret: simulated-secret, channels: [{}]}}
- {{name: events, app_id: simulated, app_secret: simulated-secret, channels: [{}]}}
",
        polyv.address,
        ids[..2].join(", "),
        ids[2..].join(", "),
    );
    let exporter = Exporter::start(&config).await;
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&example_for(&pager)).await;
    let prometheus = Prometheus::start(&[exporter.address], "5s", Some(alertmanager.address)).await;
    let healthy = "count(polyv_stream_video_framerate_baseline_fps) == 42";
    prometheus.value(healthy).await;

    let set = async |channel: usize, life: &str| {
        let path = format!("channels/{channel}/life");
        polyv.control("PUT", &path, life).await;
    };
    set(SLIDE, "{phase: bitrate_drop, to: 0.1}").await;
    set(VENUE, "uplink_loss").await;
    for channel in FIRST..FIRST + AFFECTED {
        set(channel, "uplink_loss").await;
    }
    let begin = Instant::now();

    let many = page("PolyvManyChannelsFailing", 0);
    let description = described(&pager, &many).await;
    println!("one page after {:.0?}: {description}", begin.elapsed());
    for part in [
        "of 40 channels",
        "(bitrate dropped)",
        "likely cause",
        "uplink",
    ] {
        assert!(description.contains(part), "{part}: {description}");
    }
    let venue = page("PolyvStreamBitrateDropped", VENUE);
    let description = described(&pager, &venue).await;
    println!("the venue's after {:.0?}: {description}", begin.elapsed());
    for part in ["kbit/s", "usual level", "fps", "likely cause: uplink"] {
        assert!(description.contains(part), "{part}: {description}");
    }
    // There would be 30 others by now, and the slide's.
    tokio::time::sleep(GROUP_WAIT).await;
    let mut received = pages(&pager);
    received.sort();
    assert_eq!(received, [many.clone(), venue.clone()]);

    // All but one recover: its own page comes when the common one is over.
    for channel in FIRST + 1..FIRST + AFFECTED {
        set(channel, "steady").await;
    }
    set(VENUE, "steady").await;
    let left = page("PolyvStreamBitrateDropped", FIRST);
    described(&pager, &left).await;
    println!("the last one's after {:.0?}", begin.elapsed());
    let over = |message: &Message| !message.is_firing() && message.alerts().contains(&many);
    pager.message(MAX_WAIT, over).await;
    let mut received = pages(&pager);
    received.sort();
    received.dedup();
    assert_eq!(received, [many, left, venue]);
}
