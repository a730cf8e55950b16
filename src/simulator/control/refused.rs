//! Control calls that do nothing, and why.

use serde_json::{Value, json};

use super::json_answer;
use crate::simulator::UnknownChannel;
use crate::simulator::reaction::Answer;
use crate::yaml::Faults;

/// Why a control call did nothing.
pub(super) enum Refused {
    /// There is nothing here, or no such channel.
    NotFound(String),
    /// Something else can be done here.
    Method(&'static str),
    /// The body is rubbish.
    Body(Faults),
    /// The query is rubbish.
    Query(String),
}

// === impl Refused ===

impl Refused {
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::NotFound(message) => json_answer(404, &json!({"error": message})),
            Self::Query(message) => json_answer(400, &json!({"error": message})),
            Self::Method(allowed) => {
                let message = format!("this takes {allowed}");
                json_answer(405, &json!({"error": message})).with_header("allow", allowed)
            }
            Self::Body(faults) => {
                let listed: Vec<Value> = faults
                    .iter()
                    .map(|fault| {
                        json!({
                            "line": fault.place.map(|place| place.line),
                            "column": fault.place.map(|place| place.column),
                            "message": fault.message,
                        })
                    })
                    .collect();
                let error = faults.to_string();
                json_answer(400, &json!({"error": error, "faults": listed}))
            }
        }
    }
}

impl From<Faults> for Refused {
    fn from(faults: Faults) -> Self {
        Self::Body(faults)
    }
}

impl From<UnknownChannel> for Refused {
    fn from(unknown: UnknownChannel) -> Self {
        Self::NotFound(unknown.to_string())
    }
}
