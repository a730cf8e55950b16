//! The exporter's own metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry,
};

use super::process::ProcessCollector;
use super::recorder_metrics::RecorderMetrics;
use super::registration::{
    counter_vec, gauge, gauge_vec, histogram, histogram_vec, int_counter, int_gauge, int_gauge_vec,
};
use super::remote_write::RemoteWriteMetrics;
use super::stderr::Stderr;
use crate::metrics::families as c;
use crate::state::DiscardReason;
use polyv_client::clock::Timestamp;
use polyv_client::{AccountMinutes, ClockSkew, Outcome};

/// A call that is polled: the label `endpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A live channel's samples.
    StreamInfo,
    /// Many channels' status.
    LiveStatus,
    /// An account's channels.
    ChannelList,
    /// What is pushed to live channels.
    Streams,
    /// A live channel's samples, on other CDNs than Tencent's as well.
    StreamInfoV4,
    /// The viewers of live channels.
    Viewers,
    /// An account's planned sessions.
    Sessions,
    /// The start times of an account's channels.
    ChannelPlans,
    /// An account's minutes of viewing.
    Minutes,
}

const REQUEST_SECONDS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const WAIT_SECONDS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];
const DELAY_SECONDS: [f64; 12] = [
    2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 180.0, 300.0, 900.0,
];

/// The exporter's own metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    pub(super) requests: IntCounterVec,
    request_duration: HistogramVec,
    rate_limit_wait: Histogram,
    pub(super) paused: IntGauge,
    pub(super) clock_skew: GaugeVec,
    clock_wrong: IntGaugeVec,
    pub(super) auth_success: IntGaugeVec,
    status_fallback: IntGaugeVec,
    listed: GaugeVec,
    schedule_read: GaugeVec,
    minutes_available: GaugeVec,
    minutes_used: GaugeVec,
    sample_delay: HistogramVec,
    samples_discarded: IntCounterVec,
    pub(super) poll_lag: Gauge,
    pub(super) poll_stretch: Gauge,
    log_lines_dropped: IntCounter,
    pub(super) reloads: ReloadMetrics,
    remote_write: RemoteWriteMetrics,
    process: ProcessCollector,
}

/// Whether and when the configuration was loaded.
#[derive(Clone)]
pub struct ReloadMetrics {
    successful: IntGauge,
    success: Gauge,
}

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of the program.
    pub version: &'static str,
    /// The revision it was built from.
    pub revision: &'static str,
    /// The compiler's version.
    pub rust_version: &'static str,
}

// === impl BuildInfo ===

impl BuildInfo {
    /// This very program's.
    pub const THIS: Self = Self {
        version: env!("CARGO_PKG_VERSION"),
        revision: env!("POLYV_EXPORTER_REVISION"),
        rust_version: env!("POLYV_EXPORTER_RUST_VERSION"),
    };
}

// === impl Metrics ===

