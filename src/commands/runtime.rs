//! The runtime of a command.

use anyhow::Context;
use tokio::runtime::Runtime;

use super::CommandError;

/// Runs `work` to its end. Nothing that still blocks then (a file on a network that is down, a name
/// that is being looked up, a password that is being checked) keeps the command from ending.
pub(super) fn block_on<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = Runtime::new().context("the runtime can't be started")?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
