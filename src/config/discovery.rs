//! An account's `discover`: which of its channels are found without being listed.

use std::time::Duration;

use regex::Regex;

use super::values::bounded;
use crate::yaml::{Node, Reader, Value};
use polyv_client::LiveStatus;

/// The section `discover` of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoveryConfig {
    /// Only channels that Polyv calls one of these; all where there is none.
    pub watch_status: Vec<LiveStatus>,
    /// Only channels with such a name.
    pub name_matches: Option<Pattern>,
    /// No channels with such a name.
    pub name_excludes: Option<Pattern>,
    /// How often they are listed.
    pub every: Duration,
    /// Which of them have series.
    pub expose: Expose,
}

/// Which discovered channels have series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expose {
    /// Those that are live, or were within the last hour.
    #[default]
    Live,
    /// All of them.
    All,
}

/// A regular expression that has to match a whole name, as in Prometheus' relabelling.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

const EVERY: Duration = Duration::from_secs(300);
const OFTEN: Duration = Duration::from_secs(30);
const RARELY: Duration = Duration::from_secs(24 * 3600);

/// Reads `discover`.
pub(super) fn read(node: &Node, reader: &mut Reader) -> Option<DiscoveryConfig> {
    let mut map = reader.mapping(node, "`discover`")?;
    let discover = DiscoveryConfig {
        watch_status: map
            .get("watch_status")
            .map(|node| statuses(node, reader))
            .unwrap_or_default(),
        name_matches: map
            .get("name_matches")
            .and_then(|node| pattern(node, "`name_matches`", reader)),
        name_excludes: map
            .get("name_excludes")
            .and_then(|node| pattern(node, "`name_excludes`", reader)),
        every: map
            .get("every")
            .and_then(|node| bounded(reader, node, "`every`", OFTEN..=RARELY))
            .unwrap_or(EVERY),
        expose: map
            .get("expose")
            .and_then(|node| expose(node, reader))
            .unwrap_or_default(),
    };
    map.finish(reader);
    Some(discover)
}

/// One status, or a list of them.
fn statuses(node: &Node, reader: &mut Reader) -> Vec<LiveStatus> {
    let one = [node];
    let nodes: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => one.to_vec(),
    };
    let mut statuses = Vec::new();
    for node in nodes {
        let Some(word) = reader.text(node, "`watch_status`") else {
            continue;
        };
        match LiveStatus::ALL.into_iter().find(|s| s.as_str() == word) {
            Some(status) if statuses.contains(&status) => {
                reader.fault(node.place, format!("`{word}` stands twice"));
            }
            Some(status) => statuses.push(status),
            None => {
                let known = LiveStatus::ALL.map(|status| format!("`{}`", status.as_str()));
                let known = known.join(", ");
                reader.fault(
                    node.place,
                    format!("`watch_status` must be one or a list of {known}, not `{word}`"),
                );
            }
        }
    }
    statuses
}

fn expose(node: &Node, reader: &mut Reader) -> Option<Expose> {
    match reader.text(node, "`expose`")? {
        "live" => Some(Expose::Live),
        "all" => Some(Expose::All),
        other => {
            let message = format!("`expose` must be `live` or `all`, not `{other}`");
            reader.fault(node.place, message);
            None
        }
    }
}

fn pattern(node: &Node, what: &str, reader: &mut Reader) -> Option<Pattern> {
    let written = reader.text(node, what)?;
    match Pattern::new(written) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            // Its last line says what is wrong; those before draw it.
            let error = error.to_string();
            let why = error
                .lines()
                .last()
                .unwrap_or("")
                .trim_start_matches("error: ");
            let message = format!("{what} is no regular expression: {why}");
            reader.fault(node.place, message);
            None
        }
    }
}

// === impl DiscoveryConfig ===

impl DiscoveryConfig {
    /// Whether a channel of that name is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let matches = |pattern: &Option<Pattern>, otherwise| {
            pattern
                .as_ref()
                .map_or(otherwise, |pattern| pattern.matches(name))
        };
        matches(&self.name_matches, true) && !matches(&self.name_excludes, false)
    }
}

// === impl Pattern ===

impl Pattern {
    fn new(written: &str) -> Result<Self, regex::Error> {
        // Alone first: one whose parentheses only balance within ours is none.
        Regex::new(written)?;
        Ok(Self {
            written: written.to_owned(),
            regex: Regex::new(&format!("^(?s:{written})$"))?,
        })
    }

    /// Whether it matches the whole of a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
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
    fn one_status_or_several_can_be_given() {
        let of = |text| discover(text).unwrap().watch_status;
        assert_eq!(of("{watch_status: live}"), [LiveStatus::Live]);
        assert_eq!(
            of("{watch_status: [waiting, live]}"),
            [LiveStatus::Waiting, LiveStatus::Live]
        );
    }

    #[test]
    fn names_are_matched_as_wholes_and_across_alphabets() {
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
    fn faults_say_what_and_where() {
        for (text, says) in [
            (
                "{watch_status: unStart}",
                "must be one or a list of `not_started`, `live`",
            ),
            ("{watch_status: [live, live]}", "`live` stands twice"),
            (
                "{name_matches: \"a(\"}",
                "`name_matches` is no regular expression: unclosed group",
            ),
            (
                "{name_excludes: \"a)(b\"}",
                "`name_excludes` is no regular expression",
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
