//! What goes wrong with the API itself: when, for whom, and how.
//!
//! A trouble acts at one of five places, and its type says at which:
//!
//! - [`Act::Delay`]: the answer takes longer
//! - [`Act::Skew`]: Polyv's clock is off
//! - [`Act::Instead`]: the gateway does something else than passing the call on
//! - [`Act::Refuse`]: the call is refused after its signature was found right
//! - [`Act::Spoil`]: the answer is built, but wrongly

mod bomb;
mod instead;
mod spoil;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub(super) use instead::{Instead, blocked};
pub(super) use spoil::{BadValues, Damage, Defect, Form, Spoil, Spoils, ValueField, WrongType};

use super::chance::Chance;
use super::envelope::Refusal;
use crate::yaml::{Faults, Node, Reader};
use polyv_client::clock::MonotonicInstant;

/// Something that goes wrong with the API.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    /// The part of the calls in scope that it meets.
    pub(super) share: f64,
    pub(super) schedule: Schedule,
    pub(super) act: Act,
    /// As it was written, for people who ask.
    pub(super) written: Value,
}

/// Which calls a trouble can meet: those that fit everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The app id as the call claims it.
    pub(super) account: Option<String>,
    /// A call that names any of these.
    pub(super) channels: Vec<String>,
    pub(super) endpoints: Vec<String>,
}

/// When a trouble is there, counted from when it was set (the simulation's beginning, for
/// those of the scenario).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) after: Duration,
    pub(super) window: TimeWindow,
}

/// How long a trouble is there once it has begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TimeWindow {
    #[default]
    ForGood,
    Once(Duration),
    /// `lasts` of every `every`.
    Every {
        lasts: Duration,
        every: Duration,
    },
}

/// What a trouble does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Delay(Latency),
    Skew { ms: i64 },
    Instead(Instead, Effect),
    Refuse(Refusal, Effect),
    Spoil(Spoil),
}

/// Whether a call that gets no good answer has taken effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Effect {
    /// It never came as far.
    #[default]
    None,
    /// It was checked and carried out, and only the answer is lost.
    Taken,
}

/// How long answers take: log-normally distributed, as latencies tend to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) median: Duration,
    pub(super) p99: Duration,
}

/// The troubles in force since they were set.
#[derive(Debug, Clone)]
pub(super) struct Troubles {
    since: MonotonicInstant,
    all: Arc<[Trouble]>,
}

/// A call, as far as troubles look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) app_id: Option<&'a str>,
    /// The value of `channelId`, `channelIds` or `channels`: ids with commas between.
    pub(super) channels: Option<&'a str>,
    pub(super) endpoint: &'a str,
    /// The chance for this very call.
    pub(super) chance: Chance,
    /// Which of the calls to its channel it is.
    pub(super) number: u64,
}

/// All that goes wrong with one call.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) delay: Duration,
    pub(super) skew_ms: i64,
    pub(super) instead: Option<(Instead, &'static str)>,
    /// Whether the call takes effect all the same.
    pub(super) instead_takes_effect: bool,
    pub(super) refusal: Option<Refusal>,
    /// Whether the call takes effect all the same.
    pub(super) refusal_takes_effect: bool,
    pub(super) spoils: Spoils,
}

// === impl Trouble ===

impl Trouble {
    /// Reads what stands behind `troubles:` in a scenario file, from a document of its own.
    ///
    /// # Errors
    /// All that is wrong with it, with places; `source` names the document there.
    pub fn parse_list(source: &str, text: &str) -> Result<Vec<Self>, Faults> {
        let source = Arc::from(source);
        let node = Node::parse(&source, text)?;
        let mut reader = Reader::new(source);
        let troubles = super::scenario::read_troubles(&mut reader, &node, None);
        reader.into_faults().or(troubles)
    }

    fn meets(&self, target: Target<'_>, index: u64) -> bool {
        let chance = target.chance.and_text(self.name).and(index);
        self.scope.holds(target) && chance.share() < self.share
    }
}

// === impl Scope ===

impl Scope {
    fn holds(&self, target: Target<'_>) -> bool {
        let account = self.account.as_deref();
        let named = |id: &String| {
            target
                .channels
                .is_some_and(|ids| ids.split(',').any(|named| named.trim() == id))
        };
        account.is_none_or(|account| target.app_id == Some(account))
            && (self.channels.is_empty() || self.channels.iter().any(named))
            && (self.endpoints.is_empty()
                || self.endpoints.iter().any(|known| known == target.endpoint))
    }
}

// === impl Schedule ===

impl Schedule {
    fn is_on(self, elapsed: Duration) -> bool {
        let Some(elapsed) = elapsed.checked_sub(self.after) else {
            return false;
        };
        match self.window {
            TimeWindow::ForGood => true,
            TimeWindow::Once(lasts) => elapsed < lasts,
            TimeWindow::Every { lasts, every } => {
                let within = elapsed.as_millis().checked_rem(every.as_millis());
                within.unwrap_or(0) < lasts.as_millis()
            }
        }
    }
}

// === impl Latency ===

impl Latency {
    fn draw(self, chance: Chance) -> Duration {
        /// The standard normal distribution's 99th percentile.
        const P99: f64 = 2.326_347_87;
        let (median, p99) = (self.median.as_secs_f64(), self.p99.as_secs_f64());
        let sigma = (p99 / median).ln() / P99;
        let seconds = if sigma.is_finite() {
            median * (sigma * chance.normal()).exp()
        } else {
            median
        };
        // The tail of the distribution has no end; a server's does.
        let longest = (p99 * 5.0).max(median);
        Duration::try_from_secs_f64(seconds.min(longest)).unwrap_or(self.p99)
    }
}

// === impl Troubles ===

impl Troubles {
    pub(super) fn new(all: Vec<Trouble>, since: MonotonicInstant) -> Self {
        Self {
            since,
            all: all.into(),
        }
    }

    /// What of all this meets a call now. Of two troubles that answer or refuse, the first
    /// one does.
    pub(super) fn meet(&self, target: Target<'_>, now: MonotonicInstant) -> Met {
        let mut met = Met::default();
        for (trouble, index) in self.all.iter().zip(0_u64..) {
            if !trouble.schedule.is_on(now.since(self.since)) || !trouble.meets(target, index) {
                continue;
            }
            match &trouble.act {
                Act::Delay(latency) => met.delay += latency.draw(target.chance.and(index)),
                Act::Skew { ms } => met.skew_ms = met.skew_ms.saturating_add(*ms),
                Act::Instead(instead, effect) if met.instead.is_none() => {
                    met.instead = Some((instead.clone(), trouble.name));
                    met.instead_takes_effect = *effect == Effect::Taken;
                }
                Act::Refuse(refusal, effect) if met.refusal.is_none() => {
                    met.refusal = Some(refusal.clone());
                    met.refusal_takes_effect = *effect == Effect::Taken;
                }
                Act::Instead(..) | Act::Refuse(..) => {}
                Act::Spoil(spoil) => met.spoils.add(spoil, target.number, trouble.name),
            }
        }
        met
    }

    /// The troubles as they were written, and whether each is there now.
    pub(super) fn describe(&self, now: MonotonicInstant) -> Vec<Value> {
        self.all
            .iter()
            .map(|trouble| {
                let mut described = trouble.written.clone();
                if let Value::Object(members) = &mut described {
                    let on = trouble.schedule.is_on(now.since(self.since));
                    members.insert("active".to_owned(), on.into());
                }
                described
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
