//! The number of channels of each account, by status. Channels without series count as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::liveness::LiveState;
use polyv_client::LiveStatus;

/// The status that a channel counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusLabel {
    /// The status that Polyv reports.
    Reported(LiveStatus),
    /// The channel's state, where Polyv reports no status.
    Observation(LiveState),
}

/// The number of channels of each account, by status.
#[derive(Debug, Clone, Default)]
pub struct StatusCounts {
    accounts: BTreeMap<Arc<str>, [usize; StatusLabel::ALL.len()]>,
}

// === impl StatusLabel ===

impl StatusLabel {
    /// All labels, in the order in which they are shown.
    const ALL: [Self; 8] = [
        Self::Reported(LiveStatus::NotStarted),
        Self::Reported(LiveStatus::Live),
        Self::Reported(LiveStatus::Ended),
        Self::Reported(LiveStatus::Waiting),
        Self::Reported(LiveStatus::Playback),
        Self::Reported(LiveStatus::Banned),
        Self::Observation(LiveState::NotLive),
        Self::Observation(LiveState::Unknown),
    ];

    /// The label of a channel in this state with this reported status. A live channel counts as
    /// live whatever status is reported.
    pub(super) fn new(state: LiveState, reported: Option<LiveStatus>) -> Self {
        match (state, reported) {
            (LiveState::Live, _) => Self::Reported(LiveStatus::Live),
            (_, Some(status)) => Self::Reported(status),
            (state, None) => Self::Observation(state),
        }
    }

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported(status) => status.as_str(),
            Self::Observation(state) => state.as_str(),
        }
    }
}

// === impl StatusCounts ===

impl StatusCounts {
    /// The counts of every account that has channels, sorted by account, with all labels.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&str, impl Iterator<Item = (StatusLabel, usize)> + '_)> {
        self.accounts.iter().map(|(account, counts)| {
            let counts = StatusLabel::ALL.into_iter().zip(counts.iter().copied());
            (&**account, counts)
        })
    }

    pub(super) fn add(&mut self, account: &Arc<str>, label: StatusLabel) {
        if let Some(count) = self.count(account, label) {
            *count += 1;
        }
    }

    /// Removes a channel. An account without channels has no counts.
    pub(super) fn remove(&mut self, account: &Arc<str>, label: StatusLabel) {
        if let Some(count) = self.count(account, label) {
            *count = count.saturating_sub(1);
        }
        if let Some(counts) = self.accounts.get(account)
            && counts.iter().all(|count| *count == 0)
        {
            self.accounts.remove(account);
        }
    }

    fn count(&mut self, account: &Arc<str>, label: StatusLabel) -> Option<&mut usize> {
        let index = StatusLabel::ALL.iter().position(|other| *other == label)?;
        let counts = self.accounts.entry(Arc::clone(account)).or_default();
        counts.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_possible_label_is_counted() {
        for state in LiveState::ALL {
            let reported = LiveStatus::ALL.map(Some).into_iter().chain([None]);
            for reported in reported {
                let label = StatusLabel::new(state, reported);
                assert!(StatusLabel::ALL.contains(&label), "{label:?}");
            }
        }
    }

    #[test]
    fn account_has_counts_while_it_has_channels() {
        let mut counts = StatusCounts::default();
        let account = "a".into();
        let live = StatusLabel::new(LiveState::Live, None);
        counts.add(&account, live);
        counts.add(&account, live);
        counts.remove(&account, live);
        let (name, of_account) = counts.iter().next().unwrap();
        assert_eq!(name, "a");
        let nonzero: Vec<_> = of_account.filter(|(_, count)| *count > 0).collect();
        assert_eq!(nonzero, [(live, 1)]);
        counts.remove(&account, live);
        assert_eq!(counts.iter().count(), 0);
    }
}
