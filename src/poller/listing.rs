//! Listing an account's channels, page by page.
//!
//! Pages come oldest first, so a deletion between two of them makes the second one skip a
//! channel. A channel that a listing lacks is therefore gone only if that listing is
//! consistent, or if the one before lacked it too.

use std::time::Duration;

use super::errand::Errand;
use super::timeline::Planned;
use crate::config::Discover;
use crate::polyv::{ChannelPage, LiveStatus, PageOf};

/// Channels that are watched at most, of one account: memory is bounded whatever Polyv lists.
pub(super) const MOST_LISTED: usize = 200_000;
/// A page that says there are more after so many does not count: a list has an end.
const MOST_PAGES: u32 = 1000;
/// After a failure the listing begins anew, from 30 s on and ever later.
const FIRST_RETRY: Duration = Duration::from_secs(30);

/// The listing of an account's channels.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) discover: Discover,
    /// When the next page is to be asked for; `None` while one is.
    due: Option<Planned>,
    /// When the present round began.
    began: Planned,
    /// Numbers the listings that come to their end.
    round: u64,
    /// Which of the configured statuses is being listed.
    status: usize,
    page: u32,
    /// How many channels of that status have come, and how many there are to come.
    come: u64,
    total: Option<u64>,
    /// Whether what came so far fits together.
    consistent: bool,
    /// How often in a row it failed.
    failures: u32,
    /// Whether there was a complete one.
    complete: bool,
    /// Whether it was logged that there are too many channels.
    pub(super) told_too_many: bool,
}

/// What a page meant for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There are more.
    More,
    /// That was the last one.
    Complete {
        /// Whether channels that it lacks are gone.
        consistent: bool,
        /// How many listings before failed.
        failures: u32,
    },
}

// === impl Listing ===

impl Listing {
    /// A listing that begins now.
    pub(super) fn new(discover: Discover, now: Planned) -> Self {
        Self {
            discover,
            due: Some(now),
            began: now,
            round: 1,
            status: 0,
            page: 1,
            come: 0,
            total: None,
            consistent: true,
            failures: 0,
            complete: false,
            told_too_many: false,
        }
    }

    /// When a page is to be asked for; `None` while one is.
    pub(super) const fn due(&self) -> Option<Planned> {
        self.due
    }

    /// The number of the present listing.
    pub(super) const fn round(&self) -> u64 {
        self.round
    }

    /// Whether all channels were listed once.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes the question for the next page.
    pub(super) fn take(&mut self) -> Errand {
        self.due = None;
        Errand::Page(self.question())
    }

    fn question(&self) -> PageOf {
        PageOf {
            status: self.wanted(),
            number: self.page,
        }
    }

    /// The status that is being listed; `None` for all.
    fn wanted(&self) -> Option<LiveStatus> {
        self.discover.watch_status.get(self.status).copied()
    }

    /// Whether that is the page that it waits for: it may have begun anew meanwhile.
    pub(super) fn waits_for(&self, page: PageOf) -> bool {
        self.due.is_none() && self.question() == page
    }

    /// A page has come.
    pub(super) fn arrived(&mut self, page: &ChannelPage, now: Planned) -> Step {
        let channels = u64::try_from(page.channels.len() + page.unreadable).unwrap_or(u64::MAX);
        self.come = self.come.saturating_add(channels);
        self.consistent &= self.total.is_none_or(|total| total == page.total);
        self.total = Some(page.total);
        self.due = Some(now);
        if channels > 0 && self.page < page.pages.min(MOST_PAGES) {
            self.page += 1;
            return Step::More;
        }
        self.consistent &= self.come == page.total;
        (self.page, self.come, self.total) = (1, 0, None);
        if self.status + 1 < self.discover.watch_status.len() {
            self.status += 1;
            return Step::More;
        }
        let step = Step::Complete {
            consistent: self.consistent,
            failures: self.failures,
        };
        self.complete = true;
        self.failures = 0;
        // From its beginning on, so that listings come as often as configured.
        let due = (self.began + self.discover.every).max(now);
        self.start_over(due);
        self.round += 1;
        step
    }

    /// There was no page: all of it is asked for again, later. Whether that is news.
    pub(super) fn failed(&mut self, now: Planned) -> bool {
        let times = 1u32 << self.failures.min(16);
        let wait = FIRST_RETRY.saturating_mul(times).min(self.discover.every);
        self.failures = self.failures.saturating_add(1);
        self.start_over(now + wait);
        self.failures == 1
    }

    /// There was no page, by no fault of its own: the same one is asked for again.
    pub(super) fn in_vain(&mut self, now: Planned) {
        self.due = Some(now);
    }

