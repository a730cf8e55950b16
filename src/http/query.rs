//! Which channels somebody wants to see, and in which order.

use std::cmp::Ordering;
use std::fmt::Write;

use serde::Deserialize;

use crate::state::ChannelSnapshot;
use crate::state::{HealthIssueKind, LiveState, Severity};

/// Which channels, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Text that a channel's number, name, account, labels or streams contain.
    pub(crate) q: String,
    /// The account; empty is any.
    pub(crate) account: String,
    /// What state it is in.
    pub(crate) state: StateFilter,
    /// The order.
    pub(crate) sort: Sort,
}

/// What state a channel is to be in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum StateFilter {
    #[default]
    #[serde(rename = "")]
    Any,
    /// Something is wrong with it.
    #[serde(rename = "problem")]
    Problem,
    /// Its worst problem is a critical one.
    #[serde(rename = "critical")]
    Critical,
    /// Its worst problem is a warning.
    #[serde(rename = "warning")]
    Warning,
    #[serde(rename = "live")]
    Live,
    #[serde(rename = "not_live")]
    NotLive,
    #[serde(rename = "unknown")]
    Unknown,
}

/// An order of channels. Where it does not decide, names do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Sort {
    /// The worst first.
    #[default]
    #[serde(rename = "")]
    Severity,
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDescending,
    /// The longest in its state first.
    #[serde(rename = "since")]
    Since,
    #[serde(rename = "-since")]
    SinceDescending,
    /// The lowest bitrate first.
    #[serde(rename = "bitrate")]
    Bitrate,
    #[serde(rename = "-bitrate")]
    BitrateDescending,
    /// The lowest video frame rate first.
    #[serde(rename = "framerate")]
    Framerate,
    #[serde(rename = "-framerate")]
    FramerateDescending,
    /// The oldest sample first.
    #[serde(rename = "sample")]
    Sample,
    #[serde(rename = "-sample")]
    SampleDescending,
}

/// How many channels there are of each kind, whatever is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) channels: usize,
    pub(crate) live: usize,
    pub(crate) not_live: usize,
    pub(crate) unknown: usize,
    /// Channels with a critical problem.
    pub(crate) critical: usize,
    /// Channels whose worst problem is a warning.
    pub(crate) warning: usize,
}

// === impl Query ===

impl Query {
    /// The channels that are wanted, in the order that is wanted.
    pub(crate) fn select<'a>(&self, views: &'a [ChannelSnapshot]) -> Vec<&'a ChannelSnapshot> {
        let text = self.q.trim().to_lowercase();
        let mut views: Vec<_> = views.iter().collect();
        views.retain(|view| {
            (self.account.is_empty() || *view.meta.account == *self.account)
                && self.state.admits(view)
                && (text.is_empty() || contains(view, &text))
        });
        // Lower-cased once for each channel and not once for each comparison.
        views.sort_by_cached_key(|view| {
            let name = view.meta.channel.name.to_lowercase();
            (self.sort.key(view), name, view.key)
        });
        if self.sort.is_descending() {
            views.reverse();
        }
        views
    }

    /// As it stands in an address, without a page's own parameters; empty where all is default.
    #[must_use]
    pub fn encoded(&self) -> String {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("q", self.q.as_str()),
            ("account", &self.account),
            ("state", self.state.as_str()),
            ("sort", self.sort.as_str()),
        ] {
            if !value.is_empty() {
                encoded.append_pair(name, value);
            }
        }
        encoded.finish()
    }

    /// The same query with more parameters, to be put behind a path.
    pub(crate) fn link(&self, more: &[(&str, &str)]) -> String {
        let mut link = self.encoded();
        for (name, value) in more {
            let separator = if link.is_empty() { "" } else { "&" };
            _ = write!(link, "{separator}{name}={value}");
        }
        format!("?{link}")
    }
}

fn contains(view: &ChannelSnapshot, text: &str) -> bool {
    let identity = &view.meta;
    let has = |candidate: &str| candidate.to_lowercase().contains(text);
    has(&identity.channel.id)
        || has(&identity.channel.name)
        || has(&identity.account)
        || identity.channel.labels.values().any(|value| has(value))
        || view.streams.iter().any(|stream| has(stream.name.as_str()))
}

// === impl StateFilter ===

