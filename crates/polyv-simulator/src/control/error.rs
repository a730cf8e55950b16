//! Control calls that are refused.

use serde_json::{Value, json};

use crate::document::ScenarioError;
use crate::response::HttpResponse;
use crate::simulator::UnknownChannel;

/// The refusal of a control call.
#[derive(Debug)]
pub(super) struct ControlError {
    status: u16,
    body: Value,
    /// The methods that the path takes, if the method is wrong.
    allowed: Option<&'static str>,
}

impl ControlError {
    pub(super) fn new(status: u16, message: &str) -> Self {
        Self {
            status,
            body: json!({"error": message}),
            allowed: None,
        }
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        Self {
            allowed: Some(allowed),
            ..Self::new(405, &format!("this takes {allowed}"))
        }
    }

    pub(super) fn into_response(self) -> HttpResponse {
        let response = HttpResponse::pretty_json(self.status, &self.body);
        match self.allowed {
            Some(allowed) => response.with_header("allow", allowed),
            None => response,
        }
    }
}

impl From<ScenarioError> for ControlError {
    fn from(error: ScenarioError) -> Self {
        let fault = json!({
            "line": error.line,
            "column": error.column,
            "message": error.message,
        });
        Self {
            status: 400,
            body: json!({"error": error.to_string(), "faults": [fault]}),
            allowed: None,
        }
    }
}

impl From<UnknownChannel> for ControlError {
    fn from(error: UnknownChannel) -> Self {
        Self::new(404, &error.to_string())
    }
}
