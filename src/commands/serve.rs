//! `serve`: polls the configured channels and serves their metrics.

use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::app::{self, AppConfig};
use super::{CommandError, load_config, shard, signals};
use crate::cli::ServeArgs;
use crate::http;
use crate::telemetry::init_tracing;

/// Runs until a signal stops it.
pub(super) fn run(arguments: &ServeArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    http::check_telemetry_path(&arguments.telemetry_path).map_err(CommandError::Usage)?;
    let shard = shard::of(&arguments.shard)?;
    let (source, config, fingerprint) = load_config::load_shard(&arguments.config, shard)?;
    let web_config = load_config::load_web_config(&arguments.web)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let done = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        signals::stop_on_signal(&shutdown)?;
        let setup = AppConfig {
            source,
            config,
            fingerprint,
            web_config,
            listeners: listen(&arguments.listen.addresses).await?,
            telemetry_path: arguments.telemetry_path.clone(),
            enable_lifecycle: arguments.enable_lifecycle,
            reload_signal: signals::reload_signal()?,
        };
        app::run(setup, shutdown).await.map_err(CommandError::from)
    });
    // A file that can't be read (on a network that is down) must not keep us from stopping.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// Listens on all of these.
pub(super) async fn listen(addresses: &[String]) -> Result<Vec<http::Listener>, CommandError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let bound = http::bind(address).await.map_err(|error| match error {
            http::BindError::InvalidAddress(_) => CommandError::Usage(error.to_string()),
            http::BindError::Refused { .. } => CommandError::Failed(error.into()),
        })?;
        listeners.extend(bound);
    }
    Ok(listeners)
}
