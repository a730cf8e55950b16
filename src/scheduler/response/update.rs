//! Passes on what a response changed in the state of a channel.

use crate::scheduler::account_poller::AccountPoller;
use crate::scheduler::context::PollerContext;
use crate::scheduler::log_events;
use crate::state::ChannelUpdate;
use polyv_client::clock::TimeSnapshot;

/// Passes an update to the channel's next request, the log, the exporter's own metrics and the
/// subscribers.
pub(super) fn accept_update(
    account: &mut AccountPoller,
    update: &ChannelUpdate,
    context: &PollerContext,
    now: TimeSnapshot,
) {
    for (reason, count) in update.discarded.counts() {
        context
            .metrics
            .count_discarded(&account.name, reason, count);
    }
    for delay in update.new_samples.iter().filter_map(|sample| sample.delay) {
        context.metrics.sample_delay(&account.name, delay);
    }
    if let Some(target) = account.queue.get_mut(update.key) {
        target.next_range = update.next_range;
        for transition in &update.transitions {
            log_events::state_changed(&account.name, target, transition);
        }
    }
    for subscriber in &context.subscribers {
        subscriber.channel_updated(update, now);
    }
}
