//! The HTTP server: metrics for Prometheus, health checks for orchestrators, JSON for scripts.
//!
//! [`AppState`] holds what the handlers need, [`router`] maps paths to handlers, a [`Server`]
//! serves the router on sockets with a bound on everything, so that no client can harm the
//! others, and a [`WebConfig`](web_config::WebConfig) decides who is let in.

mod api;
mod auth_middleware;
mod connection_handler;
mod connections;
pub(crate) mod content_negotiation;
mod csrf;
mod health;
mod host;
mod http_sd;
mod listener;
pub(crate) mod pieces;
pub(crate) mod query;
pub(crate) mod rejection;
mod reload;
pub(crate) mod request_context;
pub(crate) mod respond;
mod response_limiter;
mod router;
mod scrape;
mod server;
pub(crate) mod state;
mod tracked_body;

pub use content_negotiation::{accepts_gzip, format};
pub use host::Host;
pub use listener::{BindError, Listener, bind, loopback_address};
pub use query::Query;
pub use router::{check_telemetry_path, router};
pub use server::Server;
pub use state::{AppDeps, AppState, ReloadRequest};
