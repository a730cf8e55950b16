//! Running one operation: configuration, permits, interruption, report.

use std::future::Future;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::report::{OperationError, OperationReport, OperationTarget};
use crate::cli::OperationArgs;
use crate::commands::api_session::{ApiSession, select_account};
use crate::commands::error::CommandError;
use crate::commands::{load_config, output, signals};
use crate::config::check_channel_id;
use crate::telemetry::init_tracing;
use polyv_client::{Client, Effect, Error, Permit, WriteRequest};

/// What one operation works with.
pub(super) struct OperationContext {
    pub(super) target: OperationTarget,
    session: ApiSession,
    interrupted: CancellationToken,
}

/// Runs an operation: loads the configuration, lets `work` do it, and prints the report.
pub(super) fn operate<W, F>(arguments: &OperationArgs, work: W) -> Result<(), CommandError>
where
    W: FnOnce(OperationContext) -> F,
    F: Future<Output = OperationReport>,
{
    init_tracing(arguments.log.level, arguments.log.format);
    check_channel_id(&arguments.channel).map_err(CommandError::Usage)?;
    let (_source, config) = load_config::load(&arguments.config)?;
    let account = select_account(&config, &arguments.channel, arguments.account.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let report = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        signals::stop_on_signal(&interrupted)?;
        let context = OperationContext {
            target: OperationTarget {
                account: account.name.clone(),
                channel_id: arguments.channel.clone(),
            },
            session: ApiSession::new(&config, account)?,
            interrupted,
        };
        Ok::<_, anyhow::Error>(work(context).await)
    });
    // A name that is still being looked up must not keep the person waiting.
    runtime.shutdown_background();
    let report = report?;
    output::show(&report.render(arguments.output)?)?;
    if report.is_success() {
        Ok(())
    } else {
        Err(CommandError::AlreadyReported)
    }
}

impl OperationContext {
    /// Reads something. Nothing is changed by that, whatever happens.
    pub(super) async fn read<T>(
        &self,
        request: impl AsyncFn(&Client, Permit) -> Result<T, Error>,
    ) -> Result<T, OperationError> {
        let requesting = async {
            let once = async || {
                let permit = self.session.limiter.acquire().await;
                request(&self.session.client, permit).await
            };
            match once().await {
                // Polyv's clock is known now.
                Err(Error::ClockSkew(_)) => once().await,
                other => other,
            }
        };
        tokio::select! {
            () = self.interrupted.cancelled() => Err(OperationError::interrupted(Effect::None)),
            response = requesting => response.map_err(|error| OperationError::new(&error, Effect::None)),
        }
    }

    /// Changes something, once.
    pub(super) async fn write<T>(&self, request: &WriteRequest<T>) -> Result<T, OperationError> {
        match self.attempt(request).await {
            // Refused for the time it was signed at, which is known now.
            Err(error) if error.is_clock_skew() => self.attempt(request).await,
            other => other,
        }
    }

    async fn attempt<T>(&self, request: &WriteRequest<T>) -> Result<T, OperationError> {
        let permit = tokio::select! {
            // After an interruption nothing new begins.
            biased;
            () = self.interrupted.cancelled() => return Err(OperationError::interrupted(Effect::None)),
            permit = self.session.limiter.acquire() => permit,
        };
        tokio::select! {
            // A response that has arrived counts, even after an interruption.
            biased;
            done = self.session.client.write(permit, request) => {
                done.map_err(|failed| OperationError::new(&failed.error, failed.effect))
            }
            () = self.interrupted.cancelled() => Err(OperationError::interrupted(Effect::Unknown)),
        }
    }

    /// The request that would be sent.
    pub(super) fn preview<T>(&self, request: &WriteRequest<T>) -> polyv_client::Preview {
        self.session.client.preview(request)
    }
}
