//! Loading the configuration of a command.

use std::sync::Arc;

use tracing::warn;

use super::web_config_reloader::WebConfigReloader;
use super::{CommandError, proxy};
use crate::cli::{ConfigArgs, WebArgs};
use crate::config::{Config, Shard, Source, SourceFingerprint};
use polyv_client::{HttpTransport, Transport};

const CONFIGURATION: &str = "configuration";
/// Environment variables; any of them means "configured by the environment".
const VARIABLES: [&str; 4] = [
    "POLYV_APP_ID",
    "POLYV_APP_SECRET",
    "POLYV_APP_SECRET_FILE",
    "POLYV_CHANNELS",
];

/// A configuration, and what it was loaded from.
pub(super) struct LoadedConfig {
    pub(super) source: Source,
    pub(super) config: Config,
    pub(super) fingerprint: SourceFingerprint,
}

/// The configuration file, or else the environment.
pub(super) fn load(arguments: &ConfigArgs) -> Result<Config, CommandError> {
    Ok(load_shard(arguments, Shard::ALL)?.config)
}

/// The configuration of a shard.
pub(super) fn load_shard(
    arguments: &ConfigArgs,
    shard: Shard,
) -> Result<LoadedConfig, CommandError> {
    proxy::check_variables().map_err(CommandError::Usage)?;
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let source = match &arguments.file {
        Some(path) => Source::file(path).map_err(CommandError::faulty(CONFIGURATION))?,
        None if VARIABLES.iter().any(is_set) => Source::environment(),
        None => {
            return Err(CommandError::Usage(
                "there is no configuration: give --config.file FILE, or set POLYV_APP_ID, \
                 POLYV_APP_SECRET (or POLYV_APP_SECRET_FILE) and POLYV_CHANNELS. To see the \
                 exporter without an account, run `polyv-exporter demo`"
                    .to_owned(),
            ));
        }
    };
    LoadedConfig::load(source.sharded(shard))
}

/// The web configuration; without a file, everyone has access.
pub(super) fn load_web_config(arguments: &WebArgs) -> Result<WebConfigReloader, CommandError> {
    let path = arguments.config_file.as_deref();
    WebConfigReloader::new(path).map_err(CommandError::faulty("web configuration"))
}

/// The HTTP transport to the `base_url` of a configuration.
///
/// # Errors
/// If TLS can't be set up.
pub(super) fn build_transport(config: &Config) -> anyhow::Result<Arc<dyn Transport>> {
    let transport = HttpTransport::new(&config.api.base_url).map_err(anyhow::Error::msg)?;
    Ok(Arc::new(transport))
}

/// Logs what is valid in a configuration and perhaps not meant.
pub(super) fn log_warnings(config: &Config) {
    for warning in &config.warnings {
        warn!("{warning}");
    }
}

// === impl LoadedConfig ===

impl LoadedConfig {
    /// Loads a source.
    pub(super) fn load(source: Source) -> Result<Self, CommandError> {
        let loaded = source.load_with_fingerprint();
        let (config, fingerprint) = loaded.map_err(CommandError::faulty(CONFIGURATION))?;
        Ok(Self {
            source,
            config,
            fingerprint,
        })
    }
}
