//! The faults in force, and those that affect a call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::action::{Effect, FaultAction, latency};
use super::corruption::{Corruptions, in_turn};
use super::fault::{Fault, Target};
use crate::envelope::Refusal;

/// The faults in force since they were set.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    /// Time from the simulation's start.
    since: Duration,
    all: Arc<[Fault]>,
}

/// The faults that affect one call.
#[derive(Debug, Default)]
pub(crate) struct ActiveFaults {
    pub(crate) delay: Duration,
    pub(crate) skew_ms: i64,
    pub(crate) replaced: Option<ReplacedResponse>,
    pub(crate) refusal: Option<(Refusal, Effect)>,
    pub(crate) corruptions: Corruptions,
}

/// A fault that replaces the response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReplacedResponse {
    pub(super) action: FaultAction,
    pub(crate) name: String,
    pub(crate) effect: Effect,
}

impl Faults {
    pub(crate) fn new(all: Vec<Fault>, since: Duration) -> Self {
        Self {
            since,
            all: all.into(),
        }
    }

    /// The faults that affect a call now. Of several that replace the response, or that refuse the
    /// call, the first one counts.
    pub(crate) fn matching(&self, target: Target<'_>, now: Duration) -> ActiveFaults {
        let mut active = ActiveFaults::default();
        for (fault, index) in self.all.iter().zip(0_u64..) {
            if fault.scope.is_active(now.saturating_sub(self.since)) && fault.matches(target, index)
            {
                active.add(fault, target, index);
            }
        }
        active
    }

    /// The faults as they were written, and whether each is active now.
    pub(crate) fn describe(&self, now: Duration) -> Vec<Value> {
        let elapsed = now.saturating_sub(self.since);
        let describe = |fault: &Fault| {
            let mut described = fault.written.clone();
            if let Value::Object(members) = &mut described {
                let active = fault.scope.is_active(elapsed);
                members.insert("active".to_owned(), active.into());
            }
            described
        };
        self.all.iter().map(describe).collect()
    }
}

impl ActiveFaults {
    fn add(&mut self, fault: &Fault, target: Target<'_>, index: u64) {
        let corruptions = &mut self.corruptions;
        match &fault.action {
            FaultAction::Latency { median, p99 } => {
                self.delay += latency(*median, *p99, target.rng.with(index));
                return;
            }
            FaultAction::ClockSkew { by } => {
                self.skew_ms = self.skew_ms.saturating_add(by.0);
                return;
            }
            FaultAction::Error500 { message, effect } => {
                let message = message.clone().unwrap_or("undefined error".to_owned());
                let refusal = Refusal::server_error(message, "error_500");
                self.refuse(refusal, effect.unwrap_or_default());
                return;
            }
            FaultAction::Forbidden {} => {
                self.refuse(Refusal::forbidden(), Effect::None);
                return;
            }
            FaultAction::Rejected { message, code } => {
                let message = message.clone().unwrap_or("param validate error".to_owned());
                let refusal = Refusal {
                    code: code.unwrap_or(400),
                    ..Refusal::invalid(message, "rejected")
                };
                self.refuse(refusal, Effect::None);
                return;
            }
            FaultAction::TruncatedJson {} => corruptions.truncated = true,
            FaultAction::CutOff {} => corruptions.cut_off = true,
            FaultAction::WrongTypes { what } => {
                corruptions.wrong_type = in_turn(what, target.number);
            }
            FaultAction::BadValues(values) => corruptions.bad_values = Some(values.clone()),
            FaultAction::Future { by } => {
                corruptions.ahead += by.map_or(Duration::from_secs(600), |by| by.0);
            }
            FaultAction::ManyStreams { count } => {
                corruptions.many_streams = Some(count.map_or(20, |count| count.0));
            }
            FaultAction::Huge { bytes } => {
                corruptions.padding += bytes.map_or(5 << 20, |bytes| bytes.0);
            }
            FaultAction::HugeSamples { bytes } => {
                corruptions.sample_padding += bytes.map_or(4_096, |bytes| bytes.0);
            }
            action => {
                self.replaced.get_or_insert_with(|| ReplacedResponse {
                    action: action.clone(),
                    name: fault.name.clone(),
                    effect: action.effect(),
                });
                return;
            }
        }
        corruptions.name.get_or_insert_with(|| fault.name.clone());
    }

    fn refuse(&mut self, refusal: Refusal, effect: Effect) {
        self.refusal.get_or_insert((refusal, effect));
    }
}
