//! The status page and its JSON, without a browser.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use serde_json::Value;

use crate::support::exporter_process::{
    DEADLINE, Exporter, polyv_exporter, quick_config, run, text_of,
};
use crate::support::simulator_server::SimulatorServer;

const SCENARIO: &str = "sample_every: 1s
channels: [{id: 1}, {id: 2, bitrate_bps: 500000}, {id: 3, life: offline}, {id: 4}]
troubles: [{trouble: rejected, channels: ['4'], message: no such channel}]";
const CONFIGURED: &str = "[
  {id: 1, name: Main stage, labels: {team: events}, expect: {live: true, video_bitrate_bps: 1200000, video_framerate_fps: 15, audio_framerate_fps: 43}},
  {id: 2, name: Side stage}, {id: 3, name: tomorrow}, {id: 4}]";

async fn setup() -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start(SCENARIO).await;
    let exporter = Exporter::start(&quick_config(polyv.address, CONFIGURED)).await;
    // The highest of half a minute, and the usual level, which history gives at once.
    exporter
        .until("all is known", |scrape| {
            scrape.all("polyv_channel_last_poll_outcome", &[]).len() == 4
                && scrape.all("polyv_stream_video_bitrate_max_bps", &[]).len() == 2
                && scrape
                    .all("polyv_stream_video_bitrate_baseline_bps", &[])
                    .len()
                    == 2
        })
        .await;
    (polyv, exporter)
}

async fn json(exporter: &Exporter, path: &str) -> (u16, Value) {
    let response = exporter.get(path).await;
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/json",
        "{path}"
    );
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{path}");
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

async fn ids(exporter: &Exporter, query: &str) -> Vec<String> {
    let (status, response) = json(exporter, &format!("/api/v1/channels{query}")).await;
    assert_eq!(status, 200, "{query}: {response}");
    let channels = response["channels"].as_array().unwrap().iter();
    channels
        .map(|channel| channel["channel_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn api_agrees_with_the_metrics() {
    let (_polyv, exporter) = setup().await;
    let (_, response) = json(&exporter, "/api/v1/channels?sort=name").await;
    let scrape = exporter.scrape().await;
    for channel in response["channels"].as_array().unwrap() {
        let id = channel["channel_id"].as_str().unwrap();
        assert_eq!(channel["state"], scrape.state(id), "{id}");
        let labels = [("channel_id", id)];
        for (key, family) in [
            (
                "state_changed_timestamp_seconds",
                "polyv_channel_state_changed_timestamp_seconds",
            ),
            (
                "live_transitions_total",
                "polyv_channel_live_transitions_total",
            ),
        ] {
            assert_eq!(
                channel[key].as_f64(),
                scrape.get(family, &labels),
                "{id} {key}"
            );
        }
        let expected = scrape.get("polyv_channel_expected_video_bitrate_bps", &labels);
        assert_eq!(channel["expected"]["video_bitrate_bps"].as_f64(), expected);
    }
    let counts = serde_json::json!({
        "channels": 4, "live": 2, "not_live": 1, "unknown": 1, "critical": 0, "warning": 1,
    });
    assert_eq!(response["counts"], counts);
    let rejected = &response["channels"][0];
    assert_eq!(rejected["channel_name"], "4");
    assert_eq!(rejected["last_poll_outcome"], "rejected");
    assert_eq!(rejected["problems"][0]["problem"], "state_unknown");
    assert_eq!(rejected["streams"], serde_json::json!([]));
    let main = &response["channels"][1];
    let bitrate = main["streams"][0]["video_bitrate_bps"].as_f64().unwrap();
    assert!((1_000_000.0..1_400_000.0).contains(&bitrate), "{bitrate}");
    assert!(
        response["exporter"]["api_requests_total"]["ok"]
            .as_u64()
            .unwrap()
            >= 2
    );

    let (status, one) = json(&exporter, "/api/v1/channels/4").await;
    assert_eq!(status, 200);
    assert_eq!(one["last_polls"][0]["outcome"], "rejected");
    let message = one["last_polls"][0]["message"].as_str().unwrap();
    assert!(message.contains("no such channel"), "{message}");
    let (_, one) = json(&exporter, "/api/v1/channels/1").await;
    let points = one["history"][0]["points"].as_array().unwrap();
    assert!(
        points.len() > 150,
        "half an hour in steps of 10 s: {}",
        points.len()
    );
    for path in [
        "/api/v1/channels/99",
        "/api/v1/channels/%3Cb%3E",
        "/api/v1/channels/1%2F2",
        "/api/v1/channels/%ff",
        "/api/v1/nothing",
    ] {
        let (status, response) = json(&exporter, path).await;
        assert_eq!(status, 404, "{path}");
        let why = response["error"].as_str().unwrap();
        assert!(why.contains("There is n"), "{path}: {why}");
    }
}

#[tokio::test]
async fn api_filters_sorts_and_rejects_unknown_parameters() {
    let (_polyv, exporter) = setup().await;
    for (query, expected) in [
        ("", "4 1 2 3"),
        ("?q=stage", "1 2"),
        ("?q=%20STAGE%20&sort=-name", "2 1"),
        ("?q=events", "1"),
        ("?account=main&state=live", "1 2"),
        ("?account=other", ""),
        ("?state=not_live", "3"),
        ("?state=unknown", "4"),
        ("?state=problem", "4"),
        ("?state=warning", "4"),
        ("?state=critical", ""),
        ("?sort=name", "4 1 2 3"),
        ("?sort=bitrate&state=live", "2 1"),
        ("?sort=-bitrate", "1 2 4 3"),
        ("?sort=", "4 1 2 3"),
    ] {
        let mut found = ids(&exporter, query).await;
        if query == "?sort=-bitrate" {
            // Those without a bitrate come last in either order.
            found[2..].sort_by(|a, b| b.cmp(a));
        }
        assert_eq!(found.join(" "), expected, "{query}");
    }
    for (query, culprit) in [
        ("?stat=live", "stat"),
        ("?state=dead", "dead"),
        ("?sort=colour", "colour"),
        ("?q=a&q=b", "q"),
        ("/1?state=live", "state"),
        ("?limit=1", "limit"),
    ] {
        let (status, response) = json(&exporter, &format!("/api/v1/channels{query}")).await;
        assert_eq!(status, 400, "{query}");
        let why = response["error"].as_str().unwrap();
        assert!(why.contains(culprit), "{query}: {why}");
    }
}

/// Where each key stands, without the numbers of list elements.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{path}.{key}");
                // Those whose names are outcomes or the user's own.
                if !path.ends_with("labels") && !path.ends_with("api_requests_total") {
                    keys(value, &path, found);
                }
                found.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, path, found)),
        _ => {}
    }
}

