//! What the exporter serves: metrics for Prometheus, probes for orchestrators, a page with
//! links for people.
//!
//! A [`Site`] knows what there is to be seen, its [router](Site::router) who sees what; a
//! [`Server`] carries it over sockets, bounded in every direction so that no client can harm
//! the others; a [`web_config`] decides who is let in.

mod address;
mod api;
mod carrier;
mod compress;
mod csrf;
mod delivery;
mod discovery;
mod host;
mod large;
mod lifecycle;
mod negotiate;
mod page;
mod probe;
mod query;
mod respond;
mod scrape;
mod server;
mod site;
mod traffic;
pub mod web_config;

pub use address::{BindError, Listener, bind, reached_at};
pub use negotiate::{accepts_gzip, format};
pub use server::Server;
pub use site::{ReloadRequest, Site, Sources, check_telemetry_path};
