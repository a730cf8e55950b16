//! The recorder in a whole exporter: what survives its end, and what is exported.

mod failures;
