//! What is polled when, and what holds polls back.

mod api_errors;
mod backoff_and_recovery;
mod batch_status;
mod chaos;
mod discovery;
mod fleet;
mod intervals;
mod limiter;
mod plans;
mod sources;
