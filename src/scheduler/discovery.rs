//! Discovers an account's channels, page by page.
//!
//! Polyv lists the oldest channels first, so a channel that is deleted between two pages makes the
//! second page skip another one. A channel whose status changes between two filtered lists is in
//! neither. A missing channel is therefore gone only if the list is consistent, or if the list
//! before did not contain it either.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::request::PollRequest;
use crate::config::DiscoveryConfig;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{ChannelPage, ChannelPageRequest};

/// The maximum number of channels of an account: it bounds memory, whatever Polyv lists.
pub(super) const MAX_DISCOVERED_CHANNELS: usize = 200_000;
/// A list ends after this many pages, even if Polyv says that there are more.
const MAX_PAGES: u32 = 1000;
const INITIAL_RETRY_DELAY: Duration = Duration::from_secs(30);

/// The discovery of one account's channels.
#[derive(Debug)]
pub(super) struct ChannelDiscovery {
    pub(super) discover: DiscoveryConfig,
    /// When the next page is due, or `None` while one is in flight.
    due: Option<MonotonicInstant>,
    /// When the present list was begun.
    began: MonotonicInstant,
    /// The number of the present list. Failed lists are not counted.
    generation: u64,
    /// The position of the listed status in the configuration.
    status: usize,
    /// The number of the next page.
    page: u32,
    /// How many channels the present list and the one before contain.
    channels: u64,
    previous_channels: u64,
    /// The hashes of the ids that were listed of the present status: pages may repeat channels.
    listed: HashSet<u64>,
    hasher: RandomState,
    /// How many unreadable items were listed of the present status.
    unreadable: usize,
    /// How many pages of the present list were accepted.
    pages: u32,
    /// Consecutive failures.
    failures: u32,
    /// Whether any list was complete.
    complete: bool,
    /// Whether it was logged that there are too many channels.
    pub(super) too_many_logged: bool,
}

/// The state of a list after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscoveryState {
    /// More pages follow.
    MorePages,
    /// The list ended before Polyv's number of channels was reached, and is restarted later.
    Incomplete {
        /// How many channels were listed.
        listed: u64,
        /// How many channels there are.
        total: u64,
        /// Whether it is the first failure in a row.
        is_first: bool,
    },
    /// The list is complete.
    Complete {
        /// Whether channels that it does not contain are gone.
        is_consistent: bool,
        /// How many attempts failed before.
        failures: u32,
    },
}

// === impl ChannelDiscovery ===

impl ChannelDiscovery {
    /// Creates a discovery that begins now. `generation` must be newer than that of every channel.
    pub(super) fn new(discover: DiscoveryConfig, generation: u64, now: MonotonicInstant) -> Self {
        Self {
            discover,
            due: Some(now),
            began: now,
            generation,
            status: 0,
            page: 1,
            channels: 0,
            previous_channels: 0,
            listed: HashSet::new(),
            hasher: RandomState::new(),
            unreadable: 0,
            pages: 0,
            failures: 0,
            complete: false,
            too_many_logged: false,
        }
    }

    /// Returns when the next page is due, or `None` while one is in flight.
    pub(super) const fn due(&self) -> Option<MonotonicInstant> {
        self.due
    }

    /// Returns the number of the present list.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns whether all channels were listed once.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the request for the next page.
    pub(super) fn pop_page(&mut self) -> PollRequest {
        self.due = None;
        PollRequest::ChannelPage(self.next_page())
    }

    fn next_page(&self) -> ChannelPageRequest {
        ChannelPageRequest {
            status: self.discover.watch_status.get(self.status).copied(),
            number: self.page,
        }
    }

    /// Returns whether this page is the one in flight. The list may have been restarted.
    pub(super) fn expects(&self, page: ChannelPageRequest) -> bool {
        self.due.is_none() && self.next_page() == page
    }

