//! Applies a page of an account's channel list.

use std::collections::HashMap;

use crate::config::check_channel_id;
use crate::scheduler::discovery::{DiscoveryState, MAX_DISCOVERED_CHANNELS};
use crate::scheduler::failure_class::FailureClass;
use crate::scheduler::log_events;
use crate::scheduler::poll_target::{ChannelSource, PollTarget, discovered_channel};
use crate::scheduler::poller::Poller;
use crate::state::ChannelKey;
use polyv_client::clock::TimeSnapshot;
use polyv_client::{ChannelPage, ChannelPageRequest, Error, ListedChannel};

impl Poller {
    /// Applies the result of a page.
    pub(super) fn handle_channel_page(
        &mut self,
        index: usize,
        requested: ChannelPageRequest,
        result: Result<ChannelPage, Error>,
        class: FailureClass,
        now: TimeSnapshot,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let discovery = account.discovery.as_mut();
        // A list that was restarted expects another page.
        let Some(discovery) = discovery.filter(|d| d.expects(requested)) else {
            return;
        };
        match result {
            Err(_) if class == FailureClass::SharedFault => {
                discovery.reschedule_unsent(now.monotonic);
            }
            // The server clock was corrected by this response.
            Err(Error::ClockSkew(_)) if !std::mem::replace(&mut account.clock_retried, true) => {
                discovery.reschedule_unsent(now.monotonic);
            }
            Err(error) => {
                let is_first = discovery.record_failure(error.retry_after(), now.monotonic);
                log_events::discovery_failed(&account.name, &error, is_first);
            }
            Ok(page) => {
                let generation = discovery.generation();
                let state = discovery.accept_page(&page, now.monotonic);
                if let DiscoveryState::Incomplete {
                    listed,
                    total,
                    is_first,
                } = state
                {
                    let name = &account.name;
                    log_events::discovery_incomplete(name, listed, total, is_first);
                }
                self.add_discovered(index, page.channels, generation, now);
                if let DiscoveryState::Complete {
                    is_consistent,
                    failures,
                } = state
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

    /// Adds the channels of a page that match the configuration.
    fn add_discovered(
        &mut self,
        index: usize,
        mut channels: Vec<ListedChannel>,
        generation: u64,
        now: TimeSnapshot,
    ) {
        // Two accounts may share an appId: the first one has the channel.
        channels.retain(|channel| {
            let mut others = self.accounts.iter().enumerate();
            !others.any(|(n, o)| n != index && o.discovered.contains_key(channel.id.as_str()))
        });
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let Some(discover) = account.discovery.as_ref().map(|d| d.discover.clone()) else {
            return;
        };
        let source = ChannelSource::Discovered { generation };
        let interval = self.config.poll.live_interval;
        let store = &self.context.store;
        let mut new: HashMap<String, ListedChannel> = HashMap::new();
        for channel in channels {
            let is_wanted = check_channel_id(&channel.id).is_ok()
                && self.config.shard.owns(&channel.id)
                && discover.wants(&channel.name)
                && !self.configured.contains(channel.id.as_str());
            if !is_wanted {
                continue;
            }
            let Some(key) = account.discovered.get(channel.id.as_str()).copied() else {
                new.insert(channel.id.clone(), channel);
                continue;
            };
            let Some(target) = account.queue.get_mut(key) else {
                continue;
            };
            target.source = source;
            let (known, name) = (&target.channel, name_of(&channel));
            if *known.name != *name {
                let renamed = discovered_channel(&known.id, name, interval);
                account.update_channel(key, renamed, source, store, now);
            }
        }
        // Sorted by number, so that phases do not depend on the order in which Polyv lists them.
        let mut new: Vec<ListedChannel> = new.into_values().collect();
        new.sort_unstable_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
        let free = MAX_DISCOVERED_CHANNELS.saturating_sub(account.queue.len());
        if new.len() > free {
            log_events::too_many_discovered(account, MAX_DISCOVERED_CHANNELS);
        }
        for channel in new.into_iter().take(free) {
            let id = channel.id.as_str().into();
            let channel = discovered_channel(&id, name_of(&channel), interval);
            account.add(channel, source, store, now);
        }
    }

    /// Removes channels that the complete list does not contain.
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
        let discovery = account.discovery.as_ref();
        let is_filtered = discovery.is_some_and(|d| !d.discover.watch_status.is_empty());
        let is_missing = |target: &PollTarget| match target.source {
            ChannelSource::Configured => false,
            ChannelSource::Discovered { generation: seen } => {
                // Of inconsistent lists, two in a row must lack it.
                seen + u64::from(!is_consistent) < generation
            }
        };
        // A channel that changed its status is not gone for that.
        let is_kept = |target: &PollTarget| is_filtered && target.is_recently_live(now.monotonic);
        let targets = account.queue.iter();
        let missing: Vec<ChannelKey> = targets
            .filter(|(_, target)| is_missing(target) && !is_kept(target))
            .map(|(key, _)| key)
            .collect();
        for key in missing {
            account.remove(key, &self.context.store);
        }
    }
}

/// Returns the name of a channel, or its id if it has none.
fn name_of(channel: &ListedChannel) -> &str {
    if channel.name.trim().is_empty() {
        &channel.id
    } else {
        &channel.name
    }
}
