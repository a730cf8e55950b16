//! `check-config`: validates a configuration.

use std::fmt::Write;
use std::path::Path;

use super::{CommandError, output};
use crate::cli::CheckConfigArgs;
use crate::config::Source;
use crate::scheduler::capacity_warning;
use web_config::WebConfigFile;

/// Names every fault with its place, or says what the configuration comes to.
#[allow(clippy::print_stderr)] // to a person
pub(super) fn run(arguments: &CheckConfigArgs) -> Result<(), CommandError> {
    let shown = arguments.file.display();
    let config = Source::file(&arguments.file).and_then(|source| source.load());
    let door_file = arguments.web.config_file.as_deref();
    let web_config = door_file.map(|path| WebConfigFile::new(path).load().config);
    let config_faults = config
        .as_ref()
        .err()
        .map(|faults| (faults.to_string(), faults.len()));
    let web_faults = web_config
        .as_ref()
        .and_then(|web_config| web_config.as_ref().err());
    let web_faults = web_faults.map(|faults| (faults.to_string(), faults.len()));
    let faulty = [
        (arguments.file.as_path(), config_faults),
        (door_file.unwrap_or(Path::new("")), web_faults),
    ];
    for (path, faults) in &faulty {
        if let Some((faults, count)) = faults {
            eprintln!("{faults}");
            let noun = if *count == 1 { "fault" } else { "faults" };
            eprintln!("{}: {count} {noun}", path.display());
        }
    }
    let mut report = String::new();
    if let Ok(config) = &config {
        for warning in &config.warnings {
            _ = writeln!(report, "{warning} (warning)");
        }
        if let Some(warning) = capacity_warning(config) {
            _ = writeln!(report, "{shown}: {warning} (warning)");
        }
        let (accounts, channels) = (config.accounts.len(), config.channel_count());
        _ = writeln!(
            report,
            "{shown}: valid; accounts: {accounts}, channels: {channels}"
        );
    }
    if let (Some(path), Some(Ok(web_config))) = (door_file, &web_config) {
        let word = |is: bool| if is { "yes" } else { "no" };
        let (tls, passwords) = (word(web_config.has_tls()), word(web_config.requires_auth()));
        let clients = word(web_config.verifies_clients());
        let path = path.display();
        _ = writeln!(
            report,
            "{path}: valid; TLS: {tls}, verified client certificates: {clients}, passwords: \
             {passwords}"
        );
    }
    output::show(&report)?;
    if faulty.iter().any(|(_, faults)| faults.is_some()) {
        return Err(CommandError::AlreadyReported);
    }
    Ok(())
}
