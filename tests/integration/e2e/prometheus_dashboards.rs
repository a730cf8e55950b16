//! Every query of every dashboard, and every rule, on the real Prometheus.
//!
//! Needs `prometheus` in the path: `make test` sees to it, or leaves these tests out and says
//! so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use polyv_exporter::metrics::families;
use serde_json::Value;

use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::prometheus_stack::Prometheus;
use crate::support::simulator_server::SimulatorServer;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The dashboards, with their files' names.
fn dashboards() -> Vec<(String, Value)> {
    let mut found: Vec<_> = std::fs::read_dir(root().join("dashboards"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).unwrap();
            (name, serde_json::from_str(&text).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found.len(), 3);
    found
}

/// A dashboard's queries, each with what it is for.
fn queries(name: &str, dashboard: &Value) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let mut found = Vec::new();
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            found.push((panel["title"].clone(), target["expr"].clone()));
        }
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        found.push((annotation["name"].clone(), annotation["expr"].clone()));
    }
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|(title, expr)| (format!("{name}: {}", text(title)), text(expr)))
        .collect();
    for variable in list(&dashboard["templating"]["list"]) {
        let query = &variable["query"]["query"];
        let Some(query) = query.as_str() else {
            continue;
        };
        let what = format!("{name}: the variable {}", variable["name"]);
        // The part of it that Grafana sends to Prometheus.
        let inside = query.split_once('(').unwrap().1.strip_suffix(')').unwrap();
        let expr = if query.starts_with("label_values(") {
            inside.rsplit_once(',').unwrap().0
        } else {
            inside
        };
        found.push((what, expr.to_owned()));
    }
    found
}

/// Fills Grafana's variables in.
fn with_variables(expr: &str) -> String {
    let with_variables = expr
        .replace("channel_id=\"$channel\"", "channel_id=\"5\"")
        .replace("$__rate_interval", "15s")
        .replace("$__range", "5m")
        .replace("@ end()", "");
    let with_variables = ["$account", "$channel", "$job", "$instance"]
        .iter()
        .fold(with_variables, |text, variable| {
            text.replace(variable, ".*")
        });
    // What is left is the `$1` of an expression.
    assert!(
        !with_variables.replace("\"$1\"", "").contains('$'),
        "{with_variables}"
    );
    with_variables
}

/// The metrics that an expression names: all words that are no label, function or keyword.
fn metrics(expr: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = String::new();
    // Without what stands in quotes, in braces and behind `by` and the like.
    let mut depth = 0;
    let mut quoted = false;
    for c in expr.chars() {
        match c {
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth -= 1,
            other if !quoted && depth == 0 => rest.push(other),
            _ => {}
        }
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for word in rest.split(|c: char| !is_name(c)) {
        let named = word.starts_with("polyv_")
            || word.starts_with("process_")
            || word.starts_with("scrape_")
            || word.contains("polyv_") && word.contains(':')
            || ["up", "ALERTS"].contains(&word);
        if named {
            found.insert(word.to_owned());
        }
    }
    found
}

/// What a rule or panel may use beside the recorded series.
fn is_known(metric: &str) -> bool {
    let family = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| metric.strip_suffix(suffix))
        .and_then(families::find)
        .filter(|family| family.metric_type == families::MetricType::Histogram);
    family.is_some()
        || families::find(metric).is_some_and(|f| f.metric_type != families::MetricType::Histogram)
        || [
            "up",
            "ALERTS",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
        ]
        .contains(&metric)
}

/// What happens in it makes every panel show something.
async fn start_faulty_polyv() -> SimulatorServer {
    SimulatorServer::start(
        "sample_every: 1s
channels:
- {id: 1}
- {id: 2, life: offline}
- {id: 3, streams: [a, b]}
- {id: 4, life: deleted}
- {id: 5, bitrate_bps: 1200000, life: {phase: bitrate_drop, to: 0.2}}
- {id: 6, life: {repeat: [{phase: steady, for: 3s}, {phase: offline, for: 3s}]}}
- {id: 7, life: empty}
- {id: 8}
- {id: 9}
- {id: 10, life: {phase: framerate_sag, to: 0.3}}
troubles:
- {trouble: bad_values, channels: ['3'], defects: [bad_time], one_in: 4}
- {trouble: clock_skew, by: 1m}",
    )
    .await
}

fn config(polyv: &SimulatorServer, recordings: &Path) -> String {
    let expect = "{live: true, video_bitrate_bps: 1200000, video_framerate_fps: 15, audio_framerate_fps: 43}";
    // An hour's broadcast at each hour: one is always planned.
    let planned = "schedule: [{cron: '0 * * * *', duration: 1h}]";
    let of_planned = expect.replace("live: true, ", "");
    let of_main = format!(
        "[{{id: 1, expect: {{content: camera}}}}, {{id: 2, expect: {{live: true}}}}, {{id: 3}}, {{id: 4}}, {{id: 5, {planned}, expect: {of_planned}}}, {{id: 6}}, {{id: 7}}, \
         {{id: 8}}, {{id: 9}}, {{id: 10, expect: {expect}}}]"
    );
    format!(
        "recorder: {{path: {}}}
remote_write: [{{name: nowhere, url: 'http://127.0.0.1:1/api/v1/write'}}]
{}- {{name: refused, app_id: simulated, app_secret: wrong, channels: [{{id: 90}}]}}\n",
        recordings.display(),
        quick_config(polyv.address, &of_main).replace("channels:", "discover: {}, channels:")
    )
}

