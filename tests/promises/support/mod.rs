//! What tests have in common.

pub mod program;
pub mod scrape;
pub mod served;
pub mod world;