    /// Adds a page to the list.
    pub(super) fn accept_page(
        &mut self,
        page: &ChannelPage,
        now: MonotonicInstant,
    ) -> DiscoveryState {
        let channels = u64::try_from(page.channels.len()).unwrap_or(u64::MAX);
        self.channels = self.channels.saturating_add(channels);
        let ids = page.channels.iter();
        let hashes = ids.map(|channel| self.hasher.hash_one(&channel.id));
        self.listed.extend(hashes);
        self.unreadable += page.unreadable;
        self.pages = self.pages.saturating_add(1);
        self.due = Some(now);
        if channels > 0 && self.page < page.pages.min(MAX_PAGES) {
            self.page += 1;
            return DiscoveryState::MorePages;
        }
        let listed = std::mem::take(&mut self.listed).len() + std::mem::take(&mut self.unreadable);
        let listed = u64::try_from(listed).unwrap_or(u64::MAX);
        let total = page.total;
        if listed < total {
            let is_first = self.record_failure(None, now);
            return DiscoveryState::Incomplete {
                listed,
                total,
                is_first,
            };
        }
        self.page = 1;
        if self.status + 1 < self.discover.watch_status.len() {
            self.status += 1;
            return DiscoveryState::MorePages;
        }
        // A list that lost more than half of the channels must be confirmed by the next one.
        let is_consistent = self.pages == 1
            && page.unreadable == 0
            && self.channels == page.total
            && self.channels >= self.previous_channels / 2;
        let state = DiscoveryState::Complete {
            is_consistent,
            failures: self.failures,
        };
        self.previous_channels = self.channels;
        self.complete = true;
        self.failures = 0;
        self.generation += 1;
        // The interval runs from one beginning to the next.
        self.restart((self.began + self.discover.every).max(now));
        state
    }

    /// Restarts the list later, after a failure. Returns whether it is the first in a row.
    pub(super) fn record_failure(
        &mut self,
        retry_after: Option<Duration>,
        now: MonotonicInstant,
    ) -> bool {
        let factor = 1u32 << self.failures.min(16);
        let delay = INITIAL_RETRY_DELAY.saturating_mul(factor);
        self.failures = self.failures.saturating_add(1);
        let delay = delay.min(self.discover.every);
        self.restart(now + delay.max(retry_after.unwrap_or_default()));
        self.failures == 1
    }

    /// Requests the same page again, after a failure that was not its own.
    pub(super) fn reschedule_unsent(&mut self, now: MonotonicInstant) {
        self.due = Some(now);
    }

    /// Restarts the list now, since Polyv's address or the credentials changed.
    pub(super) fn reset(&mut self, now: MonotonicInstant) {
        self.failures = 0;
        self.restart(now);
    }