#[tokio::test]
async fn api_keys_are_the_documented_ones() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]\nsample_every: 1s").await;
    let config = quick_config(
        polyv.address,
        "[{id: 1, labels: {a: b}, expect: {live: true, content: camera, video_bitrate_bps: 9000000, video_framerate_fps: 15, audio_framerate_fps: 43}}]",
    );
    let exporter = Exporter::start(&config).await;
    exporter
        .until("its highest bitrate is known", |scrape| {
            let known = |name| !scrape.all(name, &[]).is_empty();
            known("polyv_stream_video_bitrate_max_bps") && known("polyv_channel_viewers")
        })
        .await;
    polyv.inject_faults("{trouble: error_500}").await;
    exporter
        .until("a failed poll", |scrape| {
            !scrape
                .all(
                    "polyv_channel_last_poll_outcome",
                    &[("outcome", "server_error")],
                )
                .is_empty()
        })
        .await;
    let document = std::fs::read_to_string("docs/http-api.md").unwrap();
    let mut documented: Vec<Value> = crate::docs::pages::blocks(&document, "json")
        .into_iter()
        .map(|block| serde_json::from_str(&block).unwrap())
        .collect();
    // Said in words: the channel is the same in both.
    documented[1]["channel"] = documented[0]["channels"][0].clone();
    for (path, documented) in ["/api/v1/channels", "/api/v1/channels/1"]
        .into_iter()
        .zip(documented)
    {
        let (_, response) = json(&exporter, path).await;
        let (mut said, mut promised) = (BTreeSet::new(), BTreeSet::new());
        keys(&response, "", &mut said);
        keys(&documented, "", &mut promised);
        assert_eq!(said, promised, "{path}: {response:#}");
    }
    for kind in polyv_exporter::state::HealthIssueKind::ALL {
        let row = format!("| `{}` | {} |", kind.as_str(), kind.severity().as_str());
        assert!(document.contains(&row), "{row}");
    }
}