impl Metrics {
    /// All metrics, at their beginnings.
    ///
    /// # Errors
    /// Only if the families had a name that is none, or one twice; its tests see to that.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let BuildInfo {
            version,
            revision,
            rust_version,
        } = BuildInfo::THIS;
        int_gauge_vec(&registry, &c::EXPORTER_BUILD_INFO)?
            .with_label_values(&[version, revision, rust_version])
            .set(1);
        let metrics = Self {
            requests: counter_vec(&registry, &c::API_REQUESTS)?,
            request_duration: histogram_vec(&registry, &c::API_REQUEST_DURATION, &REQUEST_SECONDS)?,
            rate_limit_wait: histogram(&registry, &c::API_RATE_LIMIT_WAIT, &WAIT_SECONDS)?,
            paused: int_gauge(&registry, &c::API_PAUSED)?,
            clock_skew: gauge_vec(&registry, &c::API_CLOCK_SKEW)?,
            clock_wrong: int_gauge_vec(&registry, &c::API_CLOCK_WRONG)?,
            auth_success: int_gauge_vec(&registry, &c::ACCOUNT_AUTH_SUCCESS)?,
            status_fallback: int_gauge_vec(&registry, &c::ACCOUNT_STATUS_FALLBACK)?,
            listed: gauge_vec(&registry, &c::ACCOUNT_LISTED)?,
            schedule_read: gauge_vec(&registry, &c::ACCOUNT_SCHEDULE_READ)?,
            minutes_available: gauge_vec(&registry, &c::ACCOUNT_MINUTES_AVAILABLE)?,
            minutes_used: gauge_vec(&registry, &c::ACCOUNT_MINUTES_USED)?,
            sample_delay: histogram_vec(&registry, &c::SAMPLE_DELAY, &DELAY_SECONDS)?,
            samples_discarded: counter_vec(&registry, &c::SAMPLES_DISCARDED)?,
            poll_lag: gauge(&registry, &c::EXPORTER_POLL_LAG)?,
            poll_stretch: gauge(&registry, &c::EXPORTER_POLL_STRETCH)?,
            log_lines_dropped: int_counter(&registry, &c::EXPORTER_LOG_LINES_DROPPED)?,
            reloads: ReloadMetrics {
                successful: int_gauge(&registry, &c::EXPORTER_RELOAD_SUCCESSFUL)?,
                success: gauge(&registry, &c::EXPORTER_RELOAD_SUCCESS)?,
            },
            remote_write: RemoteWriteMetrics::new(&registry)?,
            process: ProcessCollector::new(&registry)?,
            registry,
        };
        metrics.poll_stretch.set(1.0);
        Ok(metrics)
    }

    /// Begins an account: all its counters are there, at 0. One that was there goes on.
    pub fn init_account(&self, account: &str) {
        self.begin_endpoint(account, Endpoint::StreamInfo);
        for reason in DiscardReason::ALL {
            self.samples_discarded
                .with_label_values(&[account, reason.as_str()]);
        }
        self.sample_delay.with_label_values(&[account]);
    }

    /// An account uses this call: its counters are there, at 0. Those that were there go on.
    pub fn begin_endpoint(&self, account: &str, endpoint: Endpoint) {
        for outcome in Outcome::ALL {
            self.requests
                .with_label_values(&[account, endpoint.as_str(), outcome.as_str()]);
        }
        self.request_duration
            .with_label_values(&[endpoint.as_str()]);
    }

    /// Ends an account that left the configuration.
    pub fn remove_account(&self, account: &str) {
        // The only error is that there is nothing to remove.
        for endpoint in Endpoint::ALL {
            for outcome in Outcome::ALL {
                _ = self.requests.remove_label_values(&[
                    account,
                    endpoint.as_str(),
                    outcome.as_str(),
                ]);
            }
        }
        for reason in DiscardReason::ALL {
            _ = self
                .samples_discarded
                .remove_label_values(&[account, reason.as_str()]);
        }
        _ = self.sample_delay.remove_label_values(&[account]);
        _ = self.auth_success.remove_label_values(&[account]);
        self.set_status_fallback(account, None);
        self.forget_listing(account);
        self.forget_schedule(account);
        self.set_minutes(account, None);
    }

    /// Counts a call.
    pub fn observe_request(
        &self,
        account: &str,
        endpoint: Endpoint,
        outcome: Outcome,
        took: Duration,
    ) {
        self.requests
            .with_label_values(&[account, endpoint.as_str(), outcome.as_str()])
            .inc();
        self.request_duration
            .with_label_values(&[endpoint.as_str()])
            .observe(took.as_secs_f64());
    }

    /// Sets how many channels have to be polled individually; `None` where that is what
    /// is configured for all.
    pub fn set_status_fallback(&self, account: &str, count: Option<usize>) {
        match count {
            Some(count) => self
                .status_fallback
                .with_label_values(&[account])
                .set(i64::try_from(count).unwrap_or(i64::MAX)),
            None => _ = self.status_fallback.remove_label_values(&[account]),
        }
    }

    /// An account's channels were listed completely.
    pub fn set_listed(&self, account: &str, at: Timestamp) {
        self.listed
            .with_label_values(&[account])
            .set(at.as_seconds());
    }

    /// An account's channels are not listed any more.
    pub fn forget_listing(&self, account: &str) {
        _ = self.listed.remove_label_values(&[account]);
    }

    /// Sets when Polyv's plan of an account was last read, or when its reading began.
    pub fn set_schedule_read(&self, account: &str, at: Timestamp) {
        self.schedule_read
            .with_label_values(&[account])
            .set(at.as_seconds());
    }

    /// Polyv's plan of an account is not read any more.
    pub fn forget_schedule(&self, account: &str) {
        _ = self.schedule_read.remove_label_values(&[account]);
    }

    /// Sets an account's minutes of viewing; `None` where Polyv does not say.
    pub fn set_minutes(&self, account: &str, minutes: Option<AccountMinutes>) {
        let gauges = [&self.minutes_available, &self.minutes_used];
        let values = minutes.map(|minutes| [minutes.available, minutes.used]);
        for (index, gauge) in gauges.into_iter().enumerate() {
            match values.as_ref().and_then(|values| values.get(index)) {
                Some(value) => gauge.with_label_values(&[account]).set(*value),
                None => _ = gauge.remove_label_values(&[account]),
            }
        }
    }

    /// Counts how long a call waited for its turn.
    pub fn observe_rate_limit_wait(&self, wait: Duration) {
        self.rate_limit_wait.observe(wait.as_secs_f64());
    }

    /// Counts how old a new sample was.
    pub fn sample_delay(&self, account: &str, delay: Duration) {
        self.sample_delay
            .with_label_values(&[account])
            .observe(delay.as_secs_f64());
    }

    /// Counts samples that could not be used.
    pub fn count_discarded(&self, account: &str, reason: DiscardReason, count: u64) {
        if count > 0 {
            self.samples_discarded
                .with_label_values(&[account, reason.as_str()])
                .inc_by(count);
        }
    }

    /// Tells Polyv's newest verdict on an account.
    pub fn set_auth_success(&self, account: &str, success: bool) {
        self.auth_success
            .with_label_values(&[account])
            .set(i64::from(success));
    }

    /// Forgets the verdict, because it was on other credentials.
    pub fn forget_auth(&self, account: &str) {
        _ = self.auth_success.remove_label_values(&[account]);
    }

    /// Tells whether all calls are held back.
    pub fn set_paused(&self, paused: bool) {
        self.paused.set(i64::from(paused));
    }

    /// Tells Polyv's clock minus ours, in seconds; `None` where that is not known.
    pub fn set_clock_skew(&self, skew: Option<ClockSkew>) {
        let Some(skew) = skew else {
            self.clock_skew.reset();
            self.clock_wrong.reset();
            return;
        };
        let clock_skew = self.clock_skew.with_label_values::<&str>(&[]);
        clock_skew.set(skew.seconds);
        for (clock, is_suspect) in [("host", !skew.date_is_wrong), ("date", skew.date_is_wrong)] {
            let is_wrong = is_suspect && skew.is_significant();
            let clock_wrong = self.clock_wrong.with_label_values(&[clock]);
            clock_wrong.set(i64::from(is_wrong));
        }
    }

    /// Tells how late the most overdue poll is.
    pub fn set_poll_lag(&self, lag: Duration) {
        self.poll_lag.set(lag.as_secs_f64());
    }

    /// Tells how far intervals are stretched.
    pub fn set_poll_stretch(&self, stretch: f64) {
        self.poll_stretch.set(stretch);
    }

    /// The recorder's metrics. They are there from now on.
    ///
    /// # Errors
    /// They are there already.
    pub fn register_recorder(&self) -> Result<RecorderMetrics, prometheus::Error> {
        RecorderMetrics::new(&self.registry)
    }

    /// The metrics of configuration reloads.
    #[must_use]
    pub fn reloads(&self) -> &ReloadMetrics {
        &self.reloads
    }

    /// The metrics of remote write.
    #[must_use]
    pub fn remote_write(&self) -> &RemoteWriteMetrics {
        &self.remote_write
    }

    /// Counts lines that were dropped since the last time, each once, however many scrapes run at once.
    fn count_dropped_lines(&self) {
        static COUNTED: AtomicU64 = AtomicU64::new(0);
        let dropped = Stderr::dropped_lines();
        let before = COUNTED.fetch_max(dropped, Ordering::Relaxed);
        self.log_lines_dropped
            .inc_by(dropped.saturating_sub(before));
    }

    /// All of them, for a scrape.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.process.refresh();
        self.count_dropped_lines();
        self.registry.gather()
    }
}

