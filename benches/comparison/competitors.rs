//! A scrape of us and of the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::Client;
use super::registry::Rival;
use super::{median, millis};

/// How often each one is requested, after a few times that do not count.
const ROUNDS: usize = 25;
const WARM_UP: usize = 3;
/// How often each one is requested as by Prometheus.
const UNHURRIED: usize = 4;
/// How often that is.
const INTERVAL: Duration = Duration::from_secs(15);

/// One of those who are compared.
struct Runner {
    what: &'static str,
    run: Box<dyn FnMut() -> Result<(Duration, usize)>>,
    took: Vec<Duration>,
    bytes: usize,
}

impl Runner {
    fn for_url(what: &'static str, server: SocketAddr, gzip: bool) -> Result<Self> {
        let mut client = Client::new(server, gzip)?;
        Ok(Self {
            what,
            run: Box::new(move || {
                let response = client.request()?;
                Ok((response.took, response.bytes))
            }),
            took: Vec::new(),
            bytes: 0,
        })
    }

    fn encoding(what: &'static str, mut rival: Rival) -> Self {
        Self {
            what,
            run: Box::new(move || {
                let begin = Instant::now();
                let bytes = rival.encode()?;
                Ok((begin.elapsed(), bytes))
            }),
            took: Vec::new(),
            bytes: 0,
        }
    }

    fn run(&mut self, counts: bool) -> Result<()> {
        let (took, bytes) = (self.run)()?;
        if counts {
            self.took.push(took);
            self.bytes = bytes;
        }
        Ok(())
    }
}

/// Asks all in turn and prints the table.
pub(crate) fn compare(
    exporter: SocketAddr,
    nginx: SocketAddr,
    pushgateway: SocketAddr,
) -> Result<()> {
    let text = Client::new(nginx, false)?.text()?;
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series, {} bytes\n", text.len());
    let mut all = [
        vec![
            Runner::for_url("polyv-exporter", exporter, false)?,
            Runner::for_url("nginx, a file", nginx, false)?,
            Runner::for_url("pushgateway", pushgateway, false)?,
            Runner::encoding("`prometheus` crate, no HTTP", Rival::holding(&text)?),
        ],
        vec![
            Runner::for_url("polyv-exporter, gzip", exporter, true)?,
            Runner::for_url("pushgateway, gzip", pushgateway, true)?,
        ],
    ];
    for round in 0..WARM_UP + ROUNDS {
        for runner in all.iter_mut().flatten() {
            runner.run(round >= WARM_UP)?;
        }
    }
    println!("| a scrape | bytes | median | of ours |\n| --- | --- | --- | --- |");
    for some in &all {
        rows(some);
    }

    // As by Prometheus: all live channels have changed in between, and no cache is warm.
    let mut unhurried = [
        Runner::for_url("polyv-exporter, every 15 s", exporter, false)?,
        Runner::for_url("nginx, every 15 s", nginx, false)?,
    ];
    for _ in 0..UNHURRIED {
        for runner in &mut unhurried {
            std::thread::sleep(INTERVAL / 2);
            runner.run(true)?;
        }
    }
    rows(&unhurried);
    Ok(())
}

/// The first one is ours.
fn rows(runners: &[Runner]) {
    let first = runners.first().map(|ours| median(ours.took.clone()));
    let ours = millis(first.unwrap_or_default());
    for runner in runners {
        let median = millis(median(runner.took.clone()));
        let Runner { what, bytes, .. } = runner;
        let ratio = median / ours;
        println!("| {what} | {bytes} | {median:.1} ms | {ratio:.2} |");
    }
}
