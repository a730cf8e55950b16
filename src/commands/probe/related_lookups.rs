//! Calls beside the stream information that explain its result.

use polyv_client::{ChannelLiveStatus, ChannelValidity, Error, LiveStatus};

/// Whether the stream information of a live channel has samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// Nothing.
    None,
    /// Nothing of use.
    Unusable,
    /// Samples.
    Some,
}

/// What other calls say about a channel whose stream information explains nothing.
#[derive(Debug, Default)]
pub(super) struct RelatedLookups {
    pub(super) validity: Option<ChannelValidity>,
    /// Its live status, or Polyv's word for it where that is an unknown one.
    pub(super) status: Option<Result<LiveStatus, String>>,
    /// Whether the status was asked for, and the channel was not among the answers.
    pub(super) status_unknown: bool,
}

// === impl RelatedLookups ===

impl RelatedLookups {
    /// Picks the channel out of the answers. A companion that failed says nothing.
    pub(super) fn found(
        channel_id: &str,
        validity: Result<Vec<ChannelValidity>, Error>,
        status: Result<Vec<ChannelLiveStatus>, Error>,
    ) -> Self {
        let validity = validity
            .ok()
            .and_then(|all| all.into_iter().find(|found| found.channel_id == channel_id));
        let asked = status.is_ok();
        let status = status
            .ok()
            .and_then(|all| all.into_iter().find(|found| found.channel_id == channel_id))
            .map(|found| found.status);
        Self {
            validity,
            status_unknown: asked && status.is_none(),
            status,
        }
    }

    /// Whether the channel is one that this account can't ask for.
    pub(super) fn explains(&self) -> bool {
        self.validity
            .as_ref()
            .is_some_and(|validity| validity.deleted == Some(true) || validity.ours == Some(false))
    }
}
