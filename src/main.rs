//! The `polyv-exporter` program.

fn main() {}
