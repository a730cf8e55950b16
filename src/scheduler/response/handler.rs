//! Applies a response to an account.

use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::context::PollerContext;
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::scheduler::virtual_clock::VirtualInstant;
use crate::state::{ChannelKey, ChannelUpdate};
use polyv_client::clock::TimeSnapshot;

/// Applies one response. Each kind of call has its part in a file of its own.
pub(super) struct ResponseHandler<'a> {
    pub(super) account: &'a mut AccountPoller,
    pub(super) context: &'a PollerContext,
    pub(super) in_flight: &'a InFlightRequest,
    pub(super) class: FailureClass,
    pub(super) now: TimeSnapshot,
    /// The same instant of the account's clock.
    pub(super) virtual_now: VirtualInstant,
}

impl ResponseHandler<'_> {
    /// Passes an update to the channel's next request, the log, the exporter's own metrics and the
    /// subscribers.
    pub(super) fn accept_update(&mut self, update: &ChannelUpdate) {
        let (account, metrics) = (&mut self.account, &self.context.metrics);
        for (reason, count) in update.discarded.counts() {
            metrics.count_discarded(&account.name, reason, count);
        }
        for delay in update.new_samples.iter().filter_map(|sample| sample.delay) {
            metrics.sample_delay(&account.name, delay);
        }
        if let Some(target) = account.queue.get_mut(update.key) {
            target.next_range = update.next_range;
            target.expected_live = update.activity.is_expected_live;
            log_events::source_changed(&account.name, target, update.activity.sources);
            for transition in &update.transitions {
                log_events::state_changed(&account.name, target, transition);
            }
        }
        self.account
            .apply_activity(update.key, update.activity, self.now.monotonic);
        for subscriber in &self.context.subscribers {
            subscriber.channel_updated(update, self.now);
        }
    }

    /// Polls the stream information of a channel at once.
    pub(super) fn poll_stream_now(&mut self, key: ChannelKey) {
        let interval = self.account.interval_for(key, self.now.monotonic);
        let queue = &mut self.account.queue;
        queue.enqueue_stream_now(key, interval, self.virtual_now);
    }
}
