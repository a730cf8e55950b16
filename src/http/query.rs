//! Which channels a request selects, and their order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::state::{ChannelSnapshot, HealthIssueKind, LiveState, SampleValues, Severity};
use polyv_client::truncate;

/// Which channels, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Text that a channel's id, name, account, labels or streams contain.
    pub(crate) q: String,
    /// The account; empty for all.
    pub(crate) account: String,
    /// The state.
    pub(crate) state: StateFilter,
    /// The order.
    pub(crate) sort: Sort,
}

/// A filter by state or by problems.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantArray,
)]
#[serde(try_from = "String")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum StateFilter {
    #[default]
    #[strum(serialize = "")]
    Any,
    /// Any problem.
    Problem,
    /// The worst problem is one that pages.
    Critical,
    /// The worst problem is a warning.
    Warning,
    Live,
    NotLive,
    Unknown,
}

/// An order of channels; names decide between equals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Sort {
    pub(crate) column: Column,
    pub(crate) descending: bool,
}

/// What channels are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Column {
    /// The worst first.
    #[default]
    #[strum(serialize = "")]
    Severity,
    Name,
    /// The longest in its state first.
    Since,
    /// The lowest bitrate first.
    Bitrate,
    /// The lowest video frame rate first.
    Framerate,
    /// The oldest sample first.
    Sample,
}

/// How many channels there are of each kind, regardless of a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) channels: usize,
    pub(crate) live: usize,
    pub(crate) not_live: usize,
    pub(crate) unknown: usize,
    /// Channels with a problem that pages.
    pub(crate) critical: usize,
    /// Channels whose worst problem is a warning.
    pub(crate) warning: usize,
}

// === impl Query ===

impl Query {
    /// The selected channels in the selected order.
    pub(crate) fn select<'a>(&self, channels: &'a [ChannelSnapshot]) -> Vec<&'a ChannelSnapshot> {
        let Sort { column, descending } = self.sort;
        let mut selected: Vec<_> = channels.iter().filter(|c| self.matches(c)).collect();
        // Cached, so that names are lower-cased once for each channel.
        selected.sort_by_cached_key(|channel| {
            let value = column.value(channel);
            let name = channel.meta.channel.name.to_lowercase();
            // Channels without a value come last in either direction.
            (value.is_some() == descending, value, name, channel.key)
        });
        if descending {
            selected.reverse();
        }
        selected
    }

    /// Whether the query selects a channel.
    pub(crate) fn matches(&self, channel: &ChannelSnapshot) -> bool {
        let text = self.q.trim().to_lowercase();
        (self.account.is_empty() || *channel.meta.account == *self.account)
            && self.state.matches(channel)
            && (text.is_empty() || contains(channel, &text))
    }

    /// The parameters for a URL; empty if all are defaults.
    #[must_use]
    pub fn encoded(&self) -> String {
        self.encode(None)
    }

    /// A relative link to a page of the channels that this query selects.
    pub(crate) fn link(&self, page: Option<usize>) -> String {
        format!("?{}", self.encode(page))
    }

    fn encode(&self, page: Option<usize>) -> String {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("q", self.q.as_str()),
            ("account", &self.account),
            ("state", self.state.into()),
            ("sort", &self.sort.to_string()),
            (
                "page",
                &page.map(|page| page.to_string()).unwrap_or_default(),
            ),
        ] {
            if !value.is_empty() {
                encoded.append_pair(name, value);
            }
        }
        encoded.finish()
    }
}

fn contains(channel: &ChannelSnapshot, text: &str) -> bool {
    let has = |candidate: &str| candidate.to_lowercase().contains(text);
    let meta = &channel.meta;
    has(&meta.channel.id)
        || has(&meta.channel.name)
        || has(&meta.account)
        || meta.channel.labels.values().any(|value| has(value))
        || channel.streams.iter().any(|s| has(s.name.as_str()))
}

// === impl StateFilter ===

