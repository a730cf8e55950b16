//! How pages and reports show texts and numbers, and in which languages.

mod language;
mod text;

pub use language::Language;
pub(crate) use text::{bitrate, display_text, framerate, isolated};
