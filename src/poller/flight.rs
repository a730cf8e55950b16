//! One poll under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::brake::Role;
use super::timeline::Planned;
use crate::clock::Moment;
use crate::config::SecretSource;
use crate::exposition::ChannelKey;
use crate::polyv::{Client, Credentials, Error, Outcome, Permit, Range, StreamInfo};

/// A file that takes longer to read is not waited for.
const SECRET_READ: Duration = Duration::from_secs(5);

/// What is known of a poll from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// The account's serial number.
    pub(super) account: u64,
    /// Which of the account's credentials it is signed with: results of calls with earlier
    /// ones say nothing about the present ones.
    pub(super) credentials: u64,
    pub(super) channel: ChannelKey,
    pub(super) role: Role,
    pub(super) started: Moment,
    pub(super) planned: Planned,
    pub(super) asked: Range,
}

/// A poll that has ended.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) took: Duration,
    pub(super) result: Result<StreamInfo, Error>,
}

impl Landing {
    pub(super) fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Ok,
            Err(error) => error.outcome(),
        }
    }
}

/// A secret that may have been replaced, to be read anew.
pub(super) struct Renewal {
    pub(super) source: SecretSource,
    /// Held while it is read: a file that does not let itself be read is tried by one at a
    /// time.
    pub(super) reading: Arc<Mutex<()>>,
}

/// Asks. Where the account's secret may have been replaced, it is read anew before.
pub(super) async fn fly(
    client: Arc<Client>,
    renewal: Option<Renewal>,
    permit: Permit,
    channel_id: Arc<str>,
    asked: Range,
) -> Landing {
    if let Some(renewal) = renewal
        && let Err(why) = renew_secret(&client, renewal).await
    {
        warn!(%why, "the secret cannot be read anew; trying with the old one");
    }
    let sent = Instant::now();
    let result = client.stream_info(permit, &channel_id, asked).await;
    Landing {
        took: sent.elapsed(),
        result,
    }
}

async fn renew_secret(client: &Client, renewal: Renewal) -> Result<(), String> {
    let Renewal { source, reading } = renewal;
    let too_slow = || format!("reading it takes over {SECRET_READ:?}");
    let lock = reading.try_lock_owned().map_err(|_| too_slow())?;
    let read = tokio::task::spawn_blocking(move || {
        let read = source.read();
        drop(lock);
        read
    });
    // The file may be on a network that is down, and the poll holds up its account.
    let app_secret = tokio::time::timeout(SECRET_READ, read)
        .await
        .map_err(|_| too_slow())?
        .map_err(|failure| failure.to_string())??;
    let present = client.credentials();
    if present.app_secret != app_secret {
        client.set_credentials(Credentials {
            app_id: present.app_id.clone(),
            app_secret,
        });
    }
    Ok(())
}
