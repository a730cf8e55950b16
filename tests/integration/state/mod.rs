//! What the metrics say of channels, by time and by response.

mod invalid_samples;
mod rendering;
mod staleness;
