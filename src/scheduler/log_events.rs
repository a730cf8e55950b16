//! What the log says about polling: every fault once when it begins and once when it ends.

use std::time::Duration;

use tracing::{debug, error, info, trace, warn};

use super::account_poller::AccountPoller;
use super::circuit_breaker::{OpenReason, Outage};
use super::failure_class::FailureClass;
use super::global_backoff::BackoffTransition;
use super::in_flight::InFlightRequest;
use super::live_call::LiveCall;
use super::poll_target::{LoggedFailure, PollTarget};
use super::request::{ChannelBatch, RequestKind};
use crate::state::{ChannelKey, DiscardCounts, LiveState, SourceChoice, StateTransition};
use polyv_client::clock::MonotonicInstant;
use polyv_client::{ClockSkew, Error, Outcome};

/// Consecutive failures of one channel before they are logged, while others succeed.
const LOG_TRANSIENT_AFTER: u64 = 2;

/// Formats the time since `since`, in whole seconds.
fn elapsed(since: MonotonicInstant, now: MonotonicInstant) -> String {
    crate::config::format_duration(Duration::from_secs(now.since(since).as_secs()))
}

/// Logs that all calls stopped, or flow again.
pub(super) fn global_backoff(
    transition: Option<BackoffTransition>,
    error: Option<&Error>,
    now: MonotonicInstant,
) {
    match transition {
        Some(BackoffTransition::Paused(pause)) => warn!(
            reason = %pause.reason,
            error = error.map(tracing::field::display),
            pause = crate::config::format_duration(pause.delay),
            "Polyv throttles or blocks the exporter: all calls are paused"
        ),
        Some(BackoffTransition::Resumed(pause)) => info!(
            reason = %pause.reason,
            lasted = elapsed(pause.since, now),
            probes_failed = pause.failed_probes,
            "Polyv accepts calls again: the rate rises to normal over 30s"
        ),
        None => {}
    }
}

/// Logs an outage of an account that lasted until its first probe.
pub(super) fn breaker_opened(account: &AccountPoller, now: MonotonicInstant) {
    if let Some(outage) = account.breaker.outage() {
        warn!(
            account = %account.name,
            since = elapsed(outage.since, now),
            failed_calls = outage.failures,
            error = account.last_error.as_ref().map(tracing::field::display),
            "no channel of this account can be polled: probing with one call at a time"
        );
    }
}

/// Logs that an account's signature was refused.
pub(super) fn auth_refused(account: &AccountPoller, error: &Error) {
    error!(
        account = %account.name, %error,
        "Polyv refuses the signature of this account: check its app_id and its secret, and that \
         this host may use the live API"
    );
}

/// Logs the end of an account's outage.
pub(super) fn breaker_closed(
    account: &AccountPoller,
    outage: &Outage,
    outcome: Outcome,
    now: MonotonicInstant,
) {
    if !account.outage_logged {
        debug!(account = %account.name, "a fault ended before its first probe");
        return;
    }
    let message = match outage.reason {
        OpenReason::Fault => "the channels of this account can be polled again",
        OpenReason::AuthRefused => "the signature of this account is accepted again",
    };
    info!(
        account = %account.name,
        lasted = elapsed(outage.since, now),
        failed_calls = outage.failures,
        %outcome,
        "{message}"
    );
}

/// Logs that the host's clock was set.
pub(super) fn clock_stepped(millis: i64) {
    #[allow(clippy::cast_precision_loss)] // for display
    let seconds = millis as f64 / 1000.0;
    info!(
        seconds,
        "the clock of this host was set; time stamps follow it"
    );
}

/// Logs that the host's clock differs from Polyv's, or does not any more.
pub(super) fn clock_skew(skew: Option<ClockSkew>, logged: &mut bool) {
    let Some(skew) = skew else {
        return;
    };
    let skew_seconds = skew.seconds.round();
    match (skew.is_significant(), *logged) {
        (true, false) if skew.date_is_wrong => warn!(
            skew_seconds,
            "the Date of Polyv's responses is wrong, perhaps because of a proxy; calls are signed \
             with a time that Polyv accepts"
        ),
        (true, false) => warn!(
            skew_seconds,
            "the clock of this host differs from Polyv's; calls are signed with Polyv's time"
        ),
        (false, true) => info!(skew_seconds, "the clock of this host is right again"),
        _ => {}
    }
    *logged = skew.is_significant();
}