// === impl Endpoint ===

impl Endpoint {
    const ALL: [Self; 9] = [
        Self::StreamInfo,
        Self::LiveStatus,
        Self::ChannelList,
        Self::Streams,
        Self::StreamInfoV4,
        Self::Viewers,
        Self::Sessions,
        Self::ChannelPlans,
        Self::Minutes,
    ];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamInfo => "stream_info",
            Self::LiveStatus => "live_status",
            Self::ChannelList => "channel_list",
            Self::Streams => "streams",
            Self::StreamInfoV4 => "stream_info_v4",
            Self::Viewers => "viewers",
            Self::Sessions => "sessions",
            Self::ChannelPlans => "channel_plans",
            Self::Minutes => "minutes",
        }
    }
}

// === impl ReloadMetrics ===

impl ReloadMetrics {
    /// The configuration was loaded.
    pub fn succeeded(&self, at: Timestamp) {
        self.successful.set(1);
        self.success.set(at.as_seconds());
    }

    /// Whether the last one was loaded.
    pub(super) fn is_successful(&self) -> bool {
        self.successful.get() != 0
    }

    /// When the one in force was loaded.
    #[allow(clippy::cast_possible_truncation)] // it was whole milliseconds
    pub(super) fn success(&self) -> Timestamp {
        Timestamp::from_millis((self.success.get() * 1000.0).round() as i64)
    }

    /// It was not: the one before is in force.
    pub fn failed(&self) {
        self.successful.set(0);
    }
}
