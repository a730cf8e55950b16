//! `session link`, `moderation set`, `chat send` and `chat moderation`: what a team does to a
//! channel when a broadcast is set up, or something goes wrong.
//!
//! A write is never repeated while it is unknown whether it took effect.

mod chat_moderation;
mod chat_send;
mod messages;
mod session;
mod verdict;
mod video_moderation;

pub(super) use chat_moderation::run as switch;
pub(super) use chat_send::run as send;
pub(super) use session::run as link;
pub(super) use video_moderation::run as moderate;

use std::future::Future;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::asking::{Asker, choose};
use super::{Failure, configuration, output, signals};
use crate::cli::OperationArgs;
use crate::config::check_channel_id;
use crate::telemetry::start_log;
use polyv_client::{Client, Effect, Error, Permit, WriteRequest};
use verdict::{Trouble, Verdict};

/// Somebody who does one operation.
struct Operator {
    account: String,
    channel_id: String,
    asker: Asker,
    interrupted: CancellationToken,
}

/// Does an operation: loads the configuration, lets `work` do it, and shows the verdict.
fn operate<W, F>(arguments: &OperationArgs, work: W) -> Result<(), Failure>
where
    W: FnOnce(Operator) -> F,
    F: Future<Output = Verdict>,
{
    start_log(arguments.log.level, arguments.log.format);
    check_channel_id(&arguments.channel).map_err(Failure::Usage)?;
    let (_source, config) = configuration::load(&arguments.config)?;
    let account = choose(&config, &arguments.channel, arguments.account.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let verdict = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        signals::stop_on_signal(&interrupted)?;
        let operator = Operator {
            account: account.name.clone(),
            channel_id: arguments.channel.clone(),
            asker: Asker::new(&config, account)?,
            interrupted,
        };
        Ok::<_, anyhow::Error>(work(operator).await)
    });
    // A name that is still being looked up must not keep the person waiting.
    runtime.shutdown_background();
    let verdict = verdict?;
    output::show(&verdict.shown(arguments.output)?)?;
    if verdict.is_success() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

impl Operator {
    /// Asks for something. Nothing is changed by that, whatever happens.
    async fn read<T>(
        &self,
        ask: impl AsyncFn(&Client, Permit) -> Result<T, Error>,
    ) -> Result<T, Trouble> {
        let asking = async {
            let once = async || {
                let permit = self.asker.limiter.acquire().await;
                ask(&self.asker.client, permit).await
            };
            match once().await {
                // Polyv's clock is known now.
                Err(Error::ClockSkew(_)) => once().await,
                other => other,
            }
        };
        tokio::select! {
            () = self.interrupted.cancelled() => Err(Trouble::interrupted(Effect::None)),
            answer = asking => answer.map_err(|error| Trouble::new(&error, Effect::None)),
        }
    }

    /// Changes something, once.
    async fn write<T>(&self, request: &WriteRequest<T>) -> Result<T, Trouble> {
        match self.attempt(request).await {
            // Refused for the time it was signed at, which is known now.
            Err(trouble) if trouble.is_clock_skew() => self.attempt(request).await,
            other => other,
        }
    }

    async fn attempt<T>(&self, request: &WriteRequest<T>) -> Result<T, Trouble> {
        let permit = tokio::select! {
            // Whoever wants to leave begins nothing new.
            biased;
            () = self.interrupted.cancelled() => return Err(Trouble::interrupted(Effect::None)),
            permit = self.asker.limiter.acquire() => permit,
        };
        tokio::select! {
            // An answer that is there counts, even where somebody wants to leave.
            biased;
            done = self.asker.client.write(permit, request) => {
                done.map_err(|failed| Trouble::new(&failed.error, failed.effect))
            }
            () = self.interrupted.cancelled() => Err(Trouble::interrupted(Effect::Unknown)),
        }
    }

    /// What would be sent.
    fn preview<T>(&self, request: &WriteRequest<T>) -> polyv_client::Preview {
        self.asker.client.preview(request)
    }
}
