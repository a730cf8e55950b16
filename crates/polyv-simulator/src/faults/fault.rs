//! A fault: which calls it affects, and when.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::action::FaultAction;
use crate::fields::{HumanDuration, PositiveDuration, Share, Text};
use crate::rng::DeterministicRng;

/// A fault of the API.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(crate) name: String,
    pub(crate) scope: FaultScope,
    pub(super) action: FaultAction,
    /// The fault as it was written.
    pub(super) written: Value,
}

/// The keys that every fault has: which calls it affects, and when. The times count from when the
/// fault was set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultScope {
    /// The app id that the call claims.
    pub(crate) account: Option<Text>,
    /// A call that names any of these; every call if empty.
    #[serde(default)]
    pub(crate) channels: Vec<Text>,
    /// A call of any of these operations; every call if empty.
    #[serde(default)]
    pub(crate) endpoints: Vec<String>,
    share: Option<Share>,
    after: Option<HumanDuration>,
    r#for: Option<PositiveDuration>,
    every: Option<PositiveDuration>,
}

/// The properties of a call that faults match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) app_id: Option<&'a str>,
    /// The value of `channelId`, `channelIds` or `channels`: ids separated by commas.
    pub(crate) channels: Option<&'a str>,
    pub(crate) endpoint: &'a str,
    /// The generator of this call.
    pub(crate) rng: DeterministicRng,
    /// The call's number among those for its channel.
    pub(crate) number: u64,
}

const SCOPE_KEYS: [&str; 7] = [
    "account",
    "channels",
    "endpoints",
    "share",
    "after",
    "for",
    "every",
];

impl Fault {
    /// Reads a fault from its name or from a mapping.
    pub(crate) fn from_value(value: Value) -> Result<Self, String> {
        let written = match value {
            Value::String(name) => Map::from_iter([("trouble".to_owned(), name.into())]),
            Value::Object(fields) => fields,
            _ => return Err("a fault is a name or a mapping with `trouble`".to_owned()),
        };
        let (scope, action): (Map<_, _>, Map<_, _>) = written
            .clone()
            .into_iter()
            .partition(|(key, _)| SCOPE_KEYS.contains(&key.as_str()));
        let name = action.get("trouble").and_then(Value::as_str);
        let fault = Self {
            name: name.unwrap_or_default().to_owned(),
            scope: serde_json::from_value(scope.into()).map_err(|error| error.to_string())?,
            action: serde_json::from_value(action.into()).map_err(|error| error.to_string())?,
            written: written.into(),
        };
        fault.scope.check()?;
        fault.action.check()?;
        Ok(fault)
    }

    /// Whether the fault affects that call. `index` is its place in the list of faults.
    pub(super) fn matches(&self, target: Target<'_>, index: u64) -> bool {
        let rng = target.rng.with_text(&self.name).with(index);
        let share = self.scope.share.map_or(1.0, |share| share.0);
        self.scope.contains(target) && rng.share() < share
    }
}

impl FaultScope {
    fn check(&self) -> Result<(), String> {
        match (self.r#for, self.every) {
            (None, Some(_)) => Err("`every` needs `for` as well".to_owned()),
            (Some(active), Some(every)) if active.0 > every.0 => {
                Err("`for` must not be longer than `every`".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn contains(&self, target: Target<'_>) -> bool {
        let named = |id: &Text| {
            let mut ids = target.channels.unwrap_or_default().split(',');
            ids.any(|named| named.trim() == id.0)
        };
        let account = self.account.as_ref();
        account.is_none_or(|account| target.app_id == Some(&account.0))
            && (self.channels.is_empty() || self.channels.iter().any(named))
            && (self.endpoints.is_empty()
                || self.endpoints.iter().any(|known| known == target.endpoint))
    }

    /// Whether the fault is active at that time after it was set.
    pub(super) fn is_active(&self, elapsed: Duration) -> bool {
        let after = self.after.map_or(Duration::ZERO, |after| after.0);
        let Some(elapsed) = elapsed.checked_sub(after) else {
            return false;
        };
        let Some(active) = self.r#for else {
            return true;
        };
        let within = self.every.map_or(elapsed.as_millis(), |every| {
            elapsed.as_millis() % every.0.as_millis().max(1)
        });
        within < active.0.as_millis()
    }
}
