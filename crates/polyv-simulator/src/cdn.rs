//! The CDNs that channels are on, and what Polyv reports of each.

use serde::Deserialize;
use strum::{EnumString, IntoStaticStr};

/// The CDN that a channel's stream is pushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Cdn {
    /// All calls have data: samples every 5 seconds.
    #[default]
    Tencent,
    /// `list-stream-info` has a sample a minute, minutes late; `get-streams` has the moment.
    Alibaba,
    /// Only `get-streams` has data.
    Other,
}

impl Cdn {
    /// The name in scenario files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The node that receives the push, unless the scenario names another.
    pub(crate) const fn ingest_node(self) -> Option<&'static str> {
        match self {
            Self::Tencent => Some("113.96.140.25"),
            Self::Alibaba => Some("203.119.174.33"),
            Self::Other => None,
        }
    }

    /// Whether lost frames are reported.
    pub(crate) const fn reports_lost_frames(self) -> bool {
        matches!(self, Self::Tencent)
    }
}
