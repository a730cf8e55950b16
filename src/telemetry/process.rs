//! `process_*`: what the operating system says of this process.
//!
//! The `prometheus` crate's own collector counts CPU time in whole seconds, which is too
//! coarse for an exporter that uses a few hundredths of one.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{Counter, Gauge, Registry};

use super::registration::{counter, gauge};
use crate::metrics::families as c;

/// The process's metrics, brought up to date at each scrape.
#[derive(Clone)]
pub(super) struct ProcessCollector {
    cpu: Counter,
    max_fds: Gauge,
    open_fds: Gauge,
    resident_memory: Gauge,
    start_time: Gauge,
    threads: Gauge,
    virtual_memory: Gauge,
    /// Held while `cpu` is brought up to date: two scrapes at once would add the same time twice.
    refreshing: Arc<Mutex<()>>,
}

// === impl ProcessCollector ===

impl ProcessCollector {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |family| gauge(registry, family);
        Ok(Self {
            cpu: counter(registry, &c::PROCESS_CPU)?,
            max_fds: gauge(&c::PROCESS_MAX_FDS)?,
            open_fds: gauge(&c::PROCESS_OPEN_FDS)?,
            resident_memory: gauge(&c::PROCESS_RESIDENT_MEMORY)?,
            start_time: gauge(&c::PROCESS_START_TIME)?,
            threads: gauge(&c::PROCESS_THREADS)?,
            virtual_memory: gauge(&c::PROCESS_VIRTUAL_MEMORY)?,
            refreshing: Arc::default(),
        })
    }

    /// Reads `/proc`. What can't be read (no `/proc`, no descriptor left) stays as it was.
    #[cfg(target_os = "linux")]
    #[allow(clippy::cast_precision_loss)] // bytes and ticks are far below 2^53
    pub(super) fn refresh(&self) {
        use procfs::process::{LimitValue, Process};
        use procfs::{page_size, ticks_per_second};

        let _refreshing = self
            .refreshing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Ok(this) = Process::myself() else {
            return;
        };
        if let Ok(stat) = this.stat() {
            let ticks = ticks_per_second() as f64;
            let cpu = (stat.utime + stat.stime) as f64 / ticks;
            self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
            self.threads.set(stat.num_threads as f64);
            self.virtual_memory.set(stat.vsize as f64);
            self.resident_memory.set((stat.rss * page_size()) as f64);
            // The time of boot is in whole seconds and may move with the clock: read once.
            if self.start_time.get() == 0.0
                && let Ok(boot) = procfs::boot_time_secs()
            {
                self.start_time
                    .set(boot as f64 + stat.starttime as f64 / ticks);
            }
        }
        if let Ok(count) = this.fd_count() {
            self.open_fds.set(count as f64);
        }
        if let Ok(limits) = this.limits() {
            self.max_fds.set(match limits.max_open_files.soft_limit {
                LimitValue::Value(limit) => limit as f64,
                LimitValue::Unlimited => f64::INFINITY,
            });
        }
    }

    /// Elsewhere there is no `/proc`.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn refresh(&self) {}
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn cpu_time_is_counted_once_by_scrapes_at_once() {
        let process = ProcessCollector::new(&Registry::new()).unwrap();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        barrier.wait();
                        process.refresh();
                    }
                });
            }
        });
        let counted = process.cpu.get();
        let stat = procfs::process::Process::myself().unwrap().stat().unwrap();
        let ticks = u32::try_from(stat.utime + stat.stime).unwrap();
        let used = f64::from(ticks) / f64::from(u32::try_from(procfs::ticks_per_second()).unwrap());
        assert!(counted > 0.0 && counted <= used, "{counted} of {used}");
    }
}