/// Logs the result of a poll of stream information.
pub(super) fn poll(
    account: &str,
    target: &mut PollTarget,
    (class, error): (FailureClass, Option<&Error>),
    quiet: bool,
    in_flight: &InFlightRequest,
    now: MonotonicInstant,
) {
    let outcome = error.map_or(Outcome::Ok, Error::outcome);
    trace!(
        account, channel = %target.channel.id, %outcome,
        took_ms = now.since(in_flight.started).as_millis(),
        probe = in_flight.kind != RequestKind::Regular,
        "polled"
    );
    let log_after = match class {
        FailureClass::Success => {
            recovered(account, target, "the channel responds again", now);
            return;
        }
        FailureClass::SharedFault => return,
        FailureClass::ChannelFault => 1,
        FailureClass::Transient => LOG_TRANSIENT_AFTER,
    };
    let Some(error) = error else {
        return;
    };
    let failure = target.failure.get_or_insert_with(|| {
        Box::new(LoggedFailure {
            since: in_flight.started,
            failures: 0,
            logged: false,
        })
    });
    failure.failures += 1;
    if failure.failures >= log_after && !failure.logged && !quiet {
        failure.logged = true;
        warn!(
            account, channel = %target.channel.id, name = %target.channel.name, %outcome, %error,
            "the channel cannot be polled; retrying less and less often, at least every 5 minutes"
        );
    } else {
        debug!(account, channel = %target.channel.id, %outcome, %error, "a poll failed");
    }
}

/// Logs that the failures of a channel's stream information ended.
pub(super) fn recovered(
    account: &str,
    target: &mut PollTarget,
    message: &str,
    now: MonotonicInstant,
) {
    if let Some(failure) = target.failure.take()
        && failure.logged
    {
        info!(
            account, channel = %target.channel.id, name = %target.channel.name,
            lasted = elapsed(failure.since, now),
            failures = failure.failures,
            "{message}"
        );
    }
}

/// Logs ignored values, once per channel: the counters show the rest.
pub(super) fn values_ignored(account: &str, target: &mut PollTarget, discarded: &DiscardCounts) {
    if discarded.is_empty() {
        return;
    }
    let samples: u64 = discarded.counts().map(|(_, count)| count).sum();
    let fields = discarded.invalid_fields;
    let example = discarded.example.as_deref().unwrap_or("");
    if std::mem::replace(&mut target.discard_logged, true) {
        debug!(
            account, channel = %target.channel.id, samples, fields, example,
            "ignored invalid values in a response"
        );
    } else {
        warn!(
            account, channel = %target.channel.id, name = %target.channel.name, samples, fields, example,
            "ignored invalid values in a response; more of this channel are counted, and logged \
             at debug"
        );
    }
}

/// Logs that a channel became live, not live or unknown.
pub(super) fn state_changed(account: &str, target: &PollTarget, transition: &StateTransition) {
    let (channel, name) = (&*target.channel.id, &*target.channel.name);
    let (from, to) = (transition.from.as_str(), transition.to.as_str());
    if transition.from == LiveState::Unknown || transition.to == LiveState::Unknown {
        debug!(
            account,
            channel, name, from, to, "the channel's state changed"
        );
    } else {
        info!(
            account,
            channel, name, from, to, "the channel's state changed"
        );
    }
}

/// Logs that a channel's samples come from another source.
pub(super) fn source_changed(account: &str, target: &PollTarget, choice: SourceChoice) {
    let before = target.sources;
    if (before.source, before.reason) != (choice.source, choice.reason) {
        debug!(
            account, channel = %target.channel.id, name = %target.channel.name,
            source = choice.source.as_str(), reason = choice.reason.as_str(),
            "the source of the channel's samples"
        );
    }
}

/// Logs a failed call about live channels.
pub(super) fn live_call_failed(account: &str, call: LiveCall, batch: &ChannelBatch, error: &Error) {
    let (endpoint, channels) = (call.endpoint().as_str(), batch.channels.len());
    debug!(account, endpoint, channels, %error, "a call about live channels failed");
}

