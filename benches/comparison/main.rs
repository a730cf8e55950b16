//! The table of docs/performance.md: requests from servers that `scripts/bench` has started.
//!
//! Rivals take turns within one run, so that whatever else the machine does hits all alike.
#![allow(clippy::print_stdout)] // the tables are its output

mod client;
mod competitors;
mod cost;
mod lag;
mod registry;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    // cargo adds a flag of its own.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["competitors", exporter, nginx, pushgateway] => {
            competitors::compare(address(exporter)?, address(nginx)?, address(pushgateway)?)
        }
        ["lag", exporter] => lag::compare(address(exporter)?),
        ["cost", exporter, process, what] => cost::row(address(exporter)?, process.parse()?, what),
        [] => {
            println!("scripts/bench runs this with servers to ask");
            Ok(())
        }
        other => bail!("what is {other:?}?"),
    }
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| text.to_owned())
}

/// The one in the middle.
pub(crate) fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// In milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The value of a series without labels in a scrape.
pub(crate) fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().rev().find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}
