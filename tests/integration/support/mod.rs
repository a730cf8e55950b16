//! What tests have in common.

pub mod browser;
pub mod certificates;
pub mod curl;
pub mod exporter_process;
pub mod helm;
pub mod kubernetes;
pub mod markdown;
pub mod pod;
pub mod prometheus_stack;
pub mod promtool;
pub mod recording;
pub mod scrape;
pub mod secured_exporter;
pub mod shell;
#[allow(dead_code)] // the crate of the simulator includes it as well, and uses the rest
pub mod simulator_server;
pub mod test_env;
pub mod yaml;
