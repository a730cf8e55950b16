//! How many channels each account has, by their status: those without series of their own too.

use std::collections::BTreeMap;

use super::families::ACCOUNT_CHANNELS;
use super::text_format::{self, Format};
use crate::state::State;
use polyv_client::LiveStatus;

/// What a channel counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// What Polyv calls its status.
    Reported(LiveStatus),
    /// What is known of it otherwise.
    Known(State),
}

/// The label's values, in the order in which they are shown.
const CLASSES: [Class; 8] = [
    Class::Reported(LiveStatus::NotStarted),
    Class::Reported(LiveStatus::Live),
    Class::Reported(LiveStatus::Ended),
    Class::Reported(LiveStatus::Waiting),
    Class::Reported(LiveStatus::Playback),
    Class::Reported(LiveStatus::Banned),
    Class::Known(State::NotLive),
    Class::Known(State::Unknown),
];

/// Counts the channels of each account.
#[derive(Debug, Default)]
pub(super) struct Census {
    accounts: BTreeMap<String, [usize; CLASSES.len()]>,
}

// === impl Class ===

impl Class {
    /// The class of a channel in this state, with what Polyv calls its status. One that is
    /// live is live, whatever it is called.
    pub(super) fn of(state: State, reported: Option<LiveStatus>) -> Self {
        match (state, reported) {
            (State::Live, _) => Self::Reported(LiveStatus::Live),
            (_, Some(status)) => Self::Reported(status),
            (state, None) => Self::Known(state),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Reported(status) => status.as_str(),
            Self::Known(state) => state.as_str(),
        }
    }
}

// === impl Census ===

impl Census {
    /// One channel more of that class.
    pub(super) fn add(&mut self, account: &str, class: Class) {
        if let Some(count) = self.count(account, class) {
            *count += 1;
        }
    }

    /// One channel less. The last one takes the account with it.
    pub(super) fn remove(&mut self, account: &str, class: Class) {
        if let Some(count) = self.count(account, class) {
            *count = count.saturating_sub(1);
        }
        if let Some(counts) = self.accounts.get(account)
            && counts.iter().all(|count| *count == 0)
        {
            self.accounts.remove(account);
        }
    }

    fn count(&mut self, account: &str, class: Class) -> Option<&mut usize> {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.to_owned(), [0; CLASSES.len()]);
        }
        let place = CLASSES.iter().position(|other| *other == class)?;
        self.accounts.get_mut(account)?.get_mut(place)
    }

    /// Writes the family.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn write(&self, format: Format, out: &mut String) {
        if self.accounts.is_empty() {
            return;
        }
        format.header(&ACCOUNT_CHANNELS, out);
        for (account, counts) in &self.accounts {
            for (class, count) in CLASSES.iter().zip(counts) {
                out.push_str(ACCOUNT_CHANNELS.name);
                out.push('{');
                text_format::label("account", account, out);
                out.push(',');
                text_format::label("status", class.as_str(), out);
                out.push_str("} ");
                text_format::number(*count as f64, out);
                out.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_that_a_channel_can_be_of_is_counted() {
        for state in State::ALL {
            let reported = LiveStatus::ALL.map(Some).into_iter().chain([None]);
            for reported in reported {
                let class = Class::of(state, reported);
                assert!(CLASSES.contains(&class), "{class:?}");
            }
        }
    }

    #[test]
    fn an_account_is_there_as_long_as_it_has_channels() {
        let mut census = Census::default();
        let written = |census: &Census| {
            let mut out = String::new();
            census.write(Format::Prometheus, &mut out);
            out
        };
        assert_eq!(written(&census), "");
        let live = Class::of(State::Live, None);
        census.add("a", live);
        census.add("a", live);
        census.remove("a", live);
        let text = written(&census);
        assert!(
            text.contains("{account=\"a\",status=\"live\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("{account=\"a\",status=\"unknown\"} 0\n"),
            "{text}"
        );
        census.remove("a", live);
        assert_eq!(written(&census), "");
    }
}
