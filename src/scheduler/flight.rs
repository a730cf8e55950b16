//! One call under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use super::brake::Role;
use super::errand::Errand;
use super::timeline::Planned;
use crate::config::SecretSource;
use polyv_client::clock::Moment;
use polyv_client::{
    ChannelPage, Client, Credentials, Error, LiveStatusOf, Outcome, PageOf, Permit, Range,
    StreamInfo,
};

/// A file that takes longer to read is not waited for.
const SECRET_READ: Duration = Duration::from_secs(5);

/// What is known of a call from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// The account's serial number.
    pub(super) account: u64,
    /// Which of the account's credentials it is signed with: results of calls with earlier
    /// ones say nothing about the present ones.
    pub(super) credentials: u64,
    pub(super) errand: Errand,
    pub(super) role: Role,
    pub(super) started: Moment,
    pub(super) planned: Planned,
}

/// A call that has ended.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) took: Duration,
    pub(super) result: Result<Answer, Error>,
}

/// What Polyv answered.
#[derive(Debug)]
pub(super) enum Answer {
    Stream(StreamInfo),
    Statuses(Vec<LiveStatusOf>),
    Page(ChannelPage),
}

/// What Polyv is asked, as the client takes it.
pub(super) enum Question {
    Stream(Arc<str>, Range),
    Statuses(Vec<Arc<str>>),
    Page(PageOf),
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
    question: Question,
) -> Landing {
    if let Some(renewal) = renewal
        && let Err(why) = renew_secret(&client, renewal).await
    {
        warn!(%why, "the secret cannot be read anew; trying with the old one");
    }
    let sent = Instant::now();
    let result = match question {
        Question::Stream(channel_id, range) => {
            let answer = client.stream_info(permit, &channel_id, range).await;
            answer.map(Answer::Stream)
        }
        Question::Statuses(channel_ids) => {
            let channel_ids: Vec<&str> = channel_ids.iter().map(AsRef::as_ref).collect();
            let answer = client.live_status(permit, &channel_ids).await;
            answer.map(Answer::Statuses)
        }
        Question::Page(page) => {
            let answer = client.channel_list(permit, page).await;
            answer.map(Answer::Page)
        }
    };
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
