//! The handle of a running simulation.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::account::Account;
use super::audience::{PlannedSession, Plans};
use super::cdn::Cdn;
use super::channel::LiveChannel;
use super::channel_entry::ChannelEntry;
use super::channel_script::ChannelScript;
use super::document::{self, ScenarioError};
use super::faults::Fault;
use super::phase::Phase;
use super::request_log::LoggedRequest;
use super::scenario::Scenario;
use super::state::SimulatorState;
use super::written_state::WrittenState;

/// A simulated Polyv. Clones share one simulation.
#[derive(Clone)]
pub struct Simulator {
    pub(crate) state: Arc<SimulatorState>,
}

/// The simulation has no channel with that id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no channel `{0}`")]
pub struct UnknownChannel(pub String);

impl Simulator {
    /// Starts a simulation. Polyv's clock is set to the host's wall clock once and then follows
    /// the monotonic clock.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self::starting_at(scenario, SystemTime::now())
    }

    /// Starts a simulation in which Polyv's clock shows `start`.
    #[must_use]
    pub fn starting_at(scenario: Scenario, start: SystemTime) -> Self {
        Self {
            state: Arc::new(SimulatorState::new(scenario, start)),
        }
    }

    /// The time of Polyv's clock, in milliseconds since 1970.
    #[must_use]
    pub fn polyv_now_ms(&self) -> i64 {
        let now = self.state.now().media;
        now.to_reported(self.state.lock().skew_ms)
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.state.accounts
    }

    /// The requests received so far, oldest first: the last 200,000.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.requests_since(0)
    }

    /// The requests received from that [sequence number](LoggedRequest::sequence) on.
    #[must_use]
    pub fn requests_since(&self, sequence: u64) -> Vec<LoggedRequest> {
        self.state.lock().log.since(sequence).cloned().collect()
    }

    /// Removes the requests received so far from the log, and returns them. Sequence numbers
    /// continue.
    #[must_use]
    pub fn take_requests(&self) -> Vec<LoggedRequest> {
        self.state.lock().log.take()
    }

    /// The state that writing operations have left on a channel: switches, settings, linked
    /// ids, messages.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn written_state(&self, channel_id: &str) -> Result<WrittenState, UnknownChannel> {
        self.with_channel(channel_id, |channel, _| channel.written_state.clone())
    }

    /// Starts another script for a channel now. The channel's past stays as it was.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_script(
        &self,
        channel_id: &str,
        script: ChannelScript,
    ) -> Result<(), UnknownChannel> {
        let now = self.state.now().media;
        self.with_channel(channel_id, |channel, _| channel.timeline.begin(now, script))
    }

    /// Adds a channel, or replaces the one with that id. `yaml` is an entry of a scenario's
    /// `channels:`, in which `id` is optional.
    ///
    /// # Errors
    /// The first mistake in the entry, with line and column.
    pub fn put_channel(&self, id: &str, yaml: &str) -> Result<(), ScenarioError> {
        let entry: ChannelEntry = document::parse("body", yaml)?;
        let channels = entry
            .with_id(id)
            .and_then(|entry| entry.into_channels(&self.state.accounts))
            .map_err(|message| ScenarioError::at_start("body", message))?;
        for channel in channels {
            self.state.put_channel(channel);
        }
        Ok(())
    }

    /// Deletes a channel. Calls for it are refused like those for an unknown channel, and
    /// `status-valid` reports it as deleted.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn delete_channel(&self, channel_id: &str) -> Result<(), UnknownChannel> {
        self.set_script(channel_id, Phase::Deleted.into())
    }

    /// Replaces the API's faults. Their schedules start now.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state.set_faults(faults);
    }

    /// Removes the API's faults. Blocks imposed by the request limit stay: see
    /// [`Simulator::unblock_clients`].
    pub fn clear_faults(&self) {
        self.set_faults(Vec::new());
    }

    /// Sets the difference of Polyv's clock from the right time. It applies to the `Date`
    /// header, the check of `timestamp` and the samples' times.
    pub fn set_clock_skew(&self, milliseconds: i64) {
        self.state.lock().skew_ms = milliseconds;
    }

    /// Sets how long after its own time a sample appears, for all channels without a delay of
    /// their own. Samples that have appeared stay.
    pub fn set_sample_delay(&self, delay: Duration) {
        let now = self.state.now().media;
        self.state.lock().channels.set_sample_delay(now, delay);
    }

    /// Sets the sample delay of one channel. Samples that have appeared stay.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_channel_sample_delay(
        &self,
        channel_id: &str,
        delay: Duration,
    ) -> Result<(), UnknownChannel> {
        let now = self.state.now().media;
        self.with_channel(channel_id, |channel, default_delay| {
            channel.keep_visible_samples(now, default_delay);
            channel.spec.sample_delay = Some(delay);
        })
    }

    /// Moves a channel to another CDN, from its next call on.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_cdn(&self, channel_id: &str, cdn: Cdn) -> Result<(), UnknownChannel> {
        self.with_channel(channel_id, |channel, _| channel.spec.ingest.cdn = cdn)
    }

    /// Sets the address of the CDN's node that receives a channel's push.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_ingest_node(&self, channel_id: &str, node: &str) -> Result<(), UnknownChannel> {
        self.with_channel(channel_id, |channel, _| {
            channel.spec.ingest.node = Some(node.to_owned());
        })
    }

    /// Sets the share of lost frames that is reported of a channel.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_lost_frames(&self, channel_id: &str, share: f64) -> Result<(), UnknownChannel> {
        self.with_channel(channel_id, |channel, _| {
            channel.spec.ingest.lost_frames = Some(share);
        })
    }

    /// Changes the usual number of a channel's viewers, from now on.
    ///
    /// # Errors
    /// The channel does not exist.
    pub fn set_viewers(&self, channel_id: &str, usual: f64) -> Result<(), UnknownChannel> {
        let now = self.state.now().media;
        self.with_channel(channel_id, |channel, _| channel.audience.set(now, usual))
    }

    /// Replaces what is planned for a channel. `yaml` is a list of planned sessions, relative to
    /// now.
    ///
    /// # Errors
    /// The first mistake in the list, with line and column, or the channel does not exist.
    pub fn set_planned(&self, channel_id: &str, yaml: &str) -> Result<(), ScenarioError> {
        let sessions: Vec<PlannedSession> = document::parse("body", yaml)?;
        let since = Some(self.state.now().media);
        let set = self.with_channel(channel_id, |channel, _| {
            channel.plans = Plans {
                since,
                sessions,
                start_time: None,
            };
        });
        set.map_err(|unknown| ScenarioError::at_start("body", unknown.to_string()))
    }

    /// Ends the blocks that the request limit has imposed and resets its counters.
    pub fn unblock_clients(&self) {
        self.state.lock().limits.reset();
    }

    /// Calls `use_channel` with the channel and the default sample delay.
    fn with_channel<T>(
        &self,
        channel_id: &str,
        use_channel: impl FnOnce(&mut LiveChannel, Duration) -> T,
    ) -> Result<T, UnknownChannel> {
        let mut state = self.state.lock();
        let default_delay = state.channels.sample_delay;
        match state.channels.by_id.get_mut(channel_id) {
            Some(channel) => Ok(use_channel(channel, default_delay)),
            None => Err(UnknownChannel(channel_id.to_owned())),
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}
