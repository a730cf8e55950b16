//! What a result says about a channel.

use polyv_client::Outcome;

/// What a result means for the schedule of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureClass {
    /// The channel is live or not live.
    Success,
    /// The channel cannot be polled.
    ChannelFault,
    /// The channel could not be polled this time, while others can be.
    Transient,
    /// No channel can be polled at present.
    SharedFault,
}

// === impl FailureClass ===

impl FailureClass {
    pub(super) const fn new(outcome: Outcome, calls_flow: bool) -> Self {
        match outcome {
            Outcome::Ok | Outcome::NotLive => Self::Success,
            Outcome::Rejected | Outcome::Forbidden | Outcome::BadResponse | Outcome::ClockSkew => {
                Self::ChannelFault
            }
            Outcome::ServerError | Outcome::Timeout | Outcome::ConnectionFailed if calls_flow => {
                Self::Transient
            }
            Outcome::ServerError
            | Outcome::Timeout
            | Outcome::ConnectionFailed
            | Outcome::AuthFailed
            | Outcome::Throttled => Self::SharedFault,
        }
    }
}
