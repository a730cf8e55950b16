//! The report on a broadcast: from what was recorded to a model, and from there to HTML, Markdown,
//! CSV and JSON. Pure: the same recording gives the same bytes, whenever and wherever.

mod analysis;
mod cause;
mod channel_reports;
mod chart;
mod choice;
mod completeness;
mod course;
mod csv;
mod html;
mod i18n;
mod interruptions;
mod json;
mod markdown;
mod model;
mod off_air;
mod presentation;
mod spans;
mod statistics;
mod summary;
#[cfg(test)]
mod tests;
mod time;
mod timeline;
mod viewers;

pub use channel_reports::ChannelReports;
pub use choice::{BroadcastChoice, parse_time, path_time};
pub use course::{Bounds, COLUMNS, Course};
pub use csv::csv;
pub use html::{STYLE, charts, html};
pub use json::json;
pub use markdown::markdown;
pub use model::{
    BroadcastReport, Completeness, Distribution, Interruption, InterruptionKind, StreamSummary,
    ViewerSummary,
};
pub use presentation::Presentation;
pub use time::utc;
