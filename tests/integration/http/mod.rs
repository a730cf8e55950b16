//! What the exporter serves.

mod connection_limits;
mod endpoints;
mod sd_and_probe;
mod status_page;
