//! How well the alerts tell faults from healthy broadcasts: a study in simulated time.
//!
//! Broadcasts of every kind are generated from seeds, some with a fault, and polled as Polyv
//! delivers them by the real state machine. What it exposes is scraped every 15 seconds, and
//! Prometheus' own tool evaluates the shipped rules on it. `docs/detection.md` shows the results.

// As in the integration tests: what is unexpected should stop right there.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]

mod broadcasts;
mod expectation;
mod faults;
mod playback;
mod problems;
mod rules;
mod study;
mod table;
mod track;

use study::{Scale, Study};

#[test]
fn alerts_find_faults_and_leave_healthy_broadcasts_alone() {
    let study = Study::run(Scale {
        healthy: 2,
        faulty: 2,
    });
    println!("{study}");
    study.check();
}

/// `make detection` runs it.
#[test]
#[ignore = "it takes many minutes: `make detection`"]
fn thousands_of_channel_hours() {
    let hours = std::env::var("DETECTION_HOURS").map_or(3000, |hours| hours.parse().unwrap());
    let study = Study::run(Scale::of(hours));
    println!("{study}");
    study.check();
}
