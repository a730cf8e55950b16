//! What a channel costs, by how many there are.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::client::Client;
use super::lag::successful_polls;
use super::{median, value};

/// How long polls are watched.
const WATCHED: Duration = Duration::from_secs(30);
const SCRAPES: usize = 9;

/// Watches an exporter for a while, scrapes it, and prints a row of the table.
#[allow(clippy::cast_precision_loss)] // what is counted is far below 2^52
pub(crate) fn row(exporter: SocketAddr, process: u32, what: &str) -> Result<()> {
    let mut client = Client::new(exporter, false)?;
    let before = client.text()?;
    let begin = Instant::now();
    std::thread::sleep(WATCHED);
    let after = client.text()?;
    let watched = begin.elapsed().as_secs_f64();
    let resident = memory(process, "VmRSS")?;
    let grown = |of: fn(&str) -> f64| of(&after) - of(&before);
    let polls = grown(successful_polls);
    let cpu = grown(|text| value(text, "process_cpu_seconds_total").unwrap_or(f64::NAN));

    let mut zipped = Client::new(exporter, true)?;
    let request = |client: &mut Client| -> Result<Duration> {
        let took: Result<Vec<_>> = (0..SCRAPES).map(|_| Ok(client.request()?.took)).collect();
        Ok(median(took?))
    };
    let series = after.lines().filter(|line| !line.starts_with('#')).count();
    let each = |took: Duration| took.as_secs_f64() * 1e9 / series as f64;
    let (plain, gzip) = (each(request(&mut client)?), each(request(&mut zipped)?));
    let channels = after
        .lines()
        .filter(|line| line.starts_with("polyv_channel_info{"))
        .count();
    let peak = memory(process, "VmHWM")?;
    println!(
        "| {what} | {:.0} MiB | {:.0} MiB | {:.1} KiB | {:.0} | {:.1} % | {:.0} µs | {series} | {plain:.0} ns | {gzip:.0} ns |",
        resident / 1024.0,
        peak / 1024.0,
        resident / channels as f64,
        polls / watched,
        cpu / watched * 100.0,
        cpu / polls * 1e6,
    );
    Ok(())
}

/// In KiB.
fn memory(process: u32, what: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(what));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kilobytes.context("no such line")?.parse()?)
}
