//! ChannelDiscovery an account's channels, page by page.
//!
//! Pages come oldest first, so a deletion between two of them makes the second one skip a
//! channel; and one whose status changes between two lists is in neither. A channel that a
//! listing lacks is therefore gone only if that listing came in one piece, or if the one before
//! lacked it too.

use std::time::Duration;

use super::request::PollRequest;
use crate::config::DiscoveryConfig;
use polyv_client::clock::MonotonicInstant;
use polyv_client::{ChannelPage, ChannelPageRequest, LiveStatus};

/// Channels that are watched at most, of one account: memory is bounded whatever Polyv lists.
pub(super) const MAX_DISCOVERED_CHANNELS: usize = 200_000;
/// A page that says there are more after so many does not count: a list has an end.
const MAX_PAGES: u32 = 1000;
/// After a failure the listing begins anew, from 30 s on and ever later.
const INITIAL_RETRY_DELAY: Duration = Duration::from_secs(30);

/// The listing of an account's channels.
#[derive(Debug)]
pub(super) struct ChannelDiscovery {
    pub(super) discover: DiscoveryConfig,
    /// When the next page is to be asked for; `None` while one is.
    due: Option<MonotonicInstant>,
    /// When the present generation began.
    began: MonotonicInstant,
    /// Numbers the listings that come to their end.
    generation: u64,
    /// Which of the configured statuses is being listed.
    status: usize,
    page: u32,
    /// How many channels have come in this discovery, and in the one before.
    channels: u64,
    previous_channels: u64,
    /// How many pages of this listing have come.
    pages: u32,
    /// How often in a row it failed.
    failures: u32,
    /// Whether there was a complete one.
    complete: bool,
    /// Whether it was logged that there are too many channels.
    pub(super) too_many_logged: bool,
}

/// What a page meant for a discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscoveryState {
    /// There are more.
    MorePages,
    /// That was the last one.
    Complete {
        /// Whether it came in one piece: channels that it lacks are gone.
        is_consistent: bool,
        /// How many listings before failed.
        failures: u32,
    },
}

// === impl ChannelDiscovery ===

