//! The streams of a channel and their samples.

use std::sync::Arc;
use std::time::Duration;

use super::time::MediaTime;

/// A stream that is pushed to a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stream {
    pub(crate) name: StreamName,
    pub(crate) normal: NormalValues,
    /// How much later than those of the channel's other streams its samples appear.
    pub(crate) lag: Duration,
}

/// The values of a stream without disturbances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NormalValues {
    /// Bits per second.
    pub(crate) bitrate: f64,
    /// Frames per second.
    pub(crate) video: f64,
    /// Frames per second.
    pub(crate) audio: f64,
}

/// A `streamUrl`, also as JSON because it is written thousands of times. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamName(Arc<(String, String)>);

/// The measurement of one stream at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) stream: StreamName,
    pub(crate) at: MediaTime,
    /// Bits per second.
    pub(crate) bitrate: f64,
    /// Frames per second.
    pub(crate) video: f64,
    /// Frames per second.
    pub(crate) audio: f64,
}

impl StreamName {
    pub(crate) fn new(name: &str) -> Self {
        let json = serde_json::Value::from(name).to_string();
        Self(Arc::new((name.to_owned(), json)))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.0
    }

    /// The name as JSON, in quotes.
    pub(crate) fn json(&self) -> &str {
        &self.0.1
    }
}
