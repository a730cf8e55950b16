//! What came of asking for a page of an account's channels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::FailureClass;
use crate::config::{self, Expose, check_channel_id};
use crate::scheduler::discovery::{DiscoveryState, MAX_DISCOVERED_CHANNELS};
use crate::scheduler::in_flight::InFlightRequest;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::{ChannelSource, PollTarget};
use crate::scheduler::poller::Poller;
use crate::state::{ChannelKey, ChannelMeta, Exposure};
use polyv_client::clock::TimeSnapshot;
use polyv_client::{ChannelPage, ChannelPageRequest, Error, ListedChannel};

impl Poller {
    /// A page of an account's channels was asked for.
    pub(super) fn handle_channel_page(
        &mut self,
        index: usize,
        in_flight: &InFlightRequest,
        asked: ChannelPageRequest,
        result: Result<ChannelPage, Error>,
        class: FailureClass,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let credentials = account.credentials;
        let Some(discovery) = account.discovery.as_mut() else {
            return;
        };
        // One that has begun anew meanwhile waits for another page.
        if in_flight.credentials != credentials || !discovery.expects(asked) {
            return;
        }
        match result {
            Err(_) if class == FailureClass::SharedFault => {
                discovery.reschedule_unsent(now.monotonic)
            }
            // Polyv's clock is known now.
            Err(Error::ClockSkew(_)) if !std::mem::replace(&mut account.clock_retried, true) => {
                discovery.reschedule_unsent(now.monotonic);
            }
            Err(error) => {
                let first = discovery.record_failure(now.monotonic);
                log_events::discovery_failed(&account.name, &error, first);
            }
            Ok(page) => {
                let generation = discovery.generation();
                let step = discovery.accept_page(&page, now.monotonic);
                self.add_discovered(index, page.channels, generation, now);
                if let DiscoveryState::Complete {
                    is_consistent,
                    failures,
                } = step
                {
                    self.remove_missing(index, generation, is_consistent, now);
                    if let Some(account) = self.accounts.get(index) {
                        let at = self.context.clock.host().wall();
                        self.context.metrics.set_listed(&account.name, at);
                        log_events::discovery_complete(account, failures);
                    }
                }
            }
        }
    }

    /// Watches the channels of a page that are wanted.
    fn add_discovered(
        &mut self,
        index: usize,
        mut channels: Vec<ListedChannel>,
        generation: u64,
        now: TimeSnapshot,
    ) {
        // Two accounts may be of one appId: the first one has it.
        channels.retain(|channel| {
            let mut others = self.accounts.iter().enumerate();
            !others
                .any(|(n, other)| n != index && other.discovered.contains_key(channel.id.as_str()))
        });
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let Some(discover) = account.discovery.as_ref().map(|l| l.discover.clone()) else {
            return;
        };
        let mut wanted: HashMap<String, ListedChannel> = channels
            .into_iter()
            .filter(|channel| check_channel_id(&channel.id).is_ok())
            .filter(|channel| self.shard.owns(&channel.id))
            .filter(|channel| discover.wants(&channel.name))
            .filter(|channel| !self.configured.contains(channel.id.as_str()))
            .map(|channel| (channel.id.clone(), channel))
            .collect();
        // Those that are known already.
        for channel in wanted.values() {
            let Some(key) = account.discovered.get(channel.id.as_str()).copied() else {
                continue;
            };
            let Some(target) = account.queue.get_mut(key) else {
                continue;
            };
            target.source = ChannelSource::Discovered { generation };
            let name = name_of(channel);
            if *target.name != *name {
                target.name = name.into();
                let interval = self.poll.live_interval;
                let meta = channel_meta(&account.name, &target.id, &target.name, interval);
                let exposure = exposure(discover.expose);
                self.context.store.update_metadata(key, meta, exposure, now);
            }
        }
        wanted.retain(|id, _| !account.discovered.contains_key(id.as_str()));
        // In the order of their numbers, so that phases don't depend on chance.
        let mut new: Vec<ListedChannel> = wanted.into_values().collect();
        new.sort_unstable_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
        let room = MAX_DISCOVERED_CHANNELS.saturating_sub(account.queue.len());
        if new.len() > room {
            log_events::too_many_discovered(account, MAX_DISCOVERED_CHANNELS);
        }
        for channel in new.into_iter().take(room) {
            self.upsert_discovered(index, &channel, generation, exposure(discover.expose), now);
        }
    }

    fn upsert_discovered(
        &mut self,
        index: usize,
        channel: &ListedChannel,
        generation: u64,
        exposure: Exposure,
        now: TimeSnapshot,
    ) {
        let phase = self.next_phase();
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let interval = self.poll.live_interval;
        let id: Arc<str> = channel.id.as_str().into();
        let name: Arc<str> = name_of(channel).into();
        let meta = channel_meta(&account.name, &id, &name, interval);
        let store = &self.context.store;
        let key = store.insert(meta, exposure, now);
        let target = PollTarget::new(
            Arc::clone(&id),
            name,
            ChannelSource::Discovered { generation },
            phase,
            false,
            interval,
        );
        account.discovered.insert(id, key);
        self.unpolled += 1;
        let within = interval.min(self.poll.idle_interval);
        account.add(key, target, within, now.monotonic);
    }

    /// Does not watch channels any more that the listing which is now complete has not got.
    fn remove_missing(
        &mut self,
        index: usize,
        generation: u64,
        is_consistent: bool,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let filtered = account
            .discovery
            .as_ref()
            .is_some_and(|discovery| !discovery.discover.watch_status.is_empty());
        let missing: Vec<ChannelKey> = account
            .queue
            .iter()
            .filter(|(_, target)| match target.source {
                ChannelSource::Configured => false,
                // Of listings that come in pieces it takes two in a row.
                ChannelSource::Discovered { generation: seen } if is_consistent => {
                    seen < generation
                }
                ChannelSource::Discovered { generation: seen } => seen + 1 < generation,
            })
            .map(|(key, _)| key)
            .collect();
        for key in missing {
            // What is not of a status any more that is listed has not gone for that.
            let of_interest = account.queue.get(key).is_some_and(|target| {
                let activity = &target.activity;
                activity.was_recently_live(now.monotonic)
                    || activity.is_reported_live(now.monotonic)
            });
            if filtered && of_interest {
                continue;
            }
            if account.queue.get(key).is_some_and(|target| !target.polled) {
                self.unpolled = self.unpolled.saturating_sub(1);
            }
            account.remove(key);
            self.context.store.remove(key);
        }
    }
}

/// What a channel is called: its number where it has no name.
fn name_of(channel: &ListedChannel) -> &str {
    if channel.name.trim().is_empty() {
        &channel.id
    } else {
        &channel.name
    }
}

/// What is shown of a channel that Polyv listed.
pub(in crate::scheduler) fn channel_meta(
    account: &Arc<str>,
    id: &Arc<str>,
    name: &Arc<str>,
    live_interval: Duration,
) -> ChannelMeta {
    let channel = config::Channel {
        name: Arc::clone(name),
        ..config::Channel::new(Arc::clone(id), live_interval)
    };
    ChannelMeta {
        account: Arc::clone(account),
        channel: Arc::new(channel),
    }
}

/// Which of the two kinds of exposure that is.
pub(in crate::scheduler) const fn exposure(expose: Expose) -> Exposure {
    match expose {
        Expose::Live => Exposure::WhileRecentlyLive,
        Expose::All => Exposure::Always,
    }
}
