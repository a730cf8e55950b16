//! The two envelopes of Polyv's responses.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// Which envelope an operation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// `/live/v3/…`: message and data.
    V3,
    /// `/live/v4/…`: request id, error object and success flag.
    V4,
}

/// Polyv's refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The envelope's `code`.
    pub(crate) code: u16,
    /// The envelope's `status`.
    pub(crate) status: &'static str,
    /// The v3 `message`, the v4 `error.desc`.
    pub(crate) message: Cow<'static, str>,
    /// The v4 `error.code`, where one is documented.
    pub(crate) error_code: Option<u32>,
    /// The outcome in the request log.
    pub(crate) outcome: &'static str,
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

    /// A refusal. `empty_data` is the `data` of a v3 refusal.
    pub(crate) fn failure(
        self,
        refusal: &Refusal,
        request_id: &str,
        empty_data: EmptyDataStyle,
    ) -> String {
        let Refusal {
            code,
            status,
            message,
            ..
        } = refusal;
        let message = Value::from(message.as_ref());
        match self {
            Self::V3 => {
                let data = empty_data.member();
                format!("{{\"code\":{code},\"status\":\"{status}\",\"message\":{message}{data}}}")
            }
            Self::V4 => {
                // A reading: the response's own code, where no page names an error code.
                let error_code = refusal.error_code.unwrap_or_else(|| u32::from(*code));
                format!(
                    "{{\"code\":{code},\"status\":\"{status}\",\"requestId\":\"{request_id}\",\
                     \"error\":{{\"code\":{error_code},\"desc\":{message}}},\"success\":false}}"
                )
            }
        }
    }

    /// The message `redirect` with the address in `data.url` (public docs: global errors).
    pub(crate) fn redirect(self, url: &str, request_id: &str) -> String {
        let url = Value::from(url);
        match self {
            Self::V3 => format!(
                "{{\"code\":400,\"status\":\"error\",\"message\":\"redirect\",\
                 \"data\":{{\"url\":{url}}}}}"
            ),
            Self::V4 => format!(
                "{{\"code\":400,\"status\":\"error\",\"requestId\":\"{request_id}\",\
                 \"error\":{{\"code\":400,\"desc\":\"redirect\"}},\
                 \"data\":{{\"url\":{url}}},\"success\":false}}"
            ),
        }
    }
}

impl EmptyDataStyle {
    fn member(self) -> &'static str {
        match self {
            Self::EmptyText => ",\"data\":\"\"",
            Self::NullValue => ",\"data\":null",
            Self::Absent => "",
        }
    }
}

impl Refusal {
    /// A refusal of an invalid request: code 400, status `error`.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>, outcome: &'static str) -> Self {
        Self {
            code: 400,
            status: "error",
            message: message.into(),
            error_code: None,
            outcome,
        }
    }

    /// An internal error: code 500, status `fail` (public docs: global errors).
    pub(crate) fn server_error(
        message: impl Into<Cow<'static, str>>,
        outcome: &'static str,
    ) -> Self {
        Self {
            code: 500,
            status: "fail",
            message: message.into(),
            error_code: None,
            outcome,
        }
    }

    pub(crate) fn missing(name: &str) -> Self {
        if name == "appId" {
            return Self::invalid("appId is required.", "missing_parameter");
        }
        let message = format!("param should not be empty: {name}");
        Self::invalid(message, "missing_parameter")
    }

    pub(crate) fn unknown_app() -> Self {
        Self {
            error_code: Some(20_001),
            ..Self::invalid("application not found.", "application_not_found")
        }
    }

    pub(crate) fn timestamp() -> Self {
        Self::invalid("invalid timestamp.", "invalid_timestamp")
    }

    /// The pages differ in the code of a wrong signature; the scenario decides.
    pub(crate) fn signature(code: u16) -> Self {
        Self {
            code,
            ..Self::invalid("invalid signature.", "invalid_signature")
        }
    }

    pub(crate) fn parameters() -> Self {
        Self::invalid("param validate error", "invalid_parameter")
    }

    pub(crate) fn length(name: &str) -> Self {
        let message = format!("param length is incorrect: {name}");
        Self::invalid(message, "invalid_parameter")
    }

    /// A reading: Spring's message.
    pub(crate) fn content_type(media_type: &str) -> Self {
        let message = format!("Content type '{media_type}' not supported");
        Self::invalid(message, "wrong_content_type")
    }

    /// The account lacks the feature. The code is undocumented.
    pub(crate) fn no_video_moderation() -> Self {
        Self::invalid("账号未开启视频审核功能", "feature_off")
    }

    pub(crate) fn not_live() -> Self {
        Self::invalid("channel status not live", "not_live")
    }

    pub(crate) fn throttled() -> Self {
        Self::invalid("qps exceeds number of calls", "throttled")
    }

    pub(crate) fn forbidden() -> Self {
        Self::server_error("access forbidden", "forbidden")
    }
}

#[cfg(test)]
mod tests;
