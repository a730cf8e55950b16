//! The channels of all accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::channel::LiveChannel;
use super::time::MediaTime;

/// The channels of all accounts.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) by_id: BTreeMap<String, LiveChannel>,
    /// How long after its own time a sample appears, for channels without their own delay.
    pub(crate) sample_delay: Duration,
}

impl Channels {
    /// Changes the delay for channels without their own one. Samples that have appeared stay.
    pub(crate) fn set_sample_delay(&mut self, now: MediaTime, delay: Duration) {
        for channel in self.by_id.values_mut() {
            channel.keep_visible_samples(now, self.sample_delay);
        }
        self.sample_delay = delay;
    }
}
