//! What a scrape said.

use std::collections::BTreeMap;

/// A scrape in the Prometheus text format, taken apart.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    pub text: String,
    series: Vec<Series>,
}

#[derive(Debug, Clone)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Scrape {
    pub fn parse(text: &str) -> Self {
        let series = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Series::parse(line).unwrap_or_else(|| panic!("not a sample: {line}")))
            .collect();
        Self {
            text: text.to_owned(),
            series,
        }
    }

    /// All series.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The series of that name with (at least) these labels.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Series> {
        self.series
            .iter()
            .filter(|series| {
                series.name == name
                    && labels
                        .iter()
                        .all(|(label, value)| series.label(label) == Some(value))
            })
            .collect()
    }

    /// The value of the one series of that name with these labels; `None` where there is none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match self.all(name, labels).as_slice() {
            [] => None,
            [one] => Some(one.value),
            several => panic!("{} series of {name} with {labels:?}", several.len()),
        }
    }

    /// The value of a channel's one series.
    pub fn of(&self, name: &str, channel: &str) -> Option<f64> {
        self.get(name, &[("channel_id", channel)])
    }

    /// The state that a channel is in.
    pub fn state(&self, channel: &str) -> String {
        let states = self.all("polyv_channel_state", &[("channel_id", channel)]);
        assert_eq!(states.len(), 3, "every state has a series");
        let present: Vec<_> = states.iter().filter(|series| series.value == 1.0).collect();
        assert_eq!(present.len(), 1, "exactly one state is present");
        present[0].label("state").unwrap().to_owned()
    }

    /// How the last poll of a channel ended.
    pub fn outcome(&self, channel: &str) -> Option<String> {
        let outcomes = self.all(
            "polyv_channel_last_poll_outcome",
            &[("channel_id", channel)],
        );
        assert!(outcomes.len() <= 1, "one outcome at most");
        outcomes
            .first()
            .map(|series| series.label("outcome").unwrap().to_owned())
    }

    /// How many calls of an account had an outcome, whatever their endpoint.
    pub fn calls(&self, account: &str, outcome: &str) -> u64 {
        let labels = [("account", account), ("outcome", outcome)];
        let counts = self.all("polyv_api_requests_total", &labels);
        assert!(
            !counts.is_empty(),
            "every outcome has a counter from the start"
        );
        counts.iter().map(|series| series.value as u64).sum()
    }

    /// How many series a channel's streams have.
    pub fn stream_series(&self, channel: &str) -> usize {
        self.series
            .iter()
            .filter(|series| {
                series.name.starts_with("polyv_stream_")
                    && series.label("channel_id") == Some(channel)
            })
            .count()
    }
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        let name_end = line.find(['{', ' '])?;
        let name = line[..name_end].to_owned();
        let mut labels = BTreeMap::new();
        let mut rest = &line[name_end..];
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, behind) = rest.split_once("=\"")?;
                let mut value = String::new();
                let mut chars = behind.char_indices();
                let end = loop {
                    match chars.next()? {
                        (_, '\\') => match chars.next()?.1 {
                            'n' => value.push('\n'),
                            other => value.push(other),
                        },
                        (at, '"') => break at,
                        (_, other) => value.push(other),
                    }
                };
                labels.insert(label.to_owned(), value);
                rest = &behind[end + 1..];
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
            rest = &rest[1..];
        }
        let value = match rest.trim() {
            "+Inf" => f64::INFINITY,
            "NaN" => f64::NAN,
            number => number.parse().ok()?,
        };
        Some(Self {
            name,
            labels,
            value,
        })
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}
