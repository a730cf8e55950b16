//! A fault: which calls it affects, and when.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use strum::VariantNames as _;

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
    pub(super) written: Map<String, Value>,
}

/// The keys that faults have in common: which calls they affect, when, and whether a call takes
/// effect. The times count from when the fault was set.
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
    effect: Option<Effect>,
}

/// Whether a call without a good response takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    /// The call is not carried out.
    None,
    /// The call is checked and carried out, and only the response is lost.
    Taken,
}

/// The properties of a call that faults match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) app_id: Option<&'a str>,
    /// The value of `channelId`, `channelIds` or `channels`: ids separated by commas.
    pub(crate) channels: Option<&'a str>,
    pub(crate) endpoint: &'a str,
    /// Whether the connection has carried a call before.
    pub(crate) reused_connection: bool,
    /// The generator of this call.
    pub(crate) rng: DeterministicRng,
    /// The call's number among those for its channel.
    pub(crate) number: u64,
}

const SCOPE_KEYS: [&str; 8] = [
    "account",
    "channels",
    "endpoints",
    "share",
    "after",
    "for",
    "every",
    "effect",
];

impl Fault {
    /// The names of all kinds of faults.
    pub const KINDS: &'static [&'static str] = FaultAction::VARIANTS;

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
            written,
        };
        fault.scope.check()?;
        fault.action.check()?;
        if fault.scope.effect.is_some() && !fault.action.takes_effect_key() {
            return Err(format!("unknown field `effect` of `{}`", fault.name));
        }
        Ok(fault)
    }

    /// Whether the fault affects that call. `index` is its place in the list of faults.
    pub(super) fn matches(&self, target: Target<'_>, index: u64) -> bool {
        let rng = target.rng.with_text(&self.name).with(index);
        let share = self.scope.share.map_or(1.0, |share| share.0);
        self.scope.contains(target) && rng.share() < share
    }

    /// Whether a call takes effect although it gets no good response.
    pub(crate) fn takes_effect(&self) -> bool {
        self.scope.effect == Some(Effect::Taken)
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
        let elapsed_ms = elapsed.as_millis();
        self.r#for.is_none_or(|active| {
            let every = self.every.map_or(Duration::MAX, |every| every.0);
            elapsed_ms % every.as_millis() < active.0.as_millis()
        })
    }
}