impl ChannelDiscovery {
    /// A listing that begins now. `generation` is the number of the first one: later than any that a
    /// channel was seen in.
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
            pages: 0,
            failures: 0,
            complete: false,
            too_many_logged: false,
        }
    }

    /// When a page is to be asked for; `None` while one is.
    pub(super) const fn due(&self) -> Option<MonotonicInstant> {
        self.due
    }

    /// The number of the present discovery.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether all channels were listed once.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the question for the next page.
    pub(super) fn pop_page(&mut self) -> PollRequest {
        self.due = None;
        PollRequest::ChannelPage(self.next_page())
    }

    fn next_page(&self) -> ChannelPageRequest {
        ChannelPageRequest {
            status: self.current_status(),
            number: self.page,
        }
    }

    /// The status that is being listed; `None` for all.
    fn current_status(&self) -> Option<LiveStatus> {
        self.discover.watch_status.get(self.status).copied()
    }

    /// Whether that is the page that it waits for: it may have begun anew meanwhile.
    pub(super) fn expects(&self, page: ChannelPageRequest) -> bool {
        self.due.is_none() && self.next_page() == page
    }

    /// A page has come.
    pub(super) fn accept_page(
        &mut self,
        page: &ChannelPage,
        now: MonotonicInstant,
    ) -> DiscoveryState {
        let channels = u64::try_from(page.channels.len()).unwrap_or(u64::MAX);
        self.channels = self.channels.saturating_add(channels);
        self.pages = self.pages.saturating_add(1);
        self.due = Some(now);
        if channels > 0 && self.page < page.pages.min(MAX_PAGES) {
            self.page += 1;
            return DiscoveryState::MorePages;
        }
        self.page = 1;
        if self.status + 1 < self.discover.watch_status.len() {
            self.status += 1;
            return DiscoveryState::MorePages;
        }
        // Half of the channels don't go from one listing to the next.
        let is_consistent = self.pages == 1
            && page.unreadable == 0
            && self.channels == page.total
            && self.channels >= self.previous_channels / 2;
        let step = DiscoveryState::Complete {
            is_consistent,
            failures: self.failures,
        };
        self.previous_channels = self.channels;
        self.complete = true;
        self.failures = 0;
        // From its beginning on, so that listings come as often as configured.
        let due = (self.began + self.discover.every).max(now);
        self.restart(due);
        self.generation += 1;
        step
    }

    /// There was no page: all of it is asked for again, later. Whether that is news.
    pub(super) fn record_failure(&mut self, now: MonotonicInstant) -> bool {
        let times = 1u32 << self.failures.min(16);
        let wait = INITIAL_RETRY_DELAY
            .saturating_mul(times)
            .min(self.discover.every);
        self.failures = self.failures.saturating_add(1);
        self.restart(now + wait);
        self.failures == 1
    }

    /// There was no page, by no fault of its own: the same one is asked for again.
    pub(super) fn reschedule_unsent(&mut self, now: MonotonicInstant) {
        self.due = Some(now);
    }

    /// Another Polyv lists its channels.
    pub(super) fn reset(&mut self, now: MonotonicInstant) {
        self.failures = 0;
        self.restart(now);
    }

    fn restart(&mut self, due: MonotonicInstant) {
        self.due = Some(due);
        self.began = due;
        (self.status, self.page, self.channels, self.pages) = (0, 1, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Expose;
    use polyv_client::ListedChannel;

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
        let channel = ListedChannel {
            id: "1".to_owned(),
            name: String::new(),
        };
        ChannelPage {
            pages,
            total,
            channels: vec![channel; channels],
            unreadable: 0,
        }
    }

    /// Asks for the next page and gets that one.
    fn turn(
        discovery: &mut ChannelDiscovery,
        got: &ChannelPage,
        seconds: u64,
    ) -> (ChannelPageRequest, DiscoveryState) {
        let PollRequest::ChannelPage(asked) = discovery.pop_page() else {
            panic!("it asks for pages");
        };
        assert!(discovery.expects(asked) && discovery.due().is_none());
        (asked, discovery.accept_page(got, at(seconds)))
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
    fn pages_are_asked_for_one_after_the_other_and_then_again_after_a_while() {
        let mut discovery = listing(&[]);
        for number in 1..=2 {
            let (asked, step) = turn(&mut discovery, &page(1000, 3, 2100), 10);
            assert_eq!(
                (asked.number, asked.status, step),
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
    fn each_status_is_listed_by_itself() {
        let mut discovery = listing(&[LiveStatus::Live, LiveStatus::Waiting]);
        let (asked, step) = turn(&mut discovery, &page(3, 1, 3), 0);
        assert_eq!(
            (asked.status, step),
            (Some(LiveStatus::Live), DiscoveryState::MorePages)
        );
        let (asked, step) = turn(&mut discovery, &page(0, 0, 0), 0);
        assert_eq!(
            (asked.status, step),
            (Some(LiveStatus::Waiting), INCONSISTENT)
        );
    }

    #[test]
    fn only_a_listing_in_one_piece_counts_for_what_it_lacks() {
        let mut discovery = listing(&[]);
        assert_eq!(turn(&mut discovery, &page(5, 1, 5), 0).1, CONSISTENT);
        // It says more than there are.
        assert_eq!(turn(&mut discovery, &page(4, 1, 5), 300).1, INCONSISTENT);
        let unreadable = ChannelPage {
            unreadable: 1,
            ..page(4, 1, 4)
        };
        assert_eq!(turn(&mut discovery, &unreadable, 600).1, INCONSISTENT);
        assert_eq!(turn(&mut discovery, &page(4, 1, 4), 900).1, CONSISTENT);
        // That all are gone, or most, has to be said twice.
        assert_eq!(turn(&mut discovery, &page(0, 0, 0), 1200).1, INCONSISTENT);
        assert_eq!(turn(&mut discovery, &page(0, 0, 0), 1500).1, CONSISTENT);
        // An empty page ends it, whatever it says.
        turn(&mut discovery, &page(1000, 900, 900_000), 1800);
        assert_eq!(
            turn(&mut discovery, &page(0, 900, 900_000), 1800).1,
            INCONSISTENT
        );
    }

    #[test]
    fn a_list_without_end_ends() {
        let mut discovery = listing(&[]);
        for _ in 1..MAX_PAGES {
            let (_, step) = turn(&mut discovery, &page(1, u32::MAX, u64::MAX), 0);
            assert_eq!(step, DiscoveryState::MorePages);
        }
        let (_, step) = turn(&mut discovery, &page(1, u32::MAX, u64::MAX), 0);
        assert_ne!(step, DiscoveryState::MorePages);
    }

    #[test]
    fn after_a_failure_it_begins_anew_ever_later() {
        let mut discovery = listing(&[]);
        turn(&mut discovery, &page(1000, 2, 1500), 0);
        for (n, wait) in [30, 60, 120, 240, 300, 300].into_iter().enumerate() {
            discovery.pop_page();
            assert_eq!(discovery.record_failure(at(1000)), n == 0);
            assert_eq!(discovery.due(), Some(at(1000 + wait)));
        }
        let (asked, step) = turn(&mut discovery, &page(5, 1, 5), 2000);
        let recovered = DiscoveryState::Complete {
            is_consistent: true,
            failures: 6,
        };
        assert_eq!((asked.number, step), (1, recovered));
    }

    #[test]
    fn a_page_that_nobody_waits_for_any_more_is_none() {
        let mut discovery = listing(&[]);
        let PollRequest::ChannelPage(asked) = discovery.pop_page() else {
            panic!("it asks for pages");
        };
        discovery.reset(at(1));
        assert!(!discovery.expects(asked));
    }
}
