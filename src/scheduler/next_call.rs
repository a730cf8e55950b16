//! Which call an account makes next.
//!
//! A call about many channels comes before one about a single channel: it is as urgent for each of
//! them, and costs the others next to nothing. It cannot crowd them out, since each kind is made
//! once per interval and has a limit of its own on calls in flight. Best-effort calls take turns:
//! the one that has waited longest comes first. Trials come last: where 20,000 channels are live
//! at the start, they are due for all of them at once.

use std::time::Duration;

use super::account_poller::AccountPoller;
use super::discovery::ChannelDiscovery;
use super::live_batches::Purpose;
use super::live_call::LiveCall;
use super::request::PollRequest;
use super::virtual_clock::VirtualInstant;
use polyv_client::Range;
use polyv_client::clock::MonotonicInstant;

/// A call that can be due.
#[derive(Debug, Clone, Copy)]
enum NextCall {
    /// A page of the channel list.
    Page,
    /// A part of a refused batch.
    IsolatedBatch,
    /// A batch of statuses.
    Batch,
    /// A call about live channels beside the polls of their streams.
    Live(LiveCall),
    /// The stream information of a channel.
    Stream,
    /// The stream information of a channel that has no guaranteed interval.
    BestEffort,
    /// A call that only tries whether it has something about a channel.
    Trial(LiveCall),
}

/// The order of calls that are due. Those of one priority come in the order of their due times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    /// Calls about many channels of the list.
    Batch,
    /// Calls about many live channels: what is pushed is the only poll of some.
    LiveBatch,
    /// Calls about one channel.
    Single,
    /// Calls with what others leave of the rate limit.
    BestEffort,
    /// Calls with what is left even then.
    Trial,
}

// === impl NextCall ===

impl NextCall {
    const fn priority(self) -> Priority {
        match self {
            Self::Page | Self::IsolatedBatch | Self::Batch => Priority::Batch,
            Self::Live(call) if call.is_best_effort() => Priority::BestEffort,
            Self::Live(_) => Priority::LiveBatch,
            Self::Stream => Priority::Single,
            Self::BestEffort => Priority::BestEffort,
            Self::Trial(_) => Priority::Trial,
        }
    }
}

impl AccountPoller {
    /// Returns the next call of each kind, and when it is due while the clock runs. Pages are due
    /// by real time: they are few, and a slow clock must not keep channels from being found.
    fn next_calls(&self) -> impl Iterator<Item = (MonotonicInstant, NextCall)> {
        let real_time = |due: Option<VirtualInstant>| self.clock.real_time(due?);
        let page = self.discovery.as_ref().and_then(ChannelDiscovery::due);
        let page = page.filter(|_| self.clock.speed() > 0.0);
        let live = LiveCall::ALL.into_iter().map(move |call| {
            let due = self.live_calls.get(call).next_due(Purpose::Data);
            (real_time(due), NextCall::Live(call))
        });
        let trials = LiveCall::ALL.into_iter().map(move |call| {
            let due = self.live_calls.get(call).next_due(Purpose::Trial);
            (real_time(due), NextCall::Trial(call))
        });
        let calls = [
            (page, NextCall::Page),
            (real_time(self.batch_status.due()), NextCall::IsolatedBatch),
            (real_time(self.queue.status_due()), NextCall::Batch),
            (real_time(self.queue.stream_due()), NextCall::Stream),
            (
                real_time(self.queue.best_effort_due()),
                NextCall::BestEffort,
            ),
        ];
        calls
            .into_iter()
            .chain(live)
            .chain(trials)
            .filter_map(|(due, call)| Some((due?, call)))
    }

    /// Returns when a call may be made that is due at some time.
    fn allowed_at(&self, due: MonotonicInstant, call: NextCall) -> Option<MonotonicInstant> {
        match call.priority() {
            Priority::BestEffort | Priority::Trial => {
                let allowed = self.best_effort_clock.real_time(self.next_best_effort)?;
                Some(due.max(allowed))
            }
            Priority::Batch | Priority::LiveBatch | Priority::Single => Some(due),
        }
    }

    /// Returns when the next call is due, or was.
    pub(super) fn next_due(&self) -> Option<MonotonicInstant> {
        let calls = self.next_calls();
        calls
            .filter_map(|(due, call)| self.allowed_at(due, call))
            .min()
    }

    /// Takes the due call with the highest priority, or the next one if none is due.
    pub(super) fn pop_due(&mut self, now: MonotonicInstant) -> Option<PollRequest> {
        let calls = self.next_calls().filter_map(|(due, call)| {
            let at = self.allowed_at(due, call)?.max(now);
            Some((at, call.priority(), due, call))
        });
        let (.., call) = calls.min_by_key(|(at, priority, due, _)| (*at, *priority, *due))?;
        if call.priority() >= Priority::BestEffort {
            self.pace_best_effort(now);
        }
        match call {
            NextCall::Page => self.discovery.as_mut().map(ChannelDiscovery::pop_page),
            NextCall::IsolatedBatch => self.batch_status.pop_isolated().map(Into::into),
            NextCall::Batch => {
                let now = self.clock.now(now);
                self.queue.pop_status_batch(now).map(Into::into)
            }
            NextCall::Stream => self.queue.pop_stream().map(Into::into),
            NextCall::BestEffort => self.queue.pop_best_effort().map(Into::into),
            NextCall::Live(call) => self.pop_live(call, Purpose::Data, now),
            NextCall::Trial(call) => self.pop_live(call, Purpose::Trial, now),
        }
    }

    fn pop_live(
        &mut self,
        call: LiveCall,
        purpose: Purpose,
        now: MonotonicInstant,
    ) -> Option<PollRequest> {
        let now = self.clock.now(now);
        let batch = self.live_calls.get_mut(call).pop(purpose, now)?;
        let range = Range::default();
        Some(PollRequest::Live { call, batch, range })
    }

    /// Counts a best-effort call.
    fn pace_best_effort(&mut self, now: MonotonicInstant) {
        let one_call = Duration::from_secs(1);
        let now = self.best_effort_clock.now(now);
        // A late call is caught up on, a second one is not.
        self.next_best_effort = self.next_best_effort.max(now - one_call) + one_call;
    }
}
