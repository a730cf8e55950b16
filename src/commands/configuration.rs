//! Which configuration a command works with.

use super::Failure;
use super::doorkeeper::Doorkeeper;
use super::failure::{faulty_configuration, faulty_web_configuration};
use crate::cli::{ConfigArgs, WebArgs};
use crate::config::{Config, Shard, Source, SourceFingerprint};

/// Variables of which one is enough to mean "configured by the environment".
const VARIABLES: [&str; 4] = [
    "POLYV_APP_ID",
    "POLYV_APP_SECRET",
    "POLYV_APP_SECRET_FILE",
    "POLYV_CHANNELS",
];

/// The configuration file, or else the environment.
pub(super) fn load(arguments: &ConfigArgs) -> Result<(Source, Config), Failure> {
    let (source, config, _fingerprint) = load_shard(arguments, Shard::ALL)?;
    Ok((source, config))
}

/// The same, as far as it is a shard's own, with what was read beside the main file.
pub(super) fn load_shard(
    arguments: &ConfigArgs,
    shard: Shard,
) -> Result<(Source, Config, SourceFingerprint), Failure> {
    let source = match &arguments.file {
        Some(path) => Source::file(path).map_err(faulty_configuration)?,
        None if VARIABLES
            .iter()
            .any(|name| std::env::var_os(name).is_some()) =>
        {
            Source::environment()
        }
        None => {
            return Err(Failure::Usage(
                "there is no configuration: give --config.file FILE, or set POLYV_APP_ID, \
                 POLYV_APP_SECRET (or POLYV_APP_SECRET_FILE) and POLYV_CHANNELS. To see the \
                 exporter without an account, run `polyv-exporter demo`"
                    .to_owned(),
            ));
        }
    };
    let source = source.sharded(shard);
    let (config, fingerprint) = source
        .load_with_fingerprint()
        .map_err(faulty_configuration)?;
    Ok((source, config, fingerprint))
}

/// Who is let in: everybody, where no file says otherwise.
pub(super) fn door(arguments: &WebArgs) -> Result<Doorkeeper, Failure> {
    let path = arguments.config_file.as_deref();
    Doorkeeper::new(path).map_err(faulty_web_configuration)
}
