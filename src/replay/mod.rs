//! Plays what was recorded to the state machine again: which health issues channels would have had,
//! with these thresholds and expectations.

mod player;
#[cfg(test)]
mod tests;

pub use player::{ReplayedIssue, WARM_UP, replay};
