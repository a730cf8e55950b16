//! How the last polls of a channel ended.

use std::collections::VecDeque;
use std::sync::Arc;

use polyv_client::Outcome;
use polyv_client::clock::MonotonicInstant;

/// Polls that ended alike, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How they ended.
    pub outcome: Outcome,
    /// What was said about it, where it was not an answer. Polyv's words may be in it: they are
    /// not to be trusted.
    pub words: Option<Arc<str>>,
    /// When the first of them ended.
    pub first: MonotonicInstant,
    /// When the last of them ended.
    pub last: MonotonicInstant,
    /// How many there were.
    pub count: u64,
    /// How many samples they brought that were not known before.
    pub new_samples: u64,
}

/// The last runs, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    runs: VecDeque<Run>,
}

/// So many runs are kept.
const RUNS: usize = 8;
/// So many characters of what was said.
const WORDS: usize = 160;

impl Answers {
    /// Takes note of the end of a poll.
    pub(super) fn push(
        &mut self,
        outcome: Outcome,
        words: Option<&str>,
        new_samples: u64,
        now: MonotonicInstant,
    ) {
        let words = words.map(shortened);
        // The same may have been said before something else was.
        let same = |run: &Run| {
            run.words
                .clone()
                .filter(|said| Some(&**said) == words.as_deref())
        };
        let known = self.runs.iter().find_map(same);
        if let Some(run) = self.runs.back_mut()
            && run.outcome == outcome
            && run.words.as_deref() == words.as_deref()
        {
            run.last = now;
            run.count += 1;
            run.new_samples += new_samples;
            return;
        }
        if self.runs.len() == RUNS {
            self.runs.pop_front();
        }
        // Most channels have one or two; four at once would be as large as all the rest.
        self.runs.reserve_exact(1);
        self.runs.push_back(Run {
            outcome,
            words: known.or_else(|| words.map(Into::into)),
            first: now,
            last: now,
            count: 1,
            new_samples,
        });
    }

    /// How many polls in a row have brought no answer.
    pub(super) fn failures(&self) -> u64 {
        let failed = self
            .newest_first()
            .take_while(|run| !run.outcome.is_answer());
        failed.map(|run| run.count).sum()
    }

    /// The last runs, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().rev()
    }
}

fn shortened(words: &str) -> String {
    let mut short: String = words.chars().take(WORDS).collect();
    if short.len() < words.len() {
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
    fn what_ends_alike_is_one_run() {
        let mut answers = Answers::default();
        for n in 0..10 {
            answers.push(Outcome::Ok, None, 3, at(n));
        }
        answers.push(Outcome::Rejected, Some("channel is not exist"), 0, at(10));
        answers.push(Outcome::Rejected, Some("another reason"), 0, at(11));
        let runs: Vec<_> = answers.newest_first().cloned().collect();
        assert_eq!(runs.len(), 3);
        assert_eq!(answers.failures(), 2);
        assert_eq!(runs[0].words.as_deref(), Some("another reason"));
        let ok = &runs[2];
        assert_eq!(
            (ok.count, ok.new_samples, ok.first, ok.last),
            (10, 30, at(0), at(9))
        );
    }

    #[test]
    fn it_is_bounded_whatever_is_said() {
        let mut answers = Answers::default();
        for n in 0..100 {
            let words = format!("{n}{}", "长".repeat(10_000));
            answers.push(Outcome::Rejected, Some(&words), 0, at(n));
        }
        assert_eq!(answers.newest_first().count(), RUNS);
        for run in answers.newest_first() {
            let words = run.words.as_deref().unwrap();
            assert_eq!(words.chars().count(), WORDS + 1);
            assert!(words.ends_with('…'));
        }
    }
}