    /// Another Polyv lists its channels.
    pub(super) fn begin_anew(&mut self, now: Planned) {
        self.failures = 0;
        self.start_over(now);
    }

    fn start_over(&mut self, due: Planned) {
        self.due = Some(due);
        self.began = due;
        (self.status, self.page, self.come, self.total) = (0, 1, 0, None);
        self.consistent = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Expose;
    use crate::polyv::ListedChannel;

    fn at(seconds: u64) -> Planned {
        Planned::default() + Duration::from_secs(seconds)
    }

    fn listing(watch_status: &[LiveStatus]) -> Listing {
        let discover = Discover {
            watch_status: watch_status.to_vec(),
            name_matches: None,
            name_excludes: None,
            every: Duration::from_secs(300),
            expose: Expose::Live,
        };
        Listing::new(discover, at(0))
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
    fn turn(listing: &mut Listing, got: &ChannelPage, seconds: u64) -> (PageOf, Step) {
        let Errand::Page(asked) = listing.take() else {
            panic!("it asks for pages");
        };
        assert!(listing.waits_for(asked) && listing.due().is_none());
        (asked, listing.arrived(got, at(seconds)))
    }

    const CONSISTENT: Step = Step::Complete {
        consistent: true,
        failures: 0,
    };

    #[test]
    fn pages_are_asked_for_one_after_the_other_and_then_again_after_a_while() {
        let mut listing = listing(&[]);
        for number in 1..=2 {
            let (asked, step) = turn(&mut listing, &page(1000, 3, 2100), 10);
            assert_eq!(
                (asked.number, asked.status, step),
                (number, None, Step::More)
            );
            assert_eq!(listing.due(), Some(at(10)));
        }
        assert_eq!(turn(&mut listing, &page(100, 3, 2100), 20).1, CONSISTENT);
        assert_eq!(listing.due(), Some(at(300)));
        assert_eq!(turn(&mut listing, &page(5, 1, 5), 300).1, CONSISTENT);
    }

    #[test]
    fn each_status_is_listed_by_itself() {
        let mut listing = listing(&[LiveStatus::Live, LiveStatus::Waiting]);
        let (asked, step) = turn(&mut listing, &page(3, 1, 3), 0);
        assert_eq!((asked.status, step), (Some(LiveStatus::Live), Step::More));
        let (asked, step) = turn(&mut listing, &page(0, 0, 0), 0);
        assert_eq!(
            (asked.status, step),
            (Some(LiveStatus::Waiting), CONSISTENT)
        );
    }

    #[test]
    fn a_listing_that_changes_under_way_does_not_count_for_what_it_lacks() {
        let changed = Step::Complete {
            consistent: false,
            failures: 0,
        };
        let mut listing = listing(&[]);
        turn(&mut listing, &page(1000, 2, 1500), 0);
        assert_eq!(turn(&mut listing, &page(499, 2, 1499), 0).1, changed);
        // One page says more than there are.
        assert_eq!(turn(&mut listing, &page(3, 1, 4), 300).1, changed);
        // An empty page ends it, whatever it says.
        turn(&mut listing, &page(1000, 900, 900_000), 600);
        assert_eq!(turn(&mut listing, &page(0, 900, 900_000), 600).1, changed);
        assert_eq!(turn(&mut listing, &page(2, 1, 2), 900).1, CONSISTENT);
    }

    #[test]
    fn a_list_without_end_ends() {
        let mut listing = listing(&[]);
        for _ in 1..MOST_PAGES {
            assert_eq!(
                turn(&mut listing, &page(1, u32::MAX, u64::MAX), 0).1,
                Step::More
            );
        }
        assert_ne!(
            turn(&mut listing, &page(1, u32::MAX, u64::MAX), 0).1,
            Step::More
        );
    }

    #[test]
    fn after_a_failure_it_begins_anew_ever_later() {
        let mut listing = listing(&[]);
        turn(&mut listing, &page(1000, 2, 1500), 0);
        for (n, wait) in [30, 60, 120, 240, 300, 300].into_iter().enumerate() {
            listing.take();
            assert_eq!(listing.failed(at(1000)), n == 0);
            assert_eq!(listing.due(), Some(at(1000 + wait)));
        }
        let (asked, step) = turn(&mut listing, &page(5, 1, 5), 2000);
        let recovered = Step::Complete {
            consistent: true,
            failures: 6,
        };
        assert_eq!((asked.number, step), (1, recovered));
    }

    #[test]
    fn a_page_that_nobody_waits_for_any_more_is_none() {
        let mut listing = listing(&[]);
        let Errand::Page(asked) = listing.take() else {
            panic!("it asks for pages");
        };
        listing.begin_anew(at(1));
        assert!(!listing.waits_for(asked));
    }
}