impl StateFilter {
    /// All of them, in the order in which they are offered.
    pub(crate) const ALL: [Self; 7] = [
        Self::Any,
        Self::Problem,
        Self::Critical,
        Self::Warning,
        Self::Live,
        Self::NotLive,
        Self::Unknown,
    ];

    /// The parameter's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Problem => "problem",
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Live => "live",
            Self::NotLive => "not_live",
            Self::Unknown => "unknown",
        }
    }

    fn admits(self, view: &ChannelSnapshot) -> bool {
        match self {
            Self::Any => true,
            Self::Problem => !view.problems.is_empty(),
            Self::Critical => worst(view) == Some(Severity::Critical),
            Self::Warning => worst(view) == Some(Severity::Warning),
            Self::Live => view.state == LiveState::Live,
            Self::NotLive => view.state == LiveState::NotLive,
            Self::Unknown => view.state == LiveState::Unknown,
        }
    }
}

// === impl Sort ===

impl Sort {
    /// The parameter's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Severity => "",
            Self::Name => "name",
            Self::NameDescending => "-name",
            Self::Since => "since",
            Self::SinceDescending => "-since",
            Self::Bitrate => "bitrate",
            Self::BitrateDescending => "-bitrate",
            Self::Framerate => "framerate",
            Self::FramerateDescending => "-framerate",
            Self::Sample => "sample",
            Self::SampleDescending => "-sample",
        }
    }

    /// Whether it is the other way round.
    pub(crate) fn is_descending(self) -> bool {
        self.as_str().starts_with('-')
    }

    fn key(self, view: &ChannelSnapshot) -> Key {
        let newest = view.streams.iter();
        let lowest = |of: fn(&crate::state::SampleValues) -> Option<f64>| {
            let values = newest.filter_map(|stream| of(&stream.figures.newest));
            Key::number(values.reduce(f64::min), self.is_descending())
        };
        match self {
            Self::Severity => Key::Rank(rank(view)),
            Self::Name | Self::NameDescending => Key::Rank((0, 0)),
            Self::Since | Self::SinceDescending => Key::Time(view.since.as_millis()),
            Self::Bitrate | Self::BitrateDescending => lowest(|values| values.video_bitrate.get()),
            Self::Framerate | Self::FramerateDescending => {
                lowest(|values| values.video_framerate.get())
            }
            Self::Sample | Self::SampleDescending => match view.last_sample {
                Some(time) => Key::Time(time.as_millis()),
                None if self.is_descending() => Key::Time(i64::MIN),
                None => Key::Time(i64::MAX),
            },
        }
    }
}

/// What channels are sorted by. All channels of one list have the same variant.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    Rank((u8, u8)),
    Time(i64),
    Number(f64),
}

impl Key {
    /// What has no number comes last in either order.
    fn number(number: Option<f64>, descending: bool) -> Self {
        let last = if descending {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        Self::Number(number.unwrap_or(last))
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Rank(a), Self::Rank(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// The worst problem first, then what is live, then what nobody knows.
fn rank(view: &ChannelSnapshot) -> (u8, u8) {
    let severity = match worst(view) {
        Some(Severity::Critical) => 0,
        Some(Severity::Warning) => 1,
        None => 2,
    };
    let state = match view.state {
        LiveState::Live => 0,
        LiveState::Unknown => 1,
        LiveState::NotLive => 2,
    };
    (severity, state)
}

/// How bad a channel's worst problem is.
pub(crate) fn worst(view: &ChannelSnapshot) -> Option<Severity> {
    let kinds = view.problems.iter().map(|problem| problem.kind);
    kinds.map(HealthIssueKind::severity).max()
}

// === impl Counts ===

impl Counts {
    pub(crate) fn of(views: &[ChannelSnapshot]) -> Self {
        let mut counts = Self {
            channels: views.len(),
            ..Self::default()
        };
        for view in views {
            match view.state {
                LiveState::Live => counts.live += 1,
                LiveState::NotLive => counts.not_live += 1,
                LiveState::Unknown => counts.unknown += 1,
            }
            match worst(view) {
                Some(Severity::Critical) => counts.critical += 1,
                Some(Severity::Warning) => counts.warning += 1,
                None => {}
            }
        }
        counts
    }
}
