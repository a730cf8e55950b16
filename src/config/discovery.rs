//! An account's `discover`: channels that are found in Polyv's channel list.

use std::ops::RangeInclusive;
use std::time::Duration;

use polyv_client::LiveStatus;
use regex::Regex;

use super::decoder::Field;
use super::values::{choice, expected, within};

/// Which channels of an account are discovered.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoveryConfig {
    /// The statuses of channels to discover. All if empty.
    pub watch_status: Vec<LiveStatus>,
    /// The names of channels to discover.
    pub name_matches: Option<Pattern>,
    /// The names of channels to leave out.
    pub name_excludes: Option<Pattern>,
    /// Interval between two listings.
    pub every: Duration,
    /// Which discovered channels have series.
    pub expose: Expose,
}

/// Which discovered channels have series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expose {
    /// Channels that are live, or were within the last hour.
    #[default]
    Live,
    /// All channels.
    All,
}

/// A regular expression that has to match a whole name, as in Prometheus' relabelling.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);
const INTERVAL_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_secs(24 * 3600);

/// Decodes `discover`.
pub(super) fn decode(field: Field<'_>) -> Option<DiscoveryConfig> {
    let mut map = field.mapping()?;
    let expose = [("live", Expose::Live), ("all", Expose::All)];
    let discovery = DiscoveryConfig {
        watch_status: map.get("watch_status").map(statuses).unwrap_or_default(),
        name_matches: map.parse("name_matches", Pattern::parse),
        name_excludes: map.parse("name_excludes", Pattern::parse),
        every: map
            .parse("every", within(INTERVAL_RANGE))
            .unwrap_or(DEFAULT_INTERVAL),
        expose: map.parse("expose", choice(&expose)).unwrap_or_default(),
    };
    map.deny_unknown();
    Some(discovery)
}

/// Decodes one status, or a list of them.
fn statuses(field: Field<'_>) -> Vec<LiveStatus> {
    let mut statuses = Vec::new();
    for field in field.item_or_items() {
        let status = field.parse(status);
        if status.is_some_and(|status| statuses.contains(&status)) {
            field.fault("this status stands twice");
        }
        statuses.extend(status);
    }
    statuses
}

fn status(text: &str) -> Result<LiveStatus, String> {
    let mut all = LiveStatus::ALL.into_iter();
    all.find(|status| status.as_str() == text).map_or_else(
        || {
            let words = LiveStatus::ALL.map(|status| format!("`{}`", status.as_str()));
            expected(format!("one or a list of {}", words.join(", ")), text)
        },
        Ok,
    )
}

// === impl DiscoveryConfig ===

impl DiscoveryConfig {
    /// Whether a channel with this name is discovered.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let matches = |pattern: &Pattern| pattern.matches(name);
        self.name_matches.as_ref().is_none_or(matches)
            && !self.name_excludes.as_ref().is_some_and(matches)
    }
}

// === impl Pattern ===

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        // The text has to be valid without the anchors: `a)(b` is not.
        Regex::new(text)
            .and_then(|_| Regex::new(&format!("^(?s:{text})$")))
            .map(Self)
            .map_err(|error| {
                // The lines before the last one show the position in the text.
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default();
                let why = why.trim_start_matches("error: ");
                format!("must be a regular expression: {why}")
            })
    }

    /// Whether the pattern matches a whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn discover(text: &str) -> Result<DiscoveryConfig, String> {
        let text = format!("accounts: [{{app_id: a, app_secret: s, discover: {text}}}]");
        let config = Source::text("test", &text).load();
        let config = config.map_err(|faults| faults.to_string())?;
        Ok(config.accounts[0].discover.clone().unwrap())
    }

    #[test]
    fn every_key_has_a_default() {
        let plain = discover("{}").unwrap();
        assert_eq!(plain.every.as_secs(), 300);
        assert_eq!(plain.expose, Expose::Live);
        assert!(plain.watch_status.is_empty() && plain.wants("anything"));
    }

    #[test]
    fn watch_status_is_one_status_or_a_list() {
        let of = |text| discover(text).unwrap().watch_status;
        assert_eq!(of("{watch_status: live}"), [LiveStatus::Live]);
        assert_eq!(
            of("{watch_status: [waiting, live]}"),
            [LiveStatus::Waiting, LiveStatus::Live]
        );
    }

    #[test]
    fn patterns_match_whole_names_of_any_script() {
        let wanted =
            discover(r#"{name_matches: "课堂.*|stage \\d+", name_excludes: ".*测试.*"}"#).unwrap();
        for (name, expected) in [
            ("课堂一", true),
            ("stage 12", true),
            ("stage 12 b", false),
            ("a stage 12", false),
            ("课堂 测试", false),
            ("", false),
            ("课堂\n二", true),
        ] {
            assert_eq!(wanted.wants(name), expected, "{name:?}");
        }
    }

    #[test]
    fn faults_name_key_and_location() {
        for (text, says) in [
            (
                "{watch_status: unStart}",
                "must be one or a list of `not_started`, `live`",
            ),
            ("{watch_status: [live, live]}", "this status stands twice"),
            (
                "{name_matches: \"a(\"}",
                "`name_matches` must be a regular expression: unclosed group",
            ),
            (
                "{name_excludes: \"a)(b\"}",
                "`name_excludes` must be a regular expression",
            ),
            (
                "{every: 5s}",
                "`every` must be between 30s and 1d, not `5s`",
            ),
            (
                "{expose: some}",
                "`expose` must be `live` or `all`, not `some`",
            ),
            ("{name_match: x}", "did you mean `name_matches`?"),
            ("[]", "`discover` must be a mapping"),
        ] {
            let faults = discover(text).unwrap_err();
            assert!(faults.contains(says), "{text}: {faults}");
            assert!(faults.contains("test:1:"), "{faults}");
        }
    }
}
