//! `check-config`: validates a configuration.

use std::fmt::Write;

use super::{Failure, output};
use crate::cli::CheckConfigArgs;
use crate::config::Source;
use crate::poller::over_demand;

/// Names every fault with its place, or says what the configuration comes to.
#[allow(clippy::print_stderr)] // to a person
pub(super) fn run(arguments: &CheckConfigArgs) -> Result<(), Failure> {
    let shown = arguments.file.display();
    let checked = Source::file(&arguments.file).and_then(|source| source.evaluate());
    let config = match checked {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            let count = faults.len();
            let noun = if count == 1 { "fault" } else { "faults" };
            eprintln!("{shown}: {count} {noun}");
            return Err(Failure::Told);
        }
    };
    let mut report = String::new();
    for warning in &config.warnings {
        _ = writeln!(report, "{warning} (warning)");
    }
    if let Some(warning) = over_demand(&config) {
        _ = writeln!(report, "{shown}: {warning} (warning)");
    }
    let (accounts, channels) = (config.accounts.len(), config.channel_count());
    _ = writeln!(
        report,
        "{shown}: valid; accounts: {accounts}, channels: {channels}"
    );
    output::show(&report)?;
    Ok(())
}
