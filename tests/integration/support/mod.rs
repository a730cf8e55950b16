//! What tests have in common.

pub mod browser;
pub mod certificates;
pub mod curl;
pub mod door;
pub mod kubernetes;
pub mod monitoring;
pub mod pages;
pub mod pod;
pub mod program;
pub mod promtool;
pub mod scrape;
pub mod served;
pub mod shell;
pub mod world;
pub mod yaml;
