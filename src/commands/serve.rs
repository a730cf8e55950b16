//! `serve`: polls the configured channels and serves their metrics.

use super::app::{self, AppConfig};
use super::runtime::block_on;
use super::{CommandError, load_config, shard, signals};
use crate::cli::ServeArgs;
use crate::http;
use crate::telemetry::init_tracing;

/// Runs until a signal stops it.
pub(super) fn run(arguments: &ServeArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    http::check_telemetry_path(&arguments.telemetry_path).map_err(CommandError::Usage)?;
    let shard = shard::from_flags(&arguments.shard).map_err(CommandError::Usage)?;
    block_on(async {
        // A SIGHUP while files are read is a request to reload, and must not end the process.
        let reload_signal = signals::reload_signal()?;
        let loaded = load_config::load_shard(&arguments.config, shard)?;
        let web_config = load_config::load_web_config(&arguments.web)?;
        let shutdown = signals::stop_on_signal()?;
        let setup = AppConfig {
            loaded,
            web_config,
            listeners: listen(&arguments.listen.addresses).await?,
            telemetry_path: arguments.telemetry_path.clone(),
            enable_lifecycle: arguments.enable_lifecycle,
            reload_signal,
        };
        Ok(Box::pin(app::run(setup, shutdown)).await?)
    })
}

/// Listens on all of these.
pub(super) async fn listen(addresses: &[String]) -> Result<Vec<http::Listener>, CommandError> {
    let mut listeners = Vec::new();
    // A variable may have spaces between them, and a comma at the end.
    let addresses = addresses.iter().map(|address| address.trim());
    for address in addresses.filter(|address| !address.is_empty()) {
        let bound = http::bind(address).await.map_err(|error| match error {
            http::BindError::InvalidAddress(_) => CommandError::Usage(error.to_string()),
            http::BindError::Refused { .. } => CommandError::Failed(error.into()),
        })?;
        listeners.extend(bound);
    }
    Ok(listeners)
}
