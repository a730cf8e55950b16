//! Which channel is asked when.
//!
//! One task owns all plans: it sends what is due, within the limiter, applies answers to
//! channels in the [store](crate::state::ChannelStore), and plans anew. Polls themselves run
//! beside it, one task each, and are gone when it ends.
//!
//! A channel that is live is asked for its stream, by itself. Those that are not are asked for
//! their status, [in bulk](batch_status), as long as Polyv tells it; and accounts that want it have their
//! channels [listed](discovery). All three are [errands](request) that an account plans.
//!
//! What may hold a call back, from the inside out: its channel's [plan](schedule) (phase and
//! back-off), its account's [gate](breaker) (a shared fault, a refused signature) and
//! [tempo](tempo) (too many failures), the [brake](global_backoff) for all calls (throttled or
//! blocked), and the limiter. All but the limiter act on the [timeline](virtual_clock) that plans
//! stand on, so that nothing has to be planned anew when they let go.

mod account_poller;
mod apply_config;
mod batch_status;
mod circuit_breaker;
mod discovery;
mod dispatch;
mod global_backoff;
mod health;
mod in_flight;
mod log_events;
mod poll_queue;
mod poll_target;
mod poller;
mod rate_budget;
mod request;
mod response;
mod schedule;
mod tempo;
mod virtual_clock;

pub use apply_config::freshness_policy;
pub use health::PollerHealth;
pub use poller::{ConfigUpdate, ConfigUpdates, Poller, PollerContext, wall_offset};
pub use rate_budget::{capacity_warning, rate_limit_from_config};
