//! Polyv's refusals of calls.

use hyper::Method;
use strum::IntoStaticStr;
use thiserror::Error;

/// Polyv's refusal of a call. The text is the v3 `message` or the v4 `error.desc`, the name is the
/// outcome in the request log.
#[derive(Debug, Clone, PartialEq, Eq, Error, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Refusal {
    #[error("{}", missing_message(.0))]
    MissingParameter(String),
    #[error("param validate error")]
    InvalidParameter,
    #[error("param length is incorrect: {0}")]
    #[strum(serialize = "invalid_parameter")]
    WrongLength(String),
    #[error("param is not digit: {0}")]
    #[strum(serialize = "invalid_parameter")]
    NotDigits(String),
    #[error("application not found.")]
    ApplicationNotFound,
    #[error("invalid timestamp.")]
    InvalidTimestamp,
    /// The pages differ in the code; the scenario decides.
    #[error("invalid signature.")]
    InvalidSignature { code: u16 },
    /// A reading: Spring's message, in the envelope, because an HTTP 405 without one may be a
    /// block.
    #[error("Request method '{0}' not supported")]
    WrongMethod(Method),
    /// A reading: Spring's message.
    #[error("Content type '{0}' not supported")]
    WrongContentType(String),
    #[error("{message}")]
    UnknownChannel { message: String },
    #[error("存在非法频道ID")]
    IllegalChannel,
    /// The account lacks the feature. The code is undocumented.
    #[error("账号未开启视频审核功能")]
    FeatureOff,
    #[error("channel status not live")]
    NotLive,
    /// As the v4 stream information says it (seen).
    #[error("未检测到直播推流")]
    #[strum(serialize = "not_live")]
    NoPush,
    /// Undocumented: the message for a channel on a CDN that the call is not for.
    #[error("channel cdn not supported")]
    #[strum(serialize = "rejected")]
    OtherCdn,
    #[error("qps exceeds number of calls")]
    Throttled,
    #[error("redirect")]
    Redirect,
    #[error("access forbidden")]
    Forbidden,
    #[error("{message}")]
    #[strum(serialize = "error_500")]
    ServerError { message: String },
    #[error("{message}")]
    Rejected { code: u16, message: String },
}

fn missing_message(name: &str) -> String {
    match name {
        "appId" => "appId is required.".to_owned(),
        _ => format!("param should not be empty: {name}"),
    }
}

impl Refusal {
    /// The outcome in the request log.
    pub(crate) fn outcome(&self) -> &'static str {
        self.into()
    }

    /// The envelope's `code`: 400, or 500 for an internal error (public docs: global errors).
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::InvalidSignature { code } | Self::Rejected { code, .. } => *code,
            Self::Forbidden | Self::ServerError { .. } => 500,
            _ => 400,
        }
    }

    /// The envelope's `status`.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Forbidden | Self::ServerError { .. } => "fail",
            _ => "error",
        }
    }

    /// The v4 `error.code`. A reading: the response's own code, where no page names one.
    pub(crate) fn error_code(&self) -> u32 {
        match self {
            Self::ApplicationNotFound => 20_001,
            Self::IllegalChannel => 30_005,
            _ => self.code().into(),
        }
    }
}
