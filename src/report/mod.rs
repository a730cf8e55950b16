//! The report on a broadcast: from what was recorded to a model, and from there to HTML, Markdown,
//! CSV and JSON. Pure: the same recording gives the same bytes, whenever and wherever.

mod analysis;
mod cause;
mod completeness;
mod course;
mod csv;
mod interruptions;
mod json;
mod model;
mod off_air;
mod spans;
mod statistics;
#[cfg(test)]
mod tests;
mod time;
mod timeline;
mod viewers;

pub use course::{Bounds, COLUMNS, Course};
pub use csv::csv;
pub use json::json;
pub use model::{
    BroadcastReport, Completeness, Distribution, Interruption, InterruptionKind, StreamSummary,
    ViewerSummary,
};
