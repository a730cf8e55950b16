//! What the log tells of polling: every trouble once when it begins and once when it ends.

use tracing::{debug, error, info, trace, warn};

use super::account_poller::AccountPoller;
use super::batch_status;
use super::circuit_breaker::{OpenReason, Outage};
use super::global_backoff::{self, RequestKind};
use super::in_flight::InFlightRequest;
use super::poll_target::{LoggedFailure, PollTarget};
use super::request::StatusBatch;
use super::response::{FailureClass, format_elapsed};
use super::tempo;
use crate::state::{ChannelKey, StateTransition};
use crate::state::{DiscardCounts, LiveState};
use polyv_client::clock::MonotonicInstant;
use polyv_client::{Error, Outcome};

/// A host whose clock is further off than this should be looked at; beyond 3 minutes Polyv
/// refuses its signatures.
const CLOCK_SKEW_LIMIT_SECONDS: f64 = 30.0;

/// A failure that others do not share may be chance; one that comes twice is told.
const LOG_TRANSIENT_AFTER: u64 = 2;

/// The brake was put on or let go.
pub(super) fn global_backoff(
    change: Option<global_backoff::BackoffTransition>,
    now: MonotonicInstant,
) {
    match change {
        Some(global_backoff::BackoffTransition::Paused(pause)) => warn!(
            reason = %pause.reason,
            pause = crate::config::format_duration(pause.delay()),
            "Polyv throttles or blocks us: all calls are held back"
        ),
        Some(global_backoff::BackoffTransition::Resumed(pause)) => info!(
            reason = %pause.reason,
            lasted = format_elapsed(pause.since, now),
            probes_failed = pause.probes,
            "Polyv lets us ask again: calls speed up over half a minute"
        ),
        None => {}
    }
}

/// An account's fault has lasted until its first probe.
pub(super) fn breaker_opened(account: &AccountPoller, now: MonotonicInstant) {
    if let Some(outage) = account.breaker.outage() {
        warn!(
            account = %account.name,
            since = format_elapsed(outage.since, now),
            failed_calls = outage.failures,
            "no channel of this account can be asked: trying one call at a time"
        );
    }
}

/// An account's signature was refused.
pub(super) fn auth_refused(account: &AccountPoller, why: Option<&Error>) {
    if let Some(why) = why {
        error!(
            account = %account.name, error = %why,
            "this account cannot sign: check its app_id and its secret, and that the host may \
             use the live API"
        );
    }
}

/// An account can be asked again.
pub(super) fn breaker_closed(
    account: &AccountPoller,
    outage: &Outage,
    outcome: Outcome,
    now: MonotonicInstant,
) {
    if !account.outage_logged {
        debug!(account = %account.name, "a fault was over before it was tried again");
        return;
    }
    let what = match outage.reason {
        OpenReason::Fault => "the channels of this account can be asked again",
        OpenReason::Refused => "the signature of this account is accepted again",
    };
    info!(
        account = %account.name,
        lasted = format_elapsed(outage.since, now),
        failed_calls = outage.failures,
        %outcome,
        "{what}"
    );
}

/// An account was slowed down, or is at full speed again.
pub(super) fn throttled(account: &str, change: Option<tempo::Change>, now: MonotonicInstant) {
    match change {
        Some(tempo::Change::Slowed { share }) => warn!(
            account,
            failed_percent = (share * 100.0).round(),
            "many calls fail: asking at half the rate"
        ),
        Some(tempo::Change::Recovered { began }) => info!(
            account,
            lasted = format_elapsed(began, now),
            "asking at the full rate again"
        ),
        None => {}
    }
}

/// The host's clock was set.
pub(super) fn clock_stepped(millis: i64) {
    #[allow(clippy::cast_precision_loss)]
    let seconds = millis as f64 / 1000.0;
    info!(
        seconds,
        "the clock of this host was set; time stamps follow it"
    );
}

/// The host's clock is off, or is not any more.
pub(super) fn clock_skew(skew: Option<f64>, is_off: &mut bool) {
    let Some(skew) = skew else {
        return;
    };
    let off = skew.abs() > CLOCK_SKEW_LIMIT_SECONDS;
    if off && !*is_off {
        warn!(
            skew_seconds = skew.round(),
            "the clock of this host is not that of Polyv; calls are signed with the time of Polyv all the same"
        );
    } else if *is_off && !off {
        info!(
            skew_seconds = skew.round(),
            "the clock of this host is right again"
        );
    }
    *is_off = off;
}

/// A channel was polled.
pub(super) fn poll(
    account: &str,
    channel: &mut PollTarget,
    class: FailureClass,
    error: Option<&Error>,
    quiet: bool,
    in_flight: &InFlightRequest,
    now: MonotonicInstant,
) {
    let id = &*channel.id;
    let outcome = error.map_or(Outcome::Ok, Error::outcome);
    trace!(
        account, channel = id, %outcome,
        took_ms = now.since(in_flight.started).as_millis(),
        probe = in_flight.kind != RequestKind::Regular,
        "polled"
    );
    let log_after = match class {
        FailureClass::Success => {
            if let Some(failure) = channel.failure.take()
                && failure.logged
            {
                info!(
                    account, channel = id, name = %channel.name,
                    lasted = format_elapsed(failure.since, now),
                    failures = failure.failures,
                    "the channel answers again"
                );
            }
            return;
        }
        FailureClass::SharedFault => return,
        FailureClass::ChannelFault => 1,
        FailureClass::Transient => LOG_TRANSIENT_AFTER,
    };
    let Some(error) = error else {
        return;
    };
    let begin = || LoggedFailure {
        since: in_flight.started,
        failures: 0,
        logged: false,
    };
    let failure = channel.failure.get_or_insert_with(|| Box::new(begin()));
    failure.failures += 1;
    if failure.failures >= log_after && !failure.logged && !quiet {
        failure.logged = true;
        warn!(
            account, channel = id, name = %channel.name, %outcome, %error,
            "the channel cannot be asked; trying ever less often, up to 5 minutes"
        );
    } else {
        debug!(account, channel = id, %outcome, %error, "a poll brought no answer");
    }
}

