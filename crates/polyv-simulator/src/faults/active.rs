//! The faults in force, and those that affect a call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::action::{FaultAction, latency};
use super::corruption::{Corruptions, in_turn};
use super::fault::{Fault, Target};
use crate::refusal::Refusal;

/// The faults in force since they were set.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    /// Time from the simulation's start.
    since: Duration,
    all: Vec<Arc<Fault>>,
}

/// The faults that affect one call.
#[derive(Debug, Default)]
pub(crate) struct ActiveFaults {
    pub(crate) delay: Duration,
    pub(crate) skew_ms: i64,
    /// The difference of the `Date` header from Polyv's clock.
    pub(crate) date_skew_ms: i64,
    /// The fault that replaces the response.
    pub(crate) replacement: Option<Arc<Fault>>,
    /// The refusal of the call, and the fault it comes from.
    pub(crate) refusal: Option<(Refusal, Arc<Fault>)>,
    pub(crate) corruptions: Corruptions,
}

impl Faults {
    pub(crate) fn new(all: Vec<Fault>, since: Duration) -> Self {
        Self {
            since,
            all: all.into_iter().map(Arc::new).collect(),
        }
    }

    /// The faults that affect a call now. Of several that replace the response, or that refuse the
    /// call, the first one counts.
    pub(crate) fn matching(&self, target: Target<'_>, now: Duration) -> ActiveFaults {
        let elapsed = now.saturating_sub(self.since);
        let mut active = ActiveFaults::default();
        for (fault, index) in self.all.iter().zip(0_u64..) {
            if fault.scope.is_active(elapsed) && fault.matches(target, index) {
                active.add(fault, target, index);
            }
        }
        active
    }

    /// The faults as they were written, and whether each is active now.
    pub(crate) fn describe(&self, now: Duration) -> Vec<Value> {
        let elapsed = now.saturating_sub(self.since);
        let describe = |fault: &Arc<Fault>| {
            let mut described = fault.written.clone();
            let active = fault.scope.is_active(elapsed);
            described.insert("active".to_owned(), active.into());
            described.into()
        };
        self.all.iter().map(describe).collect()
    }
}

impl ActiveFaults {
    fn add(&mut self, fault: &Arc<Fault>, target: Target<'_>, index: u64) {
        let corruptions = &mut self.corruptions;
        match &fault.action {
            FaultAction::Latency { median, p99 } => {
                self.delay += latency(*median, *p99, target.rng.with(index));
            }
            FaultAction::ClockSkew { by } => self.skew_ms = self.skew_ms.saturating_add(by.0),
            FaultAction::WrongDate { by } => {
                self.date_skew_ms = self.date_skew_ms.saturating_add(by.0);
            }
            FaultAction::StaleConnection {} if !target.reused_connection => {}
            FaultAction::Error500 { message } => {
                let message = message.clone().unwrap_or("undefined error".to_owned());
                self.refuse(fault, Refusal::ServerError { message });
            }
            FaultAction::Forbidden {} => self.refuse(fault, Refusal::Forbidden),
            FaultAction::Rejected { message, code } => {
                let message = message.clone().unwrap_or("param validate error".to_owned());
                let code = code.unwrap_or(400);
                self.refuse(fault, Refusal::Rejected { code, message });
            }
            FaultAction::TruncatedJson {} => corruptions.of(&fault.name).truncated = true,
            FaultAction::CutOff {} => corruptions.of(&fault.name).cut_off = true,
            FaultAction::WrongTypes { what } => {
                corruptions.of(&fault.name).wrong_type = in_turn(what, target.number);
            }
            FaultAction::BadValues(values) => {
                corruptions.of(&fault.name).bad_values = Some(values.clone());
            }
            FaultAction::Future { by } => {
                corruptions.of(&fault.name).ahead += by.map_or(Duration::from_secs(600), |by| by.0);
            }
            FaultAction::ManyStreams { count } => {
                corruptions.of(&fault.name).many_streams = Some(count.map_or(20, |count| count.0));
            }
            FaultAction::MissingItems { count } => {
                corruptions.of(&fault.name).missing_items += count.map_or(150, |count| count.0);
            }
            FaultAction::Huge { bytes } => {
                corruptions.of(&fault.name).padding += bytes.map_or(5 << 20, |bytes| bytes.0);
            }
            FaultAction::HugeSamples { bytes } => {
                corruptions.of(&fault.name).sample_padding += bytes.map_or(4_096, |bytes| bytes.0);
            }
            _ => {
                self.replacement.get_or_insert_with(|| Arc::clone(fault));
            }
        }
    }

    fn refuse(&mut self, fault: &Arc<Fault>, refusal: Refusal) {
        self.refusal
            .get_or_insert_with(|| (refusal, Arc::clone(fault)));
    }
}
