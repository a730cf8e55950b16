//! One poll under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::brake::Role;
use super::timeline::Planned;
use crate::clock::Moment;
use crate::config::SecretSource;
use crate::exposition::ChannelKey;
use crate::polyv::{Client, Credentials, Error, Outcome, Permit, Range, StreamInfo};

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

/// Asks. Where the account's secret may have been replaced, it is read anew before.
pub(super) async fn fly(
    client: Arc<Client>,
    renew: Option<SecretSource>,
    permit: Permit,
    channel_id: Arc<str>,
    asked: Range,
) -> Landing {
    if let Some(source) = renew {
        renew_secret(&client, source).await;
    }
    let sent = Instant::now();
    let result = client.stream_info(permit, &channel_id, asked).await;
    Landing {
        took: sent.elapsed(),
        result,
    }
}

async fn renew_secret(client: &Client, source: SecretSource) {
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    match read {
        Ok(Ok(app_secret)) => {
            let present = client.credentials();
            if present.app_secret != app_secret {
                client.set_credentials(Credentials {
                    app_id: present.app_id.clone(),
                    app_secret,
                });
            }
        }
        Ok(Err(why)) => warn!(%why, "the secret cannot be read anew; trying with the old one"),
        Err(_cancelled) => {}
    }
}