#[tokio::test]
async fn page_language_is_the_chosen_or_preferred_one() {
    let (_polyv, exporter) = setup().await;
    for (path, accept, cookie, expected) in [
        ("/", "", "", "lang=\"en\""),
        ("/", "zh-CN,zh;q=0.9,en;q=0.8", "", "lang=\"zh-CN\""),
        ("/", "zh", "polyv_exporter_lang=en", "lang=\"en\""),
        (
            "/",
            "en",
            "lang=en; polyv_exporter_lang=zh",
            "lang=\"zh-CN\"",
        ),
        ("/?lang=en", "zh", "polyv_exporter_lang=zh", "lang=\"en\""),
        ("/channels/1", "zh", "", "lang=\"zh-CN\""),
        (
            "/channels/1?lang=xx",
            "zh",
            "polyv_exporter_lang=yy",
            "lang=\"zh-CN\"",
        ),
    ] {
        let request = exporter.client.get(exporter.url(path));
        let request = request
            .header(ACCEPT_LANGUAGE, accept)
            .header(COOKIE, cookie);
        let response = request.send().await.unwrap();
        let remembered = response.headers().get(SET_COOKIE).cloned();
        assert_eq!(remembered.is_some(), path.ends_with("lang=en"), "{path}");
        let page = response.text().await.unwrap();
        let html = page.split_once("<html ").unwrap().1;
        assert!(html.starts_with(expected), "{path} {accept} {cookie}");
    }
}

