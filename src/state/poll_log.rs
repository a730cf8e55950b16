//! The outcomes of a channel's last polls.

use std::collections::VecDeque;
use std::sync::Arc;

use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

/// Consecutive polls with the same outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PollLogEntry {
    /// The outcome of the polls.
    pub(super) outcome: Outcome,
    /// The error's message, where the polls failed. It may contain Polyv's own words: untrusted.
    pub(super) message: Option<Arc<str>>,
    /// When the first of them ended.
    pub(super) first: MonotonicInstant,
    /// When the last of them ended.
    pub(super) last: MonotonicInstant,
    /// The number of polls.
    pub(super) count: u64,
    /// The number of new samples that they returned.
    pub(super) new_samples: u64,
}

/// The last entries, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct PollLog {
    entries: VecDeque<PollLogEntry>,
}

/// The number of entries that are kept.
const MAX_ENTRIES: usize = 8;
/// The number of characters of a message that are kept.
const MAX_MESSAGE_CHARS: usize = 160;

impl PollLog {
    /// Records a poll.
    pub(super) fn push(
        &mut self,
        outcome: Outcome,
        message: Option<&str>,
        new_samples: u64,
        now: MonotonicInstant,
    ) {
        let message = message.map(shortened);
        // An earlier entry may have the same message.
        let same = |entry: &PollLogEntry| {
            entry
                .message
                .clone()
                .filter(|said| Some(&**said) == message.as_deref())
        };
        let known = self.entries.iter().find_map(same);
        if let Some(entry) = self.entries.back_mut()
            && entry.outcome == outcome
            && entry.message.as_deref() == message.as_deref()
        {
            entry.last = now;
            entry.count += 1;
            entry.new_samples += new_samples;
            return;
        }
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        // Most channels have one or two entries: a capacity of four would waste memory.
        self.entries.reserve_exact(1);
        self.entries.push_back(PollLogEntry {
            outcome,
            message: known.or_else(|| message.map(Into::into)),
            first: now,
            last: now,
            count: 1,
            new_samples,
        });
    }

    /// The number of consecutive failed polls.
    pub(super) fn failures(&self) -> u64 {
        let failed = self
            .recent()
            .take_while(|entry| !entry.outcome.is_success());
        failed.map(|entry| entry.count).sum()
    }

    /// The last entries, newest first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &PollLogEntry> {
        self.entries.iter().rev()
    }
}

fn shortened(message: &str) -> String {
    let mut short: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_millis(seconds * 1000)
    }

    #[test]
    fn consecutive_polls_with_one_outcome_are_one_entry() {
        let mut log = PollLog::default();
        for n in 0..10 {
            log.push(Outcome::Ok, None, 3, at(n));
        }
        log.push(Outcome::Rejected, Some("channel is not exist"), 0, at(10));
        log.push(Outcome::Rejected, Some("another reason"), 0, at(11));
        let entries: Vec<_> = log.recent().cloned().collect();
        assert_eq!(entries.len(), 3);
        assert_eq!(log.failures(), 2);
        assert_eq!(entries[0].message.as_deref(), Some("another reason"));
        let ok = &entries[2];
        assert_eq!(
            (ok.count, ok.new_samples, ok.first, ok.last),
            (10, 30, at(0), at(9))
        );
    }

    #[test]
    fn log_is_bounded() {
        let mut log = PollLog::default();
        for n in 0..100 {
            let message = format!("{n}{}", "长".repeat(10_000));
            log.push(Outcome::Rejected, Some(&message), 0, at(n));
        }
        assert_eq!(log.recent().count(), MAX_ENTRIES);
        for entry in log.recent() {
            let message = entry.message.as_deref().unwrap();
            assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS + 1);
            assert!(message.ends_with('…'));
        }
    }
}
