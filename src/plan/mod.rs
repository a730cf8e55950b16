//! When broadcasts are planned, and what a plan says at a moment.
//!
//! Pure: time is an argument. A [`Schedule`] is a channel's planned broadcasts, configured or
//! read from Polyv. Those [around](Schedule::around) a moment, and whether the channel is live,
//! give its [`PlanStatus`]: the broadcast to show, and whether the channel should be live.

mod broadcast;
mod schedule;
mod status;

pub use broadcast::{BroadcastsAround, PlannedBroadcast};
pub use schedule::{CronRule, Schedule};
pub use status::{LiveFacts, PlanStatus};