#[tokio::test]
async fn page_is_self_contained_and_works_under_any_path() {
    let (_polyv, exporter) = setup().await;
    for path in ["/", "/channels/1"] {
        let page = exporter.get(path).await.text().await.unwrap();
        let mut assets = 0;
        for attribute in ["href=\"", "src=\"", "data-feed=\""] {
            for (at, _) in page.match_indices(attribute) {
                let link = page[at + attribute.len()..].split('"').next().unwrap();
                assert!(
                    !link.starts_with('/') && !link.contains("//"),
                    "{path}: {link}"
                );
                let base = reqwest::Url::parse(&exporter.url(path)).unwrap();
                let target = base.join(&link.replace("&amp;", "&")).unwrap();
                let response = exporter.client.get(target).send().await.unwrap();
                assert_eq!(response.status(), 200, "{path}: {link}");
                assets += usize::from(link.contains("assets/"));
            }
        }
        assert_eq!(assets, 3, "{path}");
    }
    let page = exporter.get("/").await.text().await.unwrap();
    let build = page.split_once("data-build=\"").unwrap().1;
    let build = build.split('"').next().unwrap();
    for asset in ["page.js", "page.css", "icon.svg"] {
        let response = exporter.get(&format!("/assets/{asset}?{build}")).await;
        let kept = response.headers()[CACHE_CONTROL].to_str().unwrap();
        assert!(kept.contains("immutable"), "{asset}: {kept}");
        // Another build's address must not keep this one's content.
        let other = exporter.get(&format!("/assets/{asset}?other")).await;
        assert_eq!(other.headers()[CACHE_CONTROL], "no-cache");
        let text = response.text().await.unwrap();
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !elsewhere.contains("http:") && !elsewhere.contains("https:"),
            "{asset}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_parameters_are_rejected() {
    let (_polyv, exporter) = setup().await;
    for path in [
        "/assets/",
        "/assets/nothing",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/page.js",
        "/channels/",
        "/channels/1/2",
        "/channels/..%2fmetrics",
        "/channels/%00",
        "/channels/%ff",
        "/assets/%ff",
        "/fragments/",
        "/api/v1/",
        "/api/v2/channels",
        "//",
    ] {
        let response = exporter.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
    }
    for (query, culprit) in [
        ("?page=-1", "`page` must be a whole number, not `-1`"),
        ("?page=x", "`page` must be a whole number, not `x`"),
        ("?state=x", "`state` can't be `x`; it can be problem,"),
        ("?sort=x", "`sort` can't be `x`; it can be name,"),
    ] {
        let response = exporter.get(&format!("/{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        let why = response.text().await.unwrap();
        assert!(why.contains(culprit), "{query}: {why}");
    }
    for method in [
        reqwest::Method::POST,
        reqwest::Method::PUT,
        reqwest::Method::DELETE,
    ] {
        for path in ["/", "/channels/1", "/api/v1/channels", "/assets/page.js"] {
            let request = exporter.client.request(method.clone(), exporter.url(path));
            assert_eq!(
                request.send().await.unwrap().status(),
                405,
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn telemetry_path_may_replace_the_overview() {
    let polyv = SimulatorServer::start("channels: [{id: 1}]").await;
    let config = quick_config(polyv.address, "[{id: 1}]");
    let exporter = Exporter::start_with(&config, |command| {
        command.arg("--web.telemetry-path=/");
    })
    .await;
    let metrics = exporter.get("/").await.text().await.unwrap();
    assert!(metrics.contains("# TYPE polyv_channel_state gauge"));
    assert_eq!(exporter.get("/channels/1").await.status(), 200);
    assert_eq!(ids(&exporter, "").await, ["1"]);
    for taken in [
        "/channels/x",
        "/assets/page.js",
        "/fragments/channels",
        "/api/v1/channels",
    ] {
        let path = exporter.config_path();
        let mut command = polyv_exporter();
        command
            .arg("--config.file")
            .arg(path)
            .arg(format!("--web.telemetry-path={taken}"));
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(2), "{taken}");
        assert!(
            text_of(&output).contains("something else is there"),
            "{taken}"
        );
    }
}

#[tokio::test]
async fn page_update_contains_only_changes() {
    let polyv =
        SimulatorServer::start("channels: [{id: 1}, {id: 2, life: offline}, {id: 3}]").await;
    // Channel 1 is polled every second, and the others rarely.
    let config = quick_config(
        polyv.address,
        "[{id: 1, live_interval: 1s}, {id: 2}, {id: 3}]",
    );
    let exporter = Exporter::start(&config.replacen("interval: 1s", "interval: 8s", 2)).await;
    exporter
        .until("all were asked", |scrape| {
            scrape.all("polyv_channel_last_poll_outcome", &[]).len() == 3
        })
        .await;
    let news = async |parameters: &str| {
        let path = format!("/fragments/channels?lang=en{parameters}");
        json(&exporter, &path).await.1
    };
    let rows = |news: &Value| -> Vec<String> {
        let rows = news["rows"].as_object();
        rows.map_or_else(Vec::new, |rows| rows.keys().cloned().collect())
    };
    let all = news("").await;
    assert_eq!(all["order"], serde_json::json!(["c1", "c3", "c2"]));
    assert_eq!(rows(&all), ["c1", "c2", "c3"]);
    let mut cursor = all["cursor"].as_str().unwrap().to_owned();
    let begin = std::time::Instant::now();
    loop {
        let since = news(&format!("&since={cursor}")).await;
        assert_eq!(since["order"].as_array().unwrap().len(), 3);
        if rows(&since) == ["c1"] {
            break;
        }
        // Another one may have been polled at the same time, but not each time.
        assert!(begin.elapsed() < DEADLINE, "{since:#}");
        since["cursor"].as_str().unwrap().clone_into(&mut cursor);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // Another exporter's cursor, or none, says nothing about this one.
    for foreign in [
        "1234.99999999",
        "x",
        "1.2.3",
        "%00",
        "18446744073709551616.1",
    ] {
        assert_eq!(
            rows(&news(&format!("&since={foreign}")).await).len(),
            3,
            "{foreign}"
        );
    }
    // For a tab in the background: what stands in its title.
    let brief = news("&brief=true").await;
    assert!(brief["title"].as_str().unwrap().starts_with("2 live of 3"));
    assert!(rows(&brief).is_empty() && brief["order"].is_null());
}

#[tokio::test]
async fn page_of_a_thousand_channels_fits_a_megabyte_and_more_are_paginated() {
    // As unsteady as streams get, so that no line of a chart is short.
    let polyv =
        SimulatorServer::start("limits: none\nnoise: 0.4\nchannels: [{id: 1000, count: 1200}]")
            .await;
    let channels: Vec<_> = (1000..2200)
        .map(|id| {
            format!("{{id: {id}, name: Lecture hall {id}, expect: {{video_bitrate_bps: 1200000}}}}")
        })
        .collect();
    let config = quick_config(polyv.address, &format!("[{}]", channels.join(",")))
        .replace("interval: 1s", "interval: 5s")
        .replace("timeout: 1s", "timeout: 30s");
    let exporter = Exporter::start(&config).await;
    exporter
        .until("all are live", |scrape| {
            scrape.all("polyv_stream_video_bitrate_bps", &[]).len() == 1200
        })
        .await;
    let page = exporter.get("/").await.text().await.unwrap();
    assert_eq!(page.matches("<tbody").count(), 1000);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(
        page.contains("Channels 1 to 1000 of 1200"),
        "{}",
        &page[page.len() - 3000..]
    );
    assert!(page.contains("href=\"?page=2\""));
    let mut seen = BTreeMap::new();
    for number in ["0", "1", "2", "3", "99999"] {
        let page = exporter.get(&format!("/?page={number}&sort=name")).await;
        let page = page.text().await.unwrap();
        seen.insert(number, page.matches("<tbody").count());
    }
    let expected = [
        ("0", 1000),
        ("1", 1000),
        ("2", 200),
        ("3", 200),
        ("99999", 200),
    ];
    assert_eq!(seen, expected.into());
    let found = exporter.get("/?q=hall%202199").await.text().await.unwrap();
    assert_eq!(found.matches("<tbody").count(), 1);
}