/// Samples could not be used.
pub(super) fn values_ignored(account: &str, channel: &mut PollTarget, discarded: &DiscardCounts) {
    if discarded.is_empty() {
        return;
    }
    let samples: u64 = discarded.counts().map(|(_, count)| count).sum();
    let fields = discarded.invalid_fields;
    let example = discarded.example.as_deref().unwrap_or("");
    let id = &*channel.id;
    // Once a channel: the counters tell the rest.
    if channel.discard_logged {
        debug!(
            account,
            channel = id,
            samples,
            fields,
            example,
            "parts of an answer make no sense"
        );
    } else {
        channel.discard_logged = true;
        warn!(
            account, channel = id, name = %channel.name, samples, fields, example,
            "parts of an answer make no sense and are left out; more of this channel are \
             counted, and logged at debug"
        );
    }
}

/// A channel turned live, not live or unknown.
pub(super) fn state_changed(account: &str, channel: &PollTarget, turned: &StateTransition) {
    let id = &*channel.id;
    let name = &*channel.name;
    let (from, to) = (turned.from.as_str(), turned.to.as_str());
    match turned.to {
        LiveState::Live | LiveState::NotLive if turned.from != LiveState::Unknown => {
            info!(account, channel = id, name, from, to, "the channel turned");
        }
        _ => debug!(account, channel = id, name, from, to, "the channel turned"),
    }
}

/// Whether an account's channels can be asked for their status in bulk has changed.
pub(super) fn batch_status(
    account: &AccountPoller,
    change: batch_status::BatchTransition,
    why: Option<&Error>,
) {
    match (change, why) {
        (batch_status::BatchTransition::BecameUnavailable, Some(why)) => warn!(
            account = %account.name,
            channels = account.queue.len(),
            error = %why,
            "Polyv does not tell the status of channels in batch_status: each is asked by itself, and \
             some are tried in bulk again every 10 minutes"
        ),
        (batch_status::BatchTransition::BecameAvailable, _) => info!(
            account = %account.name,
            channels = account.queue.len(),
            "Polyv tells the status of channels in bulk again"
        ),
        _ => {}
    }
}

/// The status of channels was asked in vain.
pub(super) fn batch_failed(account: &AccountPoller, batch: &StatusBatch, error: &Error) {
    debug!(
        account = %account.name,
        channels = batch.channels.len(),
        %error,
        "the status of channels was not told"
    );
}

/// Polyv does not tell the status of one channel.
pub(super) fn batch_exclusion(account: &mut AccountPoller, key: ChannelKey) {
    let Some(target) = account.queue.get(key) else {
        return;
    };
    let (name, id) = (&account.name, &target.id);
    // Once an account: the metric tells how many there are.
    if std::mem::replace(&mut account.exclusion_logged, true) {
        debug!(account = %name, channel = %id, "Polyv does not tell the status of this channel");
    } else {
        warn!(
            account = %name, channel = %id,
            "Polyv does not tell the status of this channel (a seminar channel, or not there): it \
             is asked by itself, and tried again after an hour; more of this account are counted, \
             and logged at debug"
        );
    }
}

/// A channel's status was told, which ends what trouble there was with its stream.
pub(super) fn status_recovered(account: &str, channel: &mut PollTarget, now: MonotonicInstant) {
    if let Some(failure) = channel.failure.take()
        && failure.logged
    {
        info!(
            account, channel = %channel.id, name = %channel.name,
            lasted = format_elapsed(failure.since, now),
            failures = failure.failures,
            "the channel answers again: it is not live"
        );
    }
}

/// An account's channels could not be listed.
pub(super) fn discovery_failed(account: &str, error: &Error, first: bool) {
    if first {
        warn!(
            account, %error,
            "the channels of this account cannot be listed: those of the last listing are watched"
        );
    } else {
        debug!(account, %error, "the channels of this account still cannot be listed");
    }
}

/// An account's channels were listed completely.
pub(super) fn discovery_complete(account: &AccountPoller, failures: u32) {
    let channels = account.discovered.len();
    if failures > 0 {
        info!(
            account = %account.name, channels, failures,
            "the channels of this account can be listed again"
        );
    } else {
        debug!(account = %account.name, channels, "listed");
    }
}

/// An account has more channels than are target.
pub(super) fn too_many_discovered(account: &mut AccountPoller, most: usize) {
    let Some(discovery) = &mut account.discovery else {
        return;
    };
    if !std::mem::replace(&mut discovery.too_many_logged, true) {
        warn!(
            account = %account.name, most,
            "this account has more channels than are target; narrow its discover"
        );
    }
}
