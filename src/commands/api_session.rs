//! One account's connection to Polyv, for commands that call it directly.

use std::sync::Arc;

use super::CommandError;
use super::load_config::build_transport;
use crate::config::{Account, Config};
use crate::scheduler;
use polyv_client::clock::Clock;
use polyv_client::{Client, ClientSettings, Limiter, ServerClock};

/// A client for one account, and the limiter that grants its calls.
pub(super) struct ApiSession {
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) clock: Arc<ServerClock>,
}

impl ApiSession {
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
            build_transport(config)?,
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
pub(super) fn select_account<'a>(
    config: &'a Config,
    channel_id: &str,
    wanted: Option<&str>,
) -> Result<&'a Account, CommandError> {
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
                CommandError::Usage(format!(
                    "there is no account `{name}`; the configuration has: {}",
                    names()
                ))
            });
    }
    match (config.account_of(channel_id), config.accounts.as_slice()) {
        (Some(account), _) | (None, [account]) => Ok(account),
        _ => Err(CommandError::Usage(format!(
            "no account of the configuration lists channel {channel_id}: say with --account \
             which one to act as ({})",
            names()
        ))),
    }
}