impl StateFilter {
    fn matches(self, channel: &ChannelSnapshot) -> bool {
        match self {
            Self::Any => true,
            Self::Problem => !channel.problems.is_empty(),
            Self::Critical => worst(channel) == Some(Severity::Page),
            Self::Warning => worst(channel) == Some(Severity::Warning),
            Self::Live => channel.state == LiveState::Live,
            Self::NotLive => channel.state == LiveState::NotLive,
            Self::Unknown => channel.state == LiveState::Unknown,
        }
    }
}

impl TryFrom<String> for StateFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse("state", &text)
    }
}

// === impl Column ===

impl Column {
    /// What a channel is sorted by; `None` if it has no such value.
    fn value(self, channel: &ChannelSnapshot) -> Option<u64> {
        let lowest = |field: fn(&SampleValues) -> Option<f64>| {
            let newest = channel.streams.iter().map(|s| &s.aggregates.newest);
            // The bits of positive numbers are in the order of the numbers.
            newest.filter_map(field).reduce(f64::min).map(f64::to_bits)
        };
        match self {
            Self::Severity => Some(rank(channel)),
            Self::Name => None,
            Self::Since => u64::try_from(channel.since.as_millis()).ok(),
            Self::Bitrate => lowest(|values| values.video_bitrate.get()),
            Self::Framerate => lowest(|values| values.video_framerate.get()),
            Self::Sample => u64::try_from(channel.last_sample?.as_millis()).ok(),
        }
    }
}

// === impl Sort ===

impl TryFrom<String> for Sort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) if !name.is_empty() => (true, name),
            _ => (false, text.as_str()),
        };
        let column = parse("sort", name)?;
        Ok(Self { column, descending })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", <&str>::from(self.column))
    }
}

/// The value that a parameter names; else an error that lists all values.
fn parse<T>(parameter: &str, text: &str) -> Result<T, String>
where
    T: FromStr + VariantArray + Copy + Into<&'static str>,
{
    text.parse().map_err(|_| {
        let names = T::VARIANTS.iter().map(|value| (*value).into());
        let names: Vec<&str> = names.filter(|name: &&str| !name.is_empty()).collect();
        let (text, names) = (truncate(text, 40), names.join(", "));
        format!("`{parameter}` can't be `{text}`; it can be {names}")
    })
}

/// The worst problem first, then live channels, then those of unknown state.
fn rank(channel: &ChannelSnapshot) -> u64 {
    let severity = match worst(channel) {
        Some(Severity::Page) => 0,
        Some(Severity::Warning) => 1,
        None => 2,
    };
    let state = match channel.state {
        LiveState::Live => 0,
        LiveState::Unknown => 1,
        LiveState::NotLive => 2,
    };
    severity * 3 + state
}

/// The severity of a channel's worst problem.
pub(crate) fn worst(channel: &ChannelSnapshot) -> Option<Severity> {
    let kinds = channel.problems.iter().map(|problem| problem.kind);
    kinds.map(HealthIssueKind::severity).max()
}

// === impl Counts ===

impl Counts {
    pub(crate) fn of(channels: &[ChannelSnapshot]) -> Self {
        let mut counts = Self {
            channels: channels.len(),
            ..Self::default()
        };
        for channel in channels {
            match channel.state {
                LiveState::Live => counts.live += 1,
                LiveState::NotLive => counts.not_live += 1,
                LiveState::Unknown => counts.unknown += 1,
            }
            match worst(channel) {
                Some(Severity::Page) => counts.critical += 1,
                Some(Severity::Warning) => counts.warning += 1,
                None => {}
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_parsed_and_encoded() {
        for text in [
            "",
            "q=a+b",
            "account=main&state=not_live",
            "sort=-bitrate",
            "sort=sample",
        ] {
            let query: Query = serde_urlencoded::from_str(text).unwrap();
            assert_eq!(query.encoded(), text);
        }
        assert_eq!(Query::default().link(Some(2)), "?page=2");
        for text in [
            "sort=x",
            "sort=-",
            "sort=--name",
            "state=dead",
            "state=-live",
        ] {
            let error = serde_urlencoded::from_str::<Query>(text).unwrap_err();
            assert!(error.to_string().contains("it can be"), "{text}: {error}");
        }
    }
}
