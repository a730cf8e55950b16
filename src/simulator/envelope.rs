//! The two envelopes that Polyv wraps its answers in (fact sheet: answers).

use std::borrow::Cow;

use serde_json::Value;

use super::settings::Settings;

/// Which envelope an operation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    /// `/live/v3/…`: message and data.
    V3,
    /// `/live/v4/…`: request id, error object and success flag.
    V4,
}

/// A call that Polyv refuses, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The envelope's `code`.
    pub(super) code: u16,
    /// The envelope's `status`.
    pub(super) status: &'static str,
    /// The v3 `message`, the v4 `error.desc`.
    pub(super) message: Cow<'static, str>,
    /// The v4 `error.code`, where one is documented.
    pub(super) error_code: Option<u32>,
    /// The word that the receive log uses for it.
    pub(super) word: &'static str,
}

/// How a v3 refusal says that it has no `data`: the pages differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Nothing {
    /// `"data": ""`.
    #[default]
    EmptyText,
    /// `"data": null`.
    Null,
    /// There is no `data`.
    Absent,
}

/// What goes into a success besides its `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dressing {
    /// `code` as a JSON string, as one page's table has it.
    pub(super) code_as_text: bool,
    /// So many bytes more, in a member that no page knows.
    pub(super) padding: usize,
}

// === impl Envelope ===

impl Envelope {
    /// The envelope of the API version that the path belongs to.
    pub(super) fn of_path(path: &str) -> Self {
        if path.starts_with("/live/v4/") {
            Self::V4
        } else {
            Self::V3
        }
    }

    /// `data` (already JSON) as a success.
    pub(super) fn success(self, data: &str, request_id: &str, dressing: Dressing) -> String {
        let code = if dressing.code_as_text {
            "\"200\""
        } else {
            "200"
        };
        let padding = match dressing.padding {
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

    /// A refusal. `nothing` is what a v3 refusal says for `data`.
    pub(super) fn failure(self, refusal: &Refusal, request_id: &str, nothing: Nothing) -> String {
        let Refusal {
            code,
            status,
            message,
            ..
        } = refusal;
        let message = Value::from(message.as_ref());
        match self {
            Self::V3 => {
                let data = nothing.member();
                format!("{{\"code\":{code},\"status\":\"{status}\",\"message\":{message}{data}}}")
            }
            Self::V4 => {
                // A reading: where no page names an error code, the answer's own code stands.
                let error_code = refusal.error_code.unwrap_or_else(|| u32::from(*code));
                format!(
                    "{{\"code\":{code},\"status\":\"{status}\",\"requestId\":\"{request_id}\",\
                     \"error\":{{\"code\":{error_code},\"desc\":{message}}},\"success\":false}}"
                )
            }
        }
    }

    /// The message `redirect` with the address in `data.url` (public docs: global errors).
    pub(super) fn redirect(self, url: &str, request_id: &str) -> String {
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

// === impl Nothing ===

impl Nothing {
    fn member(self) -> &'static str {
        match self {
            Self::EmptyText => ",\"data\":\"\"",
            Self::Null => ",\"data\":null",
            Self::Absent => "",
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// A refusal for something wrong with the question: code 400, status `error`.
    pub(super) fn of_the_question(
        message: impl Into<Cow<'static, str>>,
        word: &'static str,
    ) -> Self {
        Self {
            code: 400,
            status: "error",
            message: message.into(),
            error_code: None,
            word,
        }
    }

    /// A refusal from inside: code 500, status `fail` (public docs: global errors).
    pub(super) fn of_the_server(message: impl Into<Cow<'static, str>>, word: &'static str) -> Self {
        Self {
            code: 500,
            status: "fail",
            message: message.into(),
            error_code: None,
            word,
        }
    }

    pub(super) fn missing(name: &str) -> Self {
        if name == "appId" {
            return Self::of_the_question("appId is required.", "missing_parameter");
        }
        let message = format!("param should not be empty: {name}");
        Self::of_the_question(message, "missing_parameter")
    }

    pub(super) fn unknown_app() -> Self {
        Self {
            error_code: Some(20_001),
            ..Self::of_the_question("application not found.", "application_not_found")
        }
    }

    pub(super) fn timestamp() -> Self {
        Self::of_the_question("invalid timestamp.", "invalid_timestamp")
    }

    pub(super) fn signature() -> Self {
        Self::of_the_question("invalid signature.", "invalid_signature")
    }

    /// The pages differ in the code of a wrong signature; the scenario says which it is.
    pub(super) fn with_signature_code(self, settings: &Settings) -> Self {
        match self.word {
            "invalid_signature" => Self {
                code: settings.invalid_signature_code,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn parameters() -> Self {
        Self::of_the_question("param validate error", "invalid_parameter")
    }

    pub(super) fn length(name: &str) -> Self {
        let message = format!("param length is incorrect: {name}");
        Self::of_the_question(message, "invalid_parameter")
    }

    /// A reading: in Spring's words.
    pub(super) fn content_type(media_type: &str) -> Self {
        let message = format!("Content type '{media_type}' not supported");
        Self::of_the_question(message, "wrong_content_type")
    }

    /// The account has not got the feature. Its code is undocumented.
    pub(super) fn no_video_moderation() -> Self {
        Self::of_the_question("账号未开启视频审核功能", "feature_off")
    }

    pub(super) fn not_live() -> Self {
        Self::of_the_question("channel status not live", "not_live")
    }

    pub(super) fn throttled() -> Self {
        Self::of_the_question("qps exceeds number of calls", "throttled")
    }

    pub(super) fn forbidden() -> Self {
        Self::of_the_server("access forbidden", "forbidden")
    }
}

#[cfg(test)]
mod tests;
