//! Whether polls are late because of scrapes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::Client;
use super::value;

const SCRAPERS: usize = 10;
/// How long polls are watched.
const WATCHED: Duration = Duration::from_secs(30);

/// What polling was like.
struct Polling {
    lag: f64,
    stretch: f64,
    polls: f64,
}

/// Watches polls undisturbed and with scrapers that never stop, and prints the table.
pub(crate) fn compare(exporter: SocketAddr) -> Result<()> {
    println!("| scrapers | scrapes a second | polls a second | worst lag | stretch |");
    println!("| --- | --- | --- | --- | --- |");
    row("none", 0, &watch(exporter)?);
    let stop = AtomicBool::new(false);
    let scrapes = AtomicUsize::new(0);
    let polling = std::thread::scope(|scope| {
        for number in 0..SCRAPERS {
            let (stop, scrapes) = (&stop, &scrapes);
            scope.spawn(move || -> Result<()> {
                let mut client = Client::new(exporter, number % 2 == 0)?;
                while !stop.load(Ordering::Relaxed) {
                    client.request()?;
                    scrapes.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        let polling = watch(exporter);
        stop.store(true, Ordering::Relaxed);
        polling
    })?;
    let scrapes = scrapes.load(Ordering::Relaxed) / usize::try_from(WATCHED.as_secs())?;
    row("10, half of them with gzip", scrapes, &polling);
    Ok(())
}

fn row(who: &str, scrapes: usize, polling: &Polling) {
    let Polling {
        lag,
        stretch,
        polls,
    } = polling;
    println!("| {who} | {scrapes} | {polls:.0} | {lag:.3} s | {stretch:.2} |");
}

fn watch(exporter: SocketAddr) -> Result<Polling> {
    let mut client = Client::new(exporter, false)?;
    let begin = Instant::now();
    let before = successful_polls(&client.text()?);
    let (mut lag, mut stretch): (f64, f64) = (0.0, 0.0);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let text = client.text()?;
        let seen = |name| value(&text, name).unwrap_or(f64::INFINITY);
        lag = lag.max(seen("polyv_exporter_poll_lag_seconds"));
        stretch = stretch.max(seen("polyv_exporter_poll_stretch_ratio"));
        let elapsed = begin.elapsed();
        if elapsed >= WATCHED {
            let polls = (successful_polls(&text) - before) / elapsed.as_secs_f64();
            return Ok(Polling {
                lag,
                stretch,
                polls,
            });
        }
    }
}

/// How many polls have succeeded so far.
pub(crate) fn successful_polls(text: &str) -> f64 {
    let requests = text
        .lines()
        .filter(|line| line.starts_with("polyv_api_requests_total{"));
    let responses =
        requests.filter(|line| line.contains("\"ok\"") || line.contains("\"not_live\""));
    responses
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
