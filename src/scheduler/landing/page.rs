//! What came of asking for a page of an account's channels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Verdict;
use crate::config::{self, Expose, check_channel_id};
use crate::metrics::{ChannelKey, ChannelMeta, Exposure};
use crate::scheduler::flight::Flight;
use crate::scheduler::listing::{MOST_LISTED, Step};
use crate::scheduler::watched::{Origin, Watched};
use crate::scheduler::{Poller, report};
use crate::state::Stretch;
use polyv_client::clock::Now;
use polyv_client::{ChannelPage, Error, ListedChannel, LiveStatus, PageOf};

impl Poller {
    /// A page of an account's channels was asked for.
    pub(super) fn land_page(
        &mut self,
        index: usize,
        flight: &Flight,
        asked: PageOf,
        result: Result<ChannelPage, Error>,
        verdict: Verdict,
        now: Now,
    ) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let credentials = account.credentials;
        let Some(listing) = account.listing.as_mut() else {
            return;
        };
        // One that has begun anew meanwhile waits for another page.
        if flight.credentials != credentials || !listing.waits_for(asked) {
            return;
        }
        match result {
            Err(_) if verdict == Verdict::NotItsFault => listing.in_vain(now.moment),
            // Polyv's clock is known now.
            Err(Error::ClockSkew(_)) if !std::mem::replace(&mut account.clock_retried, true) => {
                listing.in_vain(now.moment);
            }
            Err(error) => {
                let first = listing.failed(now.moment);
                report::listing_failed(&account.name, &error, first);
            }
            Ok(page) => {
                let round = listing.round();
                let step = listing.arrived(&page, now.moment);
                self.enlist(index, page.channels, round, now);
                if let Step::Complete { whole, failures } = step {
                    self.strike_off(index, round, whole, now);
                    if let Some(account) = self.accounts.get(index) {
                        let at = self.parts.clock.host().wall();
                        self.parts.metrics.set_listed(&account.name, at);
                        report::listed(account, failures);
                    }
                }
            }
        }
    }

    /// Watches the channels of a page that are wanted.
    fn enlist(&mut self, index: usize, mut channels: Vec<ListedChannel>, round: u64, now: Now) {
        // Two accounts may be of one appId: the first one has it.
        channels.retain(|channel| {
            let mut others = self.accounts.iter().enumerate();
            !others.any(|(n, other)| n != index && other.listed.contains_key(channel.id.as_str()))
        });
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let Some(discover) = account.listing.as_ref().map(|l| l.discover.clone()) else {
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
            let Some(key) = account.listed.get(channel.id.as_str()).copied() else {
                continue;
            };
            let Some(watched) = account.roster.get_mut(key) else {
                continue;
            };
            watched.origin = Origin::Listed { round };
            let name = name_of(channel);
            if *watched.name != *name {
                watched.name = name.into();
                let interval = self.poll.live_interval;
                let meta = channel_meta(&account.name, &watched.id, &watched.name, interval);
                let exposure = exposure(discover.expose);
                self.parts.store.update_metadata(key, meta, exposure, now);
            }
        }
        wanted.retain(|id, _| !account.listed.contains_key(id.as_str()));
        // In the order of their numbers, so that phases don't depend on chance.
        let mut new: Vec<ListedChannel> = wanted.into_values().collect();
        new.sort_unstable_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
        let room = MOST_LISTED.saturating_sub(account.roster.len());
        if new.len() > room {
            report::too_many_listed(account, MOST_LISTED);
        }
        for channel in new.into_iter().take(room) {
            self.watch_listed(index, &channel, round, exposure(discover.expose), now);
        }
    }

    fn watch_listed(
        &mut self,
        index: usize,
        channel: &ListedChannel,
        round: u64,
        exposure: Exposure,
        now: Now,
    ) {
        let phase = self.next_phase();
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let interval = self.poll.live_interval;
        let id: Arc<str> = channel.id.as_str().into();
        let name: Arc<str> = name_of(channel).into();
        let meta = channel_meta(&account.name, &id, &name, interval);
        let store = &self.parts.store;
        let key = store.insert(meta, exposure, now);
        let watched = Watched::new(
            Arc::clone(&id),
            name,
            Origin::Listed { round },
            phase,
            false,
        );
        account.listed.insert(id, key);
        self.unasked += 1;
        let within = interval.min(self.poll.idle_interval);
        account.add(key, watched, within, now.moment);
    }

    /// Does not watch channels any more that the listing which is now complete has not got.
    fn strike_off(&mut self, index: usize, round: u64, whole: bool, now: Now) {
        let Some(account) = self.accounts.get_mut(index) else {
            return;
        };
        let filtered = account
            .listing
            .as_ref()
            .is_some_and(|listing| !listing.discover.watch_status.is_empty());
        let missing: Vec<ChannelKey> = account
            .roster
            .iter()
            .filter(|(_, watched)| match watched.origin {
                Origin::Configured => false,
                // Of listings that come in pieces it takes two in a row.
                Origin::Listed { round: seen } if whole => seen < round,
                Origin::Listed { round: seen } => seen + 1 < round,
            })
            .map(|(key, _)| key)
            .collect();
        for key in missing {
            // What is not of a status any more that is listed has not gone for that.
            let of_interest = self
                .parts
                .store
                .read(key, |channel, rules| {
                    let until = channel.of_interest_until();
                    until.is_some_and(|until| now.moment < until)
                        || channel.reported_status(now, rules, Stretch::NONE)
                            == Some(LiveStatus::Live)
                })
                .unwrap_or(false);
            if filtered && of_interest {
                continue;
            }
            if account
                .roster
                .get(key)
                .is_some_and(|watched| !watched.asked)
            {
                self.unasked = self.unasked.saturating_sub(1);
            }
            account.remove(key);
            self.parts.store.remove(key);
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
