//! The effect of a fault, with the keys of its own.

use std::time::Duration;

use hyper::header::HeaderValue;
use serde::Deserialize;
use strum::VariantNames;

use super::corruption::{BadValues, WrongType};
use crate::fields::{Count, HumanDuration, PositiveDuration, SignedDuration};
use crate::limits::BlockForm;
use crate::rng::DeterministicRng;

/// The effect of a fault. `docs/simulator.md` explains each one.
#[derive(Debug, Clone, PartialEq, Deserialize, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[serde(tag = "trouble", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FaultAction {
    // Those that change the call's circumstances.
    Latency {
        median: Option<PositiveDuration>,
        p99: Option<PositiveDuration>,
    },
    ClockSkew {
        by: SignedDuration,
    },
    WrongDate {
        by: SignedDuration,
    },
    // Those that replace the response before the call is checked.
    Hang {},
    Reset {},
    StaleConnection {},
    Block {
        r#as: Option<BlockForm>,
    },
    Throttled {},
    BadGateway {},
    Html {},
    Answer {
        status: Option<u16>,
        body: Option<String>,
        content_type: Option<String>,
        retry_after: Option<String>,
    },
    Redirect {
        to: Option<String>,
    },
    EnvelopedRedirect {
        to: Option<String>,
    },
    GzipBomb {},
    Endless {
        chunk: Option<Count<{ 1 << 20 }>>,
        pause: Option<HumanDuration>,
    },
    // Those that refuse a call with a right signature.
    #[serde(rename = "error_500")]
    #[strum(serialize = "error_500")]
    Error500 {
        message: Option<String>,
    },
    Forbidden {},
    Rejected {
        message: Option<String>,
        code: Option<u16>,
    },
    // Those that corrupt a response.
    TruncatedJson {},
    CutOff {},
    WrongTypes {
        #[serde(default)]
        what: Vec<WrongType>,
    },
    BadValues(BadValues),
    Future {
        by: Option<HumanDuration>,
    },
    ManyStreams {
        count: Option<Count<1_000>>,
    },
    MissingItems {
        count: Option<Count<100_000>>,
    },
    Huge {
        bytes: Option<Count<{ 256 << 20 }>>,
    },
    HugeSamples {
        bytes: Option<Count<{ 256 << 20 }>>,
    },
}

impl FaultAction {
    /// Checks the values that have no type of their own.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Latency {
                median: Some(median),
                p99: Some(p99),
            } if p99.0 < median.0 => Err("`p99` must not be shorter than `median`".to_owned()),
            Self::Answer {
                status: Some(status),
                ..
            } if !(200..=599).contains(status) => {
                Err("`status` must be a number from 200 to 599".to_owned())
            }
            Self::Answer {
                content_type: Some(text),
                ..
            }
            | Self::Answer {
                retry_after: Some(text),
                ..
            }
            | Self::Redirect { to: Some(text) }
                if HeaderValue::from_str(text).is_err() =>
            {
                Err(format!("{text:?} cannot be the value of a header"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a call without a good response may take effect nevertheless.
    pub(super) fn takes_effect_key(&self) -> bool {
        matches!(
            self,
            Self::Hang {}
                | Self::Reset {}
                | Self::BadGateway {}
                | Self::Html {}
                | Self::Answer { .. }
                | Self::GzipBomb {}
                | Self::Endless { .. }
                | Self::Error500 { .. }
        )
    }
}

/// A latency from a log-normal distribution.
pub(super) fn latency(
    median: Option<PositiveDuration>,
    p99: Option<PositiveDuration>,
    rng: DeterministicRng,
) -> Duration {
    /// The standard normal distribution's 99th percentile.
    const P99: f64 = 2.326_347_87;
    let median = median.map_or(0.3, |median| median.0.as_secs_f64());
    let p99 = p99.map_or(median.max(1.0), |p99| p99.0.as_secs_f64());
    let sigma = (p99 / median).ln() / P99;
    let seconds = median * (sigma * rng.normal()).exp();
    // The distribution's tail has no end; a server's latency has.
    let longest = (p99 * 5.0).max(median);
    Duration::try_from_secs_f64(seconds.min(longest)).unwrap_or(Duration::MAX)
}
