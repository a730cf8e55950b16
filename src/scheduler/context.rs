//! What the poller works with, and the configuration that it receives.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::health::PollerHealth;
use crate::config::Config;
use crate::state::{ChannelStore, MissingSamples, StateTransition, UpdateSubscriber};
use crate::telemetry::Metrics;
use polyv_client::clock::TimeSnapshot;
use polyv_client::{Limiter, ServerClock, Transport};

/// The parts of the exporter that the poller uses.
#[derive(Clone)]
pub struct PollerContext {
    /// Polyv's clock.
    pub clock: Arc<ServerClock>,
    /// The limiter of the process.
    pub limiter: Arc<Limiter>,
    /// The states of all channels.
    pub store: Arc<ChannelStore>,
    /// Receivers of every update of a channel.
    pub subscribers: Vec<Arc<dyn UpdateSubscriber>>,
    /// Samples to request with calls that polls leave.
    pub missing_samples: Option<Arc<dyn MissingSamples>>,
    /// The exporter's own metrics.
    pub metrics: Metrics,
    /// The health of the poller, for other parts of the exporter.
    pub health: Arc<PollerHealth>,
}

/// A configuration to apply, with the connection to Polyv that it needs.
#[derive(Clone)]
pub struct ConfigUpdate {
    /// The configuration.
    pub config: Config,
    /// The transport for calls to Polyv.
    pub transport: Arc<dyn Transport>,
}

/// Receives configurations, and confirms each one once it is in effect.
pub type ConfigUpdates = mpsc::Receiver<(ConfigUpdate, oneshot::Sender<()>)>;

// === impl PollerContext ===

impl PollerContext {
    /// Notifies the subscribers of channels that changed without a response.
    pub(super) fn channels_changed(&self, expired: &[StateTransition], now: TimeSnapshot) {
        for subscriber in &self.subscribers {
            subscriber.channels_changed(expired, now);
        }
    }
}
