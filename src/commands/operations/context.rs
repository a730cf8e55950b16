//! Running one operation: permits, interruption, report.

use tokio_util::sync::CancellationToken;

use super::report::{OperationError, OperationReport};
use crate::cli::OperationArgs;
use crate::commands::api_session::{ApiSession, with_session};
use crate::commands::error::CommandError;
use crate::commands::signals;
use polyv_client::{Client, Effect, Error, Permit, WriteRequest};

/// What one operation works with.
pub(super) struct OperationContext<'a> {
    pub(super) channel_id: &'a str,
    session: ApiSession<'a>,
    interrupted: CancellationToken,
}

/// Runs an operation: loads the configuration, lets `work` do it, and shows the report.
pub(super) fn operate(
    arguments: &OperationArgs,
    work: impl AsyncFnOnce(OperationContext<'_>) -> OperationReport,
) -> Result<(), CommandError> {
    let report = with_session(&arguments.account, &arguments.channel, async |session| {
        let interrupted = signals::stop_on_signal()?;
        let account = session.account.name.clone();
        let context = OperationContext {
            channel_id: session.channel_id,
            session,
            interrupted,
        };
        let report = work(context).await.with("account", &account);
        Ok(report.with("channel_id", &arguments.channel))
    })?;
    report.show(arguments.account.output)
}

impl OperationContext<'_> {
    /// Reads something. Nothing is changed by that, whatever happens.
    pub(super) async fn read<T>(
        &self,
        request: impl AsyncFn(&Client, Permit) -> Result<T, Error>,
    ) -> Result<T, OperationError> {
        tokio::select! {
            () = self.interrupted.cancelled() => Err(OperationError::interrupted(Effect::None)),
            response = self.session.read(request) => {
                response.map_err(|error| OperationError::new(&error, Effect::None))
            }
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

    /// The report on a dry run, with the requests that would be sent.
    pub(super) fn dry_run<T>(&self, requests: &[WriteRequest<T>]) -> OperationReport {
        let preview = |request| self.session.client.preview(request);
        OperationReport::dry_run(&requests.iter().map(preview).collect::<Vec<_>>())
    }
}
