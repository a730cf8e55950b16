//! Prometheus' own tool for rules, fed with what an exporter said in simulated hours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::exporter_process::{run, text_of};
use super::scrape::Scrape;

/// Where the shipped rules are.
pub fn rules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts/polyv.rules.yml")
}

pub fn promtool(arguments: &[&str]) -> Output {
    run(Command::new("promtool").args(arguments))
}

/// The current promtool, and that of the oldest supported Prometheus where the environment names it
/// (`make test` does).
pub fn promtools() -> Vec<PathBuf> {
    let oldest = std::env::var_os("POLYV_TEST_OLDEST_PROMTOOL").map(PathBuf::from);
    [Some(PathBuf::from("promtool")), oldest]
        .into_iter()
        .flatten()
        .collect()
}

/// What Prometheus would have stored of some scrapes.
pub struct Recording {
    /// Seconds between two scrapes.
    interval: u64,
    scrapes: usize,
    instances: usize,
    series: BTreeMap<String, Vec<Option<f64>>>,
    checks: String,
}

/// An alert that fires, with its channel's id where it has one.
pub type Firing<'a> = (&'a str, &'a str);

impl Recording {
    pub fn new(interval: u64) -> Self {
        Self {
            interval,
            scrapes: 0,
            instances: 0,
            series: BTreeMap::new(),
            checks: String::new(),
        }
    }

    /// Takes the next scrapes, one of each exporter of a fleet.
    pub fn add(&mut self, scrapes: &[Scrape]) {
        for (number, scrape) in scrapes.iter().enumerate() {
            let target = format!("instance=\"exporter-{number}:9847\",job=\"polyv\"");
            self.point(format!("up{{{target}}}"), 1.0);
            for series in scrape.series() {
                let labels: String = series
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value:?},"))
                    .collect();
                self.point(format!("{}{{{labels}{target}}}", series.name), series.value);
            }
        }
        self.scrapes += 1;
        self.instances = scrapes.len();
    }

    fn point(&mut self, series: String, value: f64) {
        let points = self.series.entry(series).or_default();
        points.resize(self.scrapes, None);
        points.push(Some(value));
    }

    /// Demands that at that time (seconds from the first scrape) just these alerts fire.
    pub fn expect(&mut self, seconds: u64, firing: &[Firing<'_>]) {
        self.expect_among("alertname=~\".+\"", seconds, firing);
    }

    /// The same of those alerts alone that a selector picks.
    pub fn expect_among(&mut self, selector: &str, seconds: u64, firing: &[Firing<'_>]) {
        write!(
            self.checks,
            "      - expr: sum by (alertname, channel_id) (ALERTS{{alertstate=\"firing\",{selector}}})
        eval_time: {seconds}s
        exp_samples:
"
        )
        .unwrap();
        for (alert, channel) in firing {
            let channel = match *channel {
                "" => String::new(),
                id => format!(",channel_id=\"{id}\""),
            };
            // One alert for a channel or an account, and one for each exporter.
            let of_accounts = ["PolyvApiAuthFailed", "PolyvManyChannelsFailing"];
            let of_exporters = channel.is_empty() && !of_accounts.contains(alert);
            let value = if of_exporters { self.instances } else { 1 };
            let labels = format!("{{alertname=\"{alert}\"{channel}}}");
            writeln!(
                self.checks,
                "          - {{labels: '{labels}', value: {value}}}"
            )
            .unwrap();
        }
    }

    /// Plays the shipped rules on it, and panics where a demand is not met.
    pub fn judge(self, what: &str) {
        self.judge_by(Path::new("promtool"), what);
    }

    /// The same by a certain promtool.
    pub fn judge_by(&self, promtool: &Path, what: &str) {
        let file = self.test_file();
        let judged = run(Command::new(promtool)
            .args(["test", "rules"])
            .arg(file.path()));
        assert!(judged.status.success(), "{what}:\n{}", text_of(&judged));
    }

    /// The same by `VictoriaMetrics` and its vmalert.
    pub fn judge_by_vmalert(&self, what: &str) {
        let file = self.test_file();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let text = text.replace("promql_expr_test:", "metricsql_expr_test:");
        std::fs::write(file.path(), text).unwrap();
        let files = format!("--files={}", file.path().display());
        let judged = run(Command::new("vmalert-tool").args([
            "unittest",
            "--disableAlertgroupLabel",
            &files,
        ]));
        assert!(judged.status.success(), "{what}:\n{}", text_of(&judged));
    }

    /// The test that promtool takes.
    fn test_file(&self) -> tempfile::NamedTempFile {
        let mut file = format!(
            "rule_files: [{}]\nevaluation_interval: 10s\ngroup_eval_order: [polyv-channels, polyv-exporter]\ntests:\n  - interval: {}s\n    input_series:\n",
            rules().display(),
            self.interval
        );
        for (series, points) in &self.series {
            let values: Vec<String> = (0..self.scrapes)
                .map(|at| {
                    let before = at > 0 && points.get(at - 1).is_some_and(Option::is_some);
                    match points.get(at).copied().flatten() {
                        Some(value) => value.to_string(),
                        // A scrape without a series ends it.
                        None if before => "stale".to_owned(),
                        None => "_".to_owned(),
                    }
                })
                .collect();
            writeln!(
                file,
                "      - {{series: '{}', values: '{}'}}",
                series.replace('\'', "''"),
                values.join(" ")
            )
            .unwrap();
        }
        write!(file, "    promql_expr_test:\n{}", self.checks).unwrap();
        let path = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
        std::fs::write(&path, file).unwrap();
        path
    }
}