    fn restart(&mut self, due: MonotonicInstant) {
        self.due = Some(due);
        self.began = due;
        (self.status, self.page, self.pages) = (0, 1, 0);
        (self.channels, self.unreadable) = (0, 0);
        self.listed = HashSet::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Expose;
    use polyv_client::{ListedChannel, LiveStatus};

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    fn listing(watch_status: &[LiveStatus]) -> ChannelDiscovery {
        let discover = DiscoveryConfig {
            watch_status: watch_status.to_vec(),
            name_matches: None,
            name_excludes: None,
            every: Duration::from_secs(300),
            expose: Expose::Live,
        };
        ChannelDiscovery::new(discover, 1, at(0))
    }

    fn page(channels: usize, pages: u32, total: u64) -> ChannelPage {
        let channel = |_| ListedChannel {
            id: fastrand::u64(..).to_string(),
            name: String::new(),
        };
        ChannelPage {
            pages,
            total,
            channels: (0..channels).map(channel).collect(),
            unreadable: 0,
        }
    }

    /// Requests the next page and accepts `got`.
    fn turn(
        discovery: &mut ChannelDiscovery,
        got: &ChannelPage,
        seconds: u64,
    ) -> (ChannelPageRequest, DiscoveryState) {
        let PollRequest::ChannelPage(request) = discovery.pop_page() else {
            panic!("a discovery requests pages");
        };
        assert!(discovery.expects(request) && discovery.due().is_none());
        (request, discovery.accept_page(got, at(seconds)))
    }

    const CONSISTENT: DiscoveryState = DiscoveryState::Complete {
        is_consistent: true,
        failures: 0,
    };
    const INCONSISTENT: DiscoveryState = DiscoveryState::Complete {
        is_consistent: false,
        failures: 0,
    };

    #[test]
    fn pages_are_requested_one_after_the_other_and_again_after_the_interval() {
        let mut discovery = listing(&[]);
        for number in 1..=2 {
            let (request, step) = turn(&mut discovery, &page(1000, 3, 2100), 10);
            assert_eq!(
                (request.number, request.status, step),
                (number, None, DiscoveryState::MorePages)
            );
            assert_eq!(discovery.due(), Some(at(10)));
        }
        assert_eq!(
            turn(&mut discovery, &page(100, 3, 2100), 20).1,
            INCONSISTENT
        );
        assert_eq!(discovery.due(), Some(at(300)));
    }

    #[test]
    fn each_status_is_listed_individually() {
        let mut discovery = listing(&[LiveStatus::Live, LiveStatus::Waiting]);
        let (request, step) = turn(&mut discovery, &page(3, 1, 3), 0);
        assert_eq!(
            (request.status, step),
            (Some(LiveStatus::Live), DiscoveryState::MorePages)
        );
        let (request, step) = turn(&mut discovery, &page(0, 0, 0), 0);
        assert_eq!(
            (request.status, step),
            (Some(LiveStatus::Waiting), INCONSISTENT)
        );
    }

    #[test]
    fn only_a_consistent_list_shows_that_channels_are_gone() {
        let mut discovery = listing(&[]);
        assert_eq!(turn(&mut discovery, &page(5, 1, 5), 0).1, CONSISTENT);
        // There are fewer than it contains.
        assert_eq!(turn(&mut discovery, &page(5, 1, 4), 300).1, INCONSISTENT);
        let unreadable = ChannelPage {
            unreadable: 1,
            ..page(4, 1, 4)
        };
        assert_eq!(turn(&mut discovery, &unreadable, 600).1, INCONSISTENT);
        assert_eq!(turn(&mut discovery, &page(4, 1, 4), 900).1, CONSISTENT);
        // A list that lost most channels must be confirmed.
        assert_eq!(turn(&mut discovery, &page(0, 0, 0), 1200).1, INCONSISTENT);
        assert_eq!(turn(&mut discovery, &page(0, 0, 0), 1500).1, CONSISTENT);
    }

    #[test]
    fn list_that_ends_before_all_channels_were_listed_is_incomplete() {
        let incomplete = |listed, total, is_first| DiscoveryState::Incomplete {
            listed,
            total,
            is_first,
        };
        let mut discovery = listing(&[]);
        let (_, step) = turn(&mut discovery, &page(100, 1, 250), 0);
        assert_eq!(step, incomplete(100, 250, true));
        assert_eq!(discovery.due(), Some(at(30)));
        // An empty page ends the list.
        turn(&mut discovery, &page(1000, 900, 900_000), 30);
        let (_, step) = turn(&mut discovery, &page(0, 900, 900_000), 30);
        assert_eq!(step, incomplete(1000, 900_000, false));
        assert!(!discovery.is_complete());
        // A page is repeated.
        let repeated = page(100, 3, 250);
        turn(&mut discovery, &repeated, 90);
        turn(&mut discovery, &repeated, 90);
        let (_, step) = turn(&mut discovery, &repeated, 90);
        assert_eq!(step, incomplete(100, 250, false));
        // Unreadable items were listed, too.
        let unreadable = ChannelPage {
            unreadable: 1,
            ..page(4, 1, 5)
        };
        let (_, step) = turn(&mut discovery, &unreadable, 300);
        assert!(matches!(step, DiscoveryState::Complete { failures: 3, .. }));
        // Each status has a number of its own.
        let mut discovery = listing(&[LiveStatus::Live, LiveStatus::Waiting]);
        turn(&mut discovery, &page(3, 1, 3), 0);
        let (_, step) = turn(&mut discovery, &page(1, 1, 2), 0);
        assert_eq!(step, incomplete(1, 2, true));
    }

    #[test]
    fn endless_list_ends() {
        let mut discovery = listing(&[]);
        for _ in 1..MAX_PAGES {
            let (_, step) = turn(&mut discovery, &page(1, u32::MAX, u64::MAX), 0);
            assert_eq!(step, DiscoveryState::MorePages);
        }
        let (_, step) = turn(&mut discovery, &page(1, u32::MAX, u64::MAX), 0);
        assert_ne!(step, DiscoveryState::MorePages);
    }

    #[test]
    fn failures_restart_the_list_with_growing_delays() {
        let mut discovery = listing(&[]);
        turn(&mut discovery, &page(1000, 2, 1500), 0);
        for (n, wait) in [30, 60, 120, 240, 300, 300].into_iter().enumerate() {
            discovery.pop_page();
            assert_eq!(discovery.record_failure(None, at(1000)), n == 0);
            assert_eq!(discovery.due(), Some(at(1000 + wait)));
        }
        let (request, step) = turn(&mut discovery, &page(5, 1, 5), 2000);
        let recovered = DiscoveryState::Complete {
            is_consistent: true,
            failures: 6,
        };
        assert_eq!((request.number, step), (1, recovered));
    }

    #[test]
    fn page_of_a_restarted_list_is_ignored() {
        let mut discovery = listing(&[]);
        let PollRequest::ChannelPage(request) = discovery.pop_page() else {
            panic!("a discovery requests pages");
        };
        discovery.reset(at(1));
        assert!(!discovery.expects(request));
    }
}
