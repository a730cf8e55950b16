//! What tests have in common.

pub mod browser;
pub mod certificates;
pub mod door;
pub mod monitoring;
pub mod program;
pub mod promtool;
pub mod scrape;
pub mod served;
pub mod world;
pub mod yaml;
