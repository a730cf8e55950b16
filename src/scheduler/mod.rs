//! Which request is due when.
//!
//! One task owns all schedules: it sends due requests as far as the rate limiter allows, applies
//! responses to the [store](crate::state::ChannelStore), and schedules the next request. Each
//! request runs in a task of its own, and is cancelled when the poller ends.
//!
//! Live channels are polled individually for their stream information. Other channels are polled
//! for their status [in batches](batch_endpoint) while Polyv allows it. Further calls about live
//! channels, many in one where Polyv takes many, [supplement](live_batches) that. Accounts with `discover`
//! have their channels [listed](discovery). Each of these is a [request] of an account.
//!
//! From the inside out, a request waits for its channel's [schedule] (phase and back-off), its
//! account's [circuit breaker](circuit_breaker) (shared fault, refused signature), the
//! [global back-off](global_backoff) (throttled or blocked), and the rate limiter. All but the
//! limiter act on the [virtual clock](virtual_clock) of the schedules, so that nothing has to be
//! scheduled again when they let calls flow.

mod account_call;
mod account_calls;
mod account_poller;
mod apply_config;
mod batch_endpoint;
mod circuit_breaker;
mod context;
mod discovery;
mod dispatch;
mod failure_class;
mod failure_streak;
mod global_backoff;
mod health;
mod in_flight;
mod live_batches;
mod live_call;
mod live_calls;
mod log_events;
mod next_call;
mod plan_reader;
mod poll_queue;
mod poll_target;
mod poller;
mod rate_budget;
mod request;
mod response;
mod schedule;
mod sources;
mod spare_calls;
mod virtual_clock;

pub use apply_config::freshness_policy;
pub use context::{ConfigUpdate, ConfigUpdates, PollerContext};
pub use health::PollerHealth;
pub use poller::{Poller, wall_offset};
pub use rate_budget::{capacity_warning, rate_limit_from_config};
