//! Calls as one account, for commands that call Polyv directly.

use std::sync::Arc;

use super::CommandError;
use super::load_config::{self, build_transport};
use super::runtime::block_on;
use crate::cli::AccountArgs;
use crate::config::{Account, Config, check_channel_id};
use crate::scheduler;
use crate::telemetry::init_tracing;
use polyv_client::clock::Clock;
use polyv_client::{Client, ClientSettings, Error, Limiter, Permit, ServerClock};

/// A client for one channel's account, and the limiter that grants its calls.
pub(super) struct ApiSession<'a> {
    pub(super) config: &'a Config,
    pub(super) account: &'a Account,
    pub(super) channel_id: &'a str,
    pub(super) client: Client,
    pub(super) limiter: Arc<Limiter>,
    pub(super) clock: Arc<ServerClock>,
}

/// Loads the configuration, and runs `work` as the channel's account.
pub(super) fn with_session<T>(
    arguments: &AccountArgs,
    channel_id: &str,
    work: impl AsyncFnOnce(ApiSession<'_>) -> anyhow::Result<T>,
) -> Result<T, CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    check_channel_id(channel_id).map_err(CommandError::Usage)?;
    let config = load_config::load(&arguments.config)?;
    let account = select_account(&config, channel_id, arguments.account.as_deref())?;
    block_on(async {
        let session = ApiSession::new(&config, account, channel_id)?;
        Ok(work(session).await?)
    })
}

// === impl ApiSession ===

impl<'a> ApiSession<'a> {
    /// A client for `account`.
    ///
    /// # Errors
    /// If TLS can't be set up.
    pub(super) fn new(
        config: &'a Config,
        account: &'a Account,
        channel_id: &'a str,
    ) -> anyhow::Result<Self> {
        let clock = Arc::new(ServerClock::new(Clock::default()));
        let settings = ClientSettings {
            base_url: config.api.base_url.clone(),
            timeout: config.api.timeout,
            zone: config.poll.time_zone,
        };
        let (transport, credentials) = (build_transport(config)?, account.credentials.clone());
        Ok(Self {
            config,
            account,
            channel_id,
            client: Client::new(settings, transport, Arc::clone(&clock), credentials),
            limiter: Limiter::new(scheduler::rate_limit_from_config(config)),
            clock,
        })
    }

    /// Sends a request that changes nothing. Where Polyv refused it for our clock, Polyv's time is
    /// known then, and it is sent again.
    pub(super) async fn read<T>(
        &self,
        request: impl AsyncFn(&Client, Permit) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let once = async || request(&self.client, self.limiter.acquire().await).await;
        match once().await {
            Err(Error::ClockSkew(_)) => once().await,
            other => other,
        }
    }
}

/// The account to act as: the one that is named, else the one that lists the channel, else
/// the only one.
fn select_account<'a>(
    config: &'a Config,
    channel_id: &str,
    wanted: Option<&str>,
) -> Result<&'a Account, CommandError> {
    let mut accounts = config.accounts.iter();
    let account = match (wanted, config.account_of(channel_id)) {
        (Some(name), _) => accounts.find(|account| account.name == name),
        (None, Some(account)) => Some(account),
        (None, None) => accounts.next().filter(|_| config.accounts.len() == 1),
    };
    account.ok_or_else(|| {
        let names: Vec<_> = config.accounts.iter().map(|a| a.name.as_str()).collect();
        let names = names.join(", ");
        CommandError::Usage(match wanted {
            Some(name) => {
                format!("there is no account `{name}`; the configuration has: {names}")
            }
            None => format!(
                "no account of the configuration lists channel {channel_id}: say with --account \
                 which one to act as ({names})"
            ),
        })
    })
}
