//! Reports on broadcasts that an exporter recorded.

mod killed;
mod pages;
mod scripted;
