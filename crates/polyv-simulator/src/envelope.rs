//! The two envelopes of Polyv's responses.

use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;

/// Which envelope an operation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// `/live/v3/…`: message and data.
    V3,
    /// `/live/v4/…`: request id, error object and success flag.
    V4,
}

/// The `data` of a v3 refusal: the pages differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmptyDataStyle {
    /// `"data": ""`.
    #[default]
    EmptyText,
    /// `"data": null`.
    NullValue,
    /// No `data`.
    Absent,
}

/// The variable parts of a success besides its `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EnvelopeOptions {
    /// `code` as a JSON string, as one page's table has it.
    pub(crate) code_as_text: bool,
    /// The length of an additional, undocumented member.
    pub(crate) padding: usize,
}

impl Envelope {
    /// The envelope of the API version that the path belongs to.
    pub(crate) fn of_path(path: &str) -> Self {
        if path.starts_with("/live/v4/") {
            Self::V4
        } else {
            Self::V3
        }
    }

    /// `data` (already JSON) as a success.
    pub(crate) fn success(self, data: &str, request_id: &str, options: EnvelopeOptions) -> String {
        let code = if options.code_as_text {
            "\"200\""
        } else {
            "200"
        };
        let padding = match options.padding {
            0 => String::new(),
            bytes => format!("\"padding\":\"{}\",", "x".repeat(bytes)),
        };
        match self {
            Self::V3 => format!(
                "{{\"code\":{code},\"status\":\"success\",\"message\":\"\",{padding}\"data\":{data}}}"
            ),
            Self::V4 => format!(
                "{{\"code\":{code},\"status\":\"success\",\"requestId\":\"{request_id}\",\
                 {padding}\"data\":{data},\"success\":true}}"
            ),
        }
    }

    /// A refusal with the data of its style, which only v3 has.
    pub(crate) fn failure(
        self,
        refusal: &Refusal,
        request_id: &str,
        empty_data: EmptyDataStyle,
    ) -> String {
        let data = match (self, empty_data) {
            (Self::V4, _) | (_, EmptyDataStyle::Absent) => None,
            (_, EmptyDataStyle::EmptyText) => Some("\"\""),
            (_, EmptyDataStyle::NullValue) => Some("null"),
        };
        self.failure_with_data(refusal, request_id, data)
    }

    /// The message `redirect` with the address in `data.url` (public docs: global errors).
    pub(crate) fn redirect(self, url: &str, request_id: &str) -> String {
        let data = serde_json::json!({"url": url}).to_string();
        self.failure_with_data(&Refusal::Redirect, request_id, Some(&data))
    }

    fn failure_with_data(self, refusal: &Refusal, request_id: &str, data: Option<&str>) -> String {
        let (code, status) = (refusal.code(), refusal.status());
        let message = Value::from(refusal.to_string());
        let data = data.map_or(String::new(), |data| format!(",\"data\":{data}"));
        match self {
            Self::V3 => {
                format!("{{\"code\":{code},\"status\":\"{status}\",\"message\":{message}{data}}}")
            }
            Self::V4 => {
                let error_code = refusal.error_code();
                format!(
                    "{{\"code\":{code},\"status\":\"{status}\",\"requestId\":\"{request_id}\",\
                     \"error\":{{\"code\":{error_code},\"desc\":{message}}}{data},\"success\":false}}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
