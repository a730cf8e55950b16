//! Calls beside the stream information that explain its result.

use crate::commands::api_session::ApiSession;
use polyv_client::{ChannelValidity, LiveStatus};

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
    /// Whether the status was requested, and the channel was not in the response.
    pub(super) status_unknown: bool,
}

// === impl RelatedLookups ===

impl RelatedLookups {
    /// Asks about the session's channel. A call that fails says nothing.
    pub(super) async fn probe(session: &ApiSession<'_>) -> Self {
        let (client, channel_id) = (&session.client, session.channel_id);
        let permit = session.limiter.acquire().await;
        let validity = client.status_valid(permit, &[channel_id]).await;
        let permit = session.limiter.acquire().await;
        let status = client.live_status(permit, &[channel_id]).await;
        let responded = status.is_ok();
        let status = status.unwrap_or_default().into_iter();
        let mut of_channel = status.filter(|found| found.channel_id == channel_id);
        let status = of_channel.next().map(|found| found.status);
        let mut validity = validity.unwrap_or_default().into_iter();
        Self {
            validity: validity.find(|found| found.channel_id == channel_id),
            status_unknown: responded && status.is_none(),
            status,
        }
    }

    /// Whether the channel is one that this account has no access to.
    pub(super) fn explains(&self) -> bool {
        self.validity
            .as_ref()
            .is_some_and(|validity| validity.deleted == Some(true) || validity.ours == Some(false))
    }
}
