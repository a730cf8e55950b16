//! Configuration reloads.

mod config;