#[tokio::test]
async fn queries_and_rules_use_existing_metrics_and_return_data() {
    let polyv = start_faulty_polyv().await;
    let recordings = tempfile::tempdir().unwrap();
    let exporter = Exporter::start(&config(&polyv, recordings.path())).await;
    let prometheus = Prometheus::start(&[exporter.address], "1s", None).await;
    // These two were well before, which is what makes it a loss.
    prometheus
        .value("count(polyv_stream_last_sample_timestamp_seconds{channel_id=~\"8|9\"}) == 2")
        .await;
    polyv
        .control("PUT", "channels/8/life", "video_freeze")
        .await;
    polyv.control("PUT", "channels/9/life", "audio_loss").await;
    let rules = prometheus.api("rules", &[]).await;
    let rules: Vec<Value> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let recorded: BTreeSet<String> = rules
        .iter()
        .filter(|rule| rule["type"] == "recording")
        .map(|rule| text(&rule["name"]))
        .collect();

    let mut panel_queries: Vec<(String, String)> = Vec::new();
    for (name, dashboard) in dashboards() {
        panel_queries.extend(queries(&name, &dashboard));
    }
    let panels = panel_queries.len();
    assert!(panels > 60, "{panels}");
    let mut alerts = Vec::new();
    for rule in &rules {
        let (name, expr) = (text(&rule["name"]), text(&rule["query"]));
        if rule["type"] == "recording" {
            panel_queries.push((name, expr));
        } else {
            alerts.push((name, expr));
        }
    }

    // They name nothing that does not exist, and everything that does is named.
    let mut named = BTreeSet::new();
    for (what, expr) in panel_queries.iter().chain(&alerts) {
        for metric in metrics(expr) {
            let known = is_known(&metric) || recorded.contains(&metric);
            assert!(known, "{what} names {metric}: {expr}");
            named.insert(metric);
        }
    }
    // The texts of alerts have queries, too.
    let texts: String = rules
        .iter()
        .map(|rule| rule["annotations"].to_string())
        .collect();
    for family in families::ALL {
        let name = match family.metric_type {
            families::MetricType::Histogram => format!("{}_bucket", family.name),
            _ => family.name.to_owned(),
        };
        let is_used = named.contains(&name) || texts.contains(&name);
        assert!(is_used, "no panel and no rule uses {name}");
    }
    for name in &recorded {
        assert!(named.contains(name), "no panel and no rule uses {name}");
    }

    // They return data, once enough has been seen; so do alerts that there is reason for.
    let begin = Instant::now();
    let with_reason = |(name, _): &&(String, String)| WITH_REASON.contains(&name.as_str());
    let firing: Vec<_> = alerts.iter().filter(with_reason).cloned().collect();
    assert_eq!(firing.len(), WITH_REASON.len());
    let mut waiting = [panel_queries, firing].concat();
    loop {
        let mut empty = Vec::new();
        for (what, expr) in waiting {
            if prometheus
                .query(&with_variables(&expr), None)
                .await
                .is_empty()
            {
                empty.push((what, expr));
            }
        }
        if empty.is_empty() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "{empty:#?}");
        waiting = empty;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // The other alerts parse. What they wait for takes longer than a test may: they are played
    // in simulated hours, by promtool.
    for (_, expr) in &alerts {
        prometheus.query(expr, None).await;
    }
}

/// Alerts that `troubled_polyv` gives reason for.
const WITH_REASON: [&str; 10] = [
    "PolyvStreamBitrateDropped",
    "PolyvStreamBitrateLow",
    "PolyvStreamVideoFrozen",
    "PolyvStreamAudioLost",
    "PolyvStreamVideoFramerateLow",
    "PolyvChannelOfflineUnexpectedly",
    "PolyvChannelFlapping",
    "PolyvChannelStateUnknown",
    "PolyvApiAuthFailed",
    "PolyvClockSkew",
];

#[test]
fn every_alert_has_a_runbook_a_firing_and_a_silent_test() {
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let rules = read(root().join("alerts/polyv.rules.yml"));
    let alerts: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert_eq!(alerts.len(), 26);
    let tests: String = std::fs::read_dir(root().join("alerts/tests"))
        .unwrap()
        .map(|entry| read(entry.unwrap().path()))
        .collect();
    for alert in alerts {
        let fires =
            format!("        alertname: {alert}\n        exp_alerts:\n          - exp_labels");
        assert!(tests.contains(&fires), "no test in which {alert} fires");
        let silent = format!("alertname: {alert}}}\n");
        assert!(
            tests.contains(&silent),
            "no test in which {alert} does not fire"
        );
        let page = root().join(format!("docs/runbooks/{alert}.md"));
        assert!(page.exists(), "{} is missing", page.display());
        let link = format!("/docs/runbooks/{alert}.md\n");
        assert!(rules.contains(&link), "{alert} has no runbook_url");
        let text = read(page);
        assert!(text.starts_with(&format!("# {alert}\n")), "{alert}");
    }
}

#[test]
fn every_panel_has_a_title_and_description() {
    for (name, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = &panel["title"];
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.len() > 60, "{name}: {title}");
            let source = &panel["datasource"]["uid"];
            assert_eq!(source, "${datasource}", "{name}: {title}");
        }
        let variables: Vec<_> = dashboard["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            variables[..3],
            ["datasource", "account", "channel"],
            "{name}"
        );
        // Importing needs no input, and neither does provisioning.
        assert!(dashboard.get("__inputs").is_none() && dashboard["id"].is_null());
        for link in dashboard["links"].as_array().unwrap() {
            let url = link["url"].as_str().unwrap().strip_prefix("/d/").unwrap();
            let uid = url.split('?').next().unwrap();
            let file = root().join(format!("dashboards/{uid}.json"));
            assert!(file.exists(), "{name} links to {uid}");
        }
    }
}
