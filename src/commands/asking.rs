//! What commands that call Polyv by themselves have in common.

use std::sync::Arc;

use super::{Failure, exporter};
use crate::config::{Account, Config};
use crate::scheduler;
use polyv_client::clock::Clock;
use polyv_client::{Client, ClientSettings, Limiter, ServerClock};

/// One account's way to Polyv, with the limiter that its every call needs a permit of.
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) clock: Arc<ServerClock>,
}

impl Asker {
    /// For an account of a configuration.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub(super) fn new(config: &Config, account: &Account) -> anyhow::Result<Self> {
        let clock = Arc::new(ServerClock::new(Clock::default()));
        let client = Client::new(
            ClientSettings {
                base_url: config.api.base_url.clone(),
                timeout: config.api.timeout,
                zone: config.poll.time_zone,
            },
            exporter::transport(config).map_err(anyhow::Error::msg)?,
            Arc::clone(&clock),
            account.credentials.clone(),
        );
        Ok(Self {
            client,
            limiter: Limiter::new(scheduler::rate_limit_from_config(config)),
            clock,
        })
    }
}

/// The account to act as: the one that is named, else the one that lists the channel, else
/// the only one.
pub(super) fn choose<'a>(
    config: &'a Config,
    channel_id: &str,
    wanted: Option<&str>,
) -> Result<&'a Account, Failure> {
    let names = || {
        let names: Vec<_> = config.accounts.iter().map(|a| a.name.as_str()).collect();
        names.join(", ")
    };
    if let Some(name) = wanted {
        return config
            .accounts
            .iter()
            .find(|account| account.name == name)
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "there is no account `{name}`; the configuration has: {}",
                    names()
                ))
            });
    }
    match (config.account_of(channel_id), config.accounts.as_slice()) {
        (Some(account), _) | (None, [account]) => Ok(account),
        _ => Err(Failure::Usage(format!(
            "no account of the configuration lists channel {channel_id}: say with --account \
             which one to act as ({})",
            names()
        ))),
    }
}
