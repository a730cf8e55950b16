//! Prometheus' own tool for rules, which evaluates the shipped ones on scrapes.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// What Prometheus would have stored of the scrapes of one exporter.
pub struct Recording {
    /// The names of the metrics that the rules use.
    used: HashSet<String>,
    scrapes: usize,
    series: BTreeMap<String, Values>,
}

/// An alert on a channel that fires at an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firing {
    pub channel: String,
    pub alert: String,
    pub severity: String,
    /// Seconds from the first scrape.
    pub seconds: i64,
}

/// The values of a series, as promtool reads them.
#[derive(Default)]
struct Values {
    text: String,
    /// How many scrapes they stand for.
    scrapes: usize,
}

/// The rules' file beside the test's.
const RULES: &str = "rules.yml";
/// Seconds between two scrapes, as `scrape_interval` in the documentation's examples.
pub const SCRAPE_SECONDS: usize = 15;
/// Seconds between two evaluations, as the rules' groups say.
pub const EVALUATION_SECONDS: usize = 10;

// === impl Recording ===

impl Recording {
    pub fn new() -> Self {
        let rules = channel_rules();
        let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = words.filter(|word| word.starts_with("polyv_"));
        Self {
            used: metrics.map(str::to_owned).collect(),
            scrapes: 0,
            series: BTreeMap::new(),
        }
    }

    /// The seconds from the first scrape to the next one.
    pub const fn seconds(&self) -> i64 {
        (self.scrapes * SCRAPE_SECONDS) as i64
    }

    /// Takes the next scrape, in the text format.
    pub fn add(&mut self, scrape: &str) {
        for line in scrape.lines() {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            if !self.used.contains(name) {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            if let Some(values) = self.series.get_mut(series) {
                values.add(self.scrapes, value);
            } else {
                let mut values = Values::default();
                values.add(self.scrapes, value);
                self.series.insert(series.to_owned(), values);
            }
        }
        self.scrapes += 1;
    }

    /// Plays the shipped rules on it; the alerts on channels that fire, each at every evaluation.
    pub fn firing(mut self) -> Vec<Firing> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.yml");
        std::fs::write(directory.path().join(RULES), channel_rules()).unwrap();
        std::fs::write(&path, self.test()).unwrap();
        // With Go's default a third of the time goes into garbage collection.
        let promtool = Command::new("promtool")
            .env("GOGC", "400")
            .args(["test", "rules"])
            .arg(&path)
            .output();
        let promtool = promtool.unwrap();
        let shown = String::from_utf8(promtool.stdout).unwrap();
        let shown = shown + &String::from_utf8(promtool.stderr).unwrap();
        let got = shown
            .lines()
            .filter_map(|line| line.trim().strip_prefix("got:"));
        let firing: Vec<_> = got
            .flat_map(|got| got.split('{').skip(1))
            .map(Firing::parse)
            .collect();
        // It fails where it got something, and only then.
        assert_eq!(promtool.status.success(), firing.is_empty(), "{shown}");
        firing
    }

    /// The test for promtool. No check expects anything, so that it shows what it got instead.
    fn test(&mut self) -> String {
        let mut test = format!(
            "rule_files: [{RULES}]\nevaluation_interval: {EVALUATION_SECONDS}s\ntests:\n  - interval: {SCRAPE_SECONDS}s\n    input_series:\n",
        );
        for (series, values) in &mut self.series {
            values.end(self.scrapes);
            let series = series.replace('\'', "''");
            let values = &values.text;
            writeln!(test, "      - {{series: '{series}', values: '{values}'}}").unwrap();
        }
        test.push_str("    promql_expr_test:\n");
        let firing = r#"group by (alertname, severity, channel_id) (ALERTS{alertstate="firing",channel_id!=""})"#;
        for seconds in (0..self.scrapes * SCRAPE_SECONDS).step_by(EVALUATION_SECONDS) {
            // The time is a label of what is shown, or it would have to be found elsewhere.
            let firing = format!(r#"label_replace({firing}, "seconds", "{seconds}", "", "")"#);
            writeln!(test, "      - {{expr: '{firing}', eval_time: {seconds}s}}").unwrap();
        }
        test
    }
}

// === impl Values ===

impl Values {
    fn add(&mut self, scrapes: usize, value: &str) {
        self.end(scrapes);
        self.text.push_str(value);
        self.text.push(' ');
        self.scrapes += 1;
    }

    /// Fills up with nothing. A scrape without a series ends it.
    fn end(&mut self, scrapes: usize) {
        let missing = scrapes - self.scrapes;
        if missing > 0 {
            let end = if self.scrapes > 0 { "stale " } else { "_ " };
            self.text.push_str(end);
            self.text.push_str(&"_ ".repeat(missing - 1));
            self.scrapes = scrapes;
        }
    }
}

// === impl Firing ===

impl Firing {
    /// Reads labels as promtool shows them; no value has special characters.
    fn parse(labels: &str) -> Self {
        let label = |name: &str| {
            let (_, behind) = labels.split_once(&format!("{name}=\"")).unwrap();
            behind.split('"').next().unwrap_or_default().to_owned()
        };
        Self {
            channel: label("channel_id"),
            alert: label("alertname"),
            severity: label("severity"),
            seconds: label("seconds").parse().unwrap(),
        }
    }
}

/// The shipped rules about channels. Those about exporters use nothing of theirs.
fn channel_rules() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts/polyv.rules.yml");
    let rules = std::fs::read_to_string(path).unwrap();
    let (channels, _) = rules.split_once("  - name: polyv-exporter\n").unwrap();
    channels.to_owned()
}