/// Logs that a call about live channels is not offered, or does not work.
pub(super) fn live_call_unavailable(account: &str, call: LiveCall, error: &Error) {
    let endpoint = call.endpoint().as_str();
    info!(
        account, endpoint, %error,
        "Polyv does not offer this call for the account, or it fails: it is tried from time to \
         time, and everything else goes on without it"
    );
}

/// Logs that a call about live channels works again.
pub(super) fn live_call_available(account: &str, call: LiveCall) {
    let endpoint = call.endpoint().as_str();
    info!(account, endpoint, "Polyv offers this call again");
}

/// Logs that channels cannot be polled in batches.
pub(super) fn batch_unavailable(account: &AccountPoller, error: &Error) {
    warn!(
        account = %account.name, channels = account.queue.len(), %error,
        "batch status is unavailable: channels are polled individually, and some are tried in a \
         batch from time to time"
    );
}

/// Logs that channels can be polled in batches again.
pub(super) fn batch_available(account: &AccountPoller) {
    let channels = account.queue.len();
    info!(account = %account.name, channels, "batch status is available again");
}

/// Logs a batch without statuses.
pub(super) fn batch_failed(account: &AccountPoller, batch: &ChannelBatch, error: &Error) {
    let channels = batch.channels.len();
    debug!(account = %account.name, channels, %error, "a batch status call failed");
}

/// Logs that a channel is excluded from batches, once per account: a metric shows how many are.
pub(super) fn batch_exclusion(account: &mut AccountPoller, key: ChannelKey) {
    let Some(target) = account.queue.get(key) else {
        return;
    };
    let (name, id) = (&account.name, &target.channel.id);
    if std::mem::replace(&mut account.exclusion_logged, true) {
        debug!(account = %name, channel = %id, "batch status does not work for this channel");
    } else {
        warn!(
            account = %name, channel = %id,
            "batch status does not work for this channel (a seminar channel, or a missing one): it \
             is polled individually, and tried in a batch again later; more of this \
             account are counted, and logged at debug"
        );
    }
}

/// Logs that an account's channels could not be listed.
pub(super) fn discovery_failed(account: &str, error: &Error, is_first: bool) {
    if is_first {
        warn!(
            account, %error,
            "cannot list the channels of this account: polling those of the last complete list"
        );
    } else {
        debug!(account, %error, "still cannot list the channels of this account");
    }
}

/// Logs that Polyv's plan of an account's broadcasts could not be read.
pub(super) fn plan_failed(account: &str, error: &Error, is_first: bool) {
    if is_first {
        warn!(
            account, %error,
            "cannot read the planned broadcasts of this account: the last plan stays in force"
        );
    } else {
        debug!(account, %error, "still cannot read the planned broadcasts of this account");
    }
}

/// Logs that Polyv's plan of an account's broadcasts was read after failures.
pub(super) fn plan_read_again(account: &str, failures: u32) {
    info!(
        account,
        failures, "the planned broadcasts of this account are read again"
    );
}

/// Logs that a list of an account's channels ended too early.
pub(super) fn discovery_incomplete(account: &str, listed: u64, total: u64, is_first: bool) {
    if is_first {
        warn!(
            account,
            listed,
            total,
            "the list of this account's channels is incomplete: no channel is removed"
        );
    } else {
        debug!(
            account,
            listed, total, "the list of this account's channels is still incomplete"
        );
    }
}

/// Logs a complete list of an account's channels.
pub(super) fn discovery_complete(account: &AccountPoller, failures: u32) {
    let channels = account.discovered.len();
    if failures > 0 {
        info!(
            account = %account.name, channels, failures,
            "the channels of this account can be listed again"
        );
    } else {
        debug!(account = %account.name, channels, "listed the channels of this account");
    }
}

/// Logs once that an account has more channels than are polled.
pub(super) fn too_many_discovered(account: &mut AccountPoller, max: usize) {
    if let Some(discovery) = &mut account.discovery
        && !std::mem::replace(&mut discovery.too_many_logged, true)
    {
        warn!(
            account = %account.name, max,
            "this account has more channels than are polled; narrow its discover"
        );
    }
}
