//! How the exporter itself is doing, for people.

use prometheus::core::Collector;

use super::metrics::Metrics;
use polyv_client::Outcome;
use polyv_client::clock::Timestamp;

/// How the exporter itself is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct ExporterStatus {
    /// How many calls of Polyv's API ended how, since the start; all outcomes, in their order.
    pub requests: Vec<(Outcome, u64)>,
    /// Whether calls are held back after Polyv throttled or blocked us.
    pub paused: bool,
    /// How late the most overdue poll is, in seconds.
    pub poll_lag: f64,
    /// Present over configured interval.
    pub poll_stretch: f64,
    /// Polyv's clock minus ours, in seconds; `None` where it is not known.
    pub clock_skew: Option<f64>,
    /// Accounts whose signature Polyv did not accept the last time.
    pub refused_accounts: Vec<String>,
    /// Whether the last requested configuration is in force.
    pub reload_successful: bool,
    /// When the configuration in force was loaded.
    pub reload_success: Timestamp,
}

impl Metrics {
    /// How the exporter itself is doing, as the metrics say.
    #[must_use]
    pub fn exporter_status(&self) -> ExporterStatus {
        let mut requests: Vec<_> = Outcome::ALL.iter().map(|outcome| (*outcome, 0)).collect();
        for family in self.requests.collect() {
            for metric in family.get_metric() {
                let outcome = metric.get_label().iter().find(|l| l.name() == "outcome");
                for (known, count) in &mut requests {
                    if outcome.is_some_and(|label| label.value() == known.as_str()) {
                        *count += whole(metric.get_counter().get_value());
                    }
                }
            }
        }
        let refused = self.auth_success.collect();
        let mut refused_accounts: Vec<String> = refused
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .filter(|metric| metric.get_gauge().get_value() == 0.0)
            .flat_map(|metric| metric.get_label().iter())
            .map(|label| label.value().to_owned())
            .collect();
        refused_accounts.sort_unstable();
        let clock_skew = self.clock_skew.collect();
        let mut skews = clock_skew
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric);
        ExporterStatus {
            requests,
            paused: self.paused.get() != 0,
            poll_lag: self.poll_lag.get(),
            poll_stretch: self.poll_stretch.get(),
            clock_skew: skews.next().map(|metric| metric.get_gauge().get_value()),
            refused_accounts,
            reload_successful: self.reloads.is_successful(),
            reload_success: self.reloads.success(),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counters are whole
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::Endpoint;
    use polyv_client::ClockSkew;

    #[test]
    fn status_summarizes_accounts_and_names_refused_ones() {
        let metrics = Metrics::new().unwrap();
        for account in ["a", "b", "c"] {
            metrics.init_account(account);
            metrics.observe_request(account, Endpoint::StreamInfo, Outcome::Ok, Duration::ZERO);
        }
        metrics.observe_request(
            "b",
            Endpoint::StreamInfo,
            Outcome::AuthFailed,
            Duration::ZERO,
        );
        metrics.set_auth_success("a", true);
        metrics.set_auth_success("c", false);
        metrics.set_auth_success("b", false);
        metrics.set_paused(true);
        metrics.set_clock_skew(Some(ClockSkew {
            seconds: -2.5,
            date_is_wrong: false,
        }));
        metrics
            .reloads()
            .succeeded(Timestamp::from_millis(1_700_000_000_250));
        metrics.reloads().failed();

        let exporter_status = metrics.exporter_status();
        assert_eq!(exporter_status.requests.len(), Outcome::ALL.len());
        assert_eq!(exporter_status.requests[0], (Outcome::Ok, 3));
        assert!(exporter_status.requests.contains(&(Outcome::AuthFailed, 1)));
        assert_eq!(exporter_status.refused_accounts, ["b", "c"]);
        assert!(exporter_status.paused && !exporter_status.reload_successful);
        assert_eq!(exporter_status.clock_skew, Some(-2.5));
        assert_eq!(
            exporter_status.reload_success.as_millis(),
            1_700_000_000_250
        );
    }
}
