//! Reports on broadcasts that an exporter recorded.

mod pages;
mod scripted;
