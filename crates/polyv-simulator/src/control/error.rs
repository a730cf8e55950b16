//! Control calls that are refused.

use serde_json::json;

use crate::document::ScenarioError;
use crate::response::HttpResponse;
use crate::simulator::UnknownChannel;

/// The reason why a control call is refused.
pub(super) enum ControlError {
    /// The path or the channel does not exist.
    NotFound(String),
    /// The path takes these methods.
    MethodNotAllowed(&'static str),
    /// The body is not valid YAML or has a mistake.
    InvalidBody(ScenarioError),
    /// The request is invalid as a whole.
    BadRequest(String),
}

impl ControlError {
    pub(super) fn into_response(self) -> HttpResponse {
        match self {
            Self::NotFound(message) => HttpResponse::pretty_json(404, &json!({"error": message})),
            Self::BadRequest(message) => HttpResponse::pretty_json(400, &json!({"error": message})),
            Self::MethodNotAllowed(allowed) => {
                let message = format!("this takes {allowed}");
                HttpResponse::pretty_json(405, &json!({"error": message}))
                    .with_header("allow", allowed)
            }
            Self::InvalidBody(error) => {
                let fault = json!({
                    "line": error.line,
                    "column": error.column,
                    "message": error.message,
                });
                let body = json!({"error": error.to_string(), "faults": [fault]});
                HttpResponse::pretty_json(400, &body)
            }
        }
    }
}

impl From<ScenarioError> for ControlError {
    fn from(error: ScenarioError) -> Self {
        Self::InvalidBody(error)
    }
}

impl From<UnknownChannel> for ControlError {
    fn from(error: UnknownChannel) -> Self {
        Self::NotFound(error.to_string())
    }
}
