//! Which calls a channel needs, by where its samples come from.

use std::time::Duration;

use super::account_poller::AccountPoller;
use super::live_batches::Purpose;
use super::live_call::LiveCall;
use super::poll_target::PollInterval;
use super::schedule::next_slot;
use crate::state::{ChannelActivity, ChannelKey, LiveState, SourceChoice};
use polyv_client::clock::MonotonicInstant;

/// The longest interval of the calls for what is pushed.
const MAX_STREAMS_INTERVAL: Duration = Duration::from_secs(30);
/// Channels that are found to be live within this time share their first calls.
const SHARED_START_INTERVAL: Duration = Duration::from_secs(5);

impl AccountPoller {
    /// Makes the calls that a channel needs from now on. What is pushed is requested of every
    /// channel that is live or reported live. Where its samples do not come from the Tencent call,
    /// that call is not made, and its status says when it ends.
    pub(super) fn apply_activity(
        &mut self,
        key: ChannelKey,
        activity: ChannelActivity,
        now: MonotonicInstant,
    ) {
        let virtual_now = self.clock.now(now);
        let Some(target) = self.queue.get_mut(key) else {
            return;
        };
        let sources = activity.sources;
        target.sources = sources;
        let is_live = activity.state == LiveState::Live;
        let live_interval = target.channel.live_interval;
        let overrules_status = target.overrules_status();
        let shared_start = next_slot(0.0, virtual_now, SHARED_START_INTERVAL);
        let streams = self.live_calls.get_mut(LiveCall::Streams);
        if is_live || activity.is_reported_live(now) {
            let interval = live_interval.min(MAX_STREAMS_INTERVAL);
            streams.add(key, interval, Purpose::Data, shared_start);
        } else {
            streams.remove(key);
        }
        let interval = self.live_calls.viewers_interval.filter(|_| is_live);
        let viewers = self.live_calls.get_mut(LiveCall::Viewers);
        match interval {
            Some(interval) => viewers.add(key, interval, Purpose::Data, shared_start),
            None => viewers.remove(key),
        }
        let v4 = self.live_calls.get_mut(LiveCall::StreamInfoV4);
        match sources.v4_calls {
            Some(calls) => {
                let due = virtual_now + calls.from.since(now);
                let interval = calls.interval.max(live_interval);
                let purpose = if calls.is_source {
                    Purpose::Data
                } else {
                    Purpose::Trial
                };
                v4.add(key, interval, purpose, due);
            }
            None => v4.remove(key),
        }
        let has_other_source =
            is_live && !sources.uses_tencent() && self.live_calls.include(key, sources.source);
        let Some(target) = self.queue.get_mut(key) else {
            return;
        };
        target.has_other_source = has_other_source;
        if has_other_source {
            target.set_live(true, now);
            self.queue.dequeue_stream(key);
            let status = &mut self.batch_status;
            if status.is_available()
                && !overrules_status
                && (!status.is_excluded(key) || status.readmit(key, virtual_now, now))
            {
                self.queue.enqueue_status_also(key, virtual_now);
            }
        } else if target.stream.is_none() && (is_live || target.status.is_none()) {
            // The calls above may have been the only ones about it.
            let interval = if is_live {
                PollInterval::Guaranteed(live_interval)
            } else {
                self.interval_for(key, now)
            };
            self.queue.enqueue_stream(key, interval, virtual_now);
        }
    }

    /// Polls the streams of all live channels by the Tencent call from now on.
    pub(super) fn use_tencent_only(&mut self, now: MonotonicInstant) {
        let virtual_now = self.clock.now(now);
        let targets = self.queue.iter();
        let others = targets.filter(|(_, target)| !target.sources.uses_tencent());
        for key in others.map(|(key, _)| key).collect::<Vec<_>>() {
            if let Some(target) = self.queue.get_mut(key) {
                target.sources = SourceChoice::default();
                target.has_other_source = false;
                let interval = PollInterval::Guaranteed(target.channel.live_interval);
                self.queue.enqueue_stream(key, interval, virtual_now);
            }
        }
    }
}
