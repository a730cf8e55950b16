//! What the log tells of polling: every trouble once when it begins and once when it ends.

use tracing::{debug, error, info, trace, warn};

use super::account::Account;
use super::brake::{self, Role};
use super::bulk;
use super::errand::Batch;
use super::flight::Flight;
use super::gate::{Closure, Reason};
use super::landing::{Verdict, lasted};
use super::tempo;
use super::watched::{Trouble, Watched};
use crate::metrics::{ChannelKey, StateTransition};
use crate::state::{Discarded, State};
use polyv_client::clock::Moment;
use polyv_client::{Error, Outcome};

/// A host whose clock is further off than this should be looked at; beyond 3 minutes Polyv
/// refuses its signatures.
const CLOCK_IS_OFF: f64 = 30.0;

/// A failure that others do not share may be chance; one that comes twice is told.
const TOLD_AFTER: u64 = 2;

/// The brake was put on or let go.
pub(super) fn brake(change: Option<brake::Change>, now: Moment) {
    match change {
        Some(brake::Change::Paused(pause)) => warn!(
            reason = %pause.reason,
            pause = crate::config::format_duration(pause.delay()),
            "Polyv throttles or blocks us: all calls are held back"
        ),
        Some(brake::Change::Resumed(pause)) => info!(
            reason = %pause.reason,
            lasted = lasted(pause.since, now),
            probes_failed = pause.probes,
            "Polyv lets us ask again: calls speed up over half a minute"
        ),
        None => {}
    }
}

/// An account's fault has lasted until its first probe.
pub(super) fn closed(account: &Account, now: Moment) {
    if let Some(closure) = account.gate.closure() {
        warn!(
            account = %account.name,
            since = lasted(closure.since, now),
            failed_calls = closure.failures,
            "no channel of this account can be asked: trying one call at a time"
        );
    }
}

/// An account's signature was refused.
pub(super) fn refused(account: &Account, why: Option<&Error>) {
    if let Some(why) = why {
        error!(
            account = %account.name, error = %why,
            "this account cannot sign: check its app_id and its secret, and that the host may \
             use the live API"
        );
    }
}

/// An account can be asked again.
pub(super) fn opened(account: &Account, closure: &Closure, outcome: Outcome, now: Moment) {
    if !account.closure_told {
        debug!(account = %account.name, "a fault was over before it was tried again");
        return;
    }
    let what = match closure.reason {
        Reason::Fault => "the channels of this account can be asked again",
        Reason::Refused => "the signature of this account is accepted again",
    };
    info!(
        account = %account.name,
        lasted = lasted(closure.since, now),
        failed_calls = closure.failures,
        %outcome,
        "{what}"
    );
}

/// An account was slowed down, or is at full speed again.
pub(super) fn tempo(account: &str, change: Option<tempo::Change>, now: Moment) {
    match change {
        Some(tempo::Change::Slowed { share }) => warn!(
            account,
            failed_percent = (share * 100.0).round(),
            "many calls fail: asking at half the rate"
        ),
        Some(tempo::Change::Recovered { began }) => info!(
            account,
            lasted = lasted(began, now),
            "asking at the full rate again"
        ),
        None => {}
    }
}

/// The host's clock was set.
pub(super) fn clock_set(millis: i64) {
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
    let off = skew.abs() > CLOCK_IS_OFF;
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
    channel: &mut Watched,
    verdict: Verdict,
    error: Option<&Error>,
    quiet: bool,
    flight: &Flight,
    now: Moment,
) {
    let id = &*channel.id;
    let outcome = error.map_or(Outcome::Ok, Error::outcome);
    trace!(
        account, channel = id, %outcome,
        took_ms = now.since(flight.started).as_millis(),
        probe = flight.role != Role::Regular,
        "polled"
    );
    let told_after = match verdict {
        Verdict::Answered => {
            if let Some(trouble) = channel.trouble.take()
                && trouble.told
            {
                info!(
                    account, channel = id, name = %channel.name,
                    lasted = lasted(trouble.since, now),
                    failures = trouble.failures,
                    "the channel answers again"
                );
            }
            return;
        }
        Verdict::NotItsFault => return,
        Verdict::OwnFault => 1,
        Verdict::Transient => TOLD_AFTER,
    };
    let Some(error) = error else {
        return;
    };
    let begin = || Trouble {
        since: flight.started,
        failures: 0,
        told: false,
    };
    let trouble = channel.trouble.get_or_insert_with(|| Box::new(begin()));
    trouble.failures += 1;
    if trouble.failures >= told_after && !trouble.told && !quiet {
        trouble.told = true;
        warn!(
            account, channel = id, name = %channel.name, %outcome, %error,
            "the channel cannot be asked; trying ever less often, up to 5 minutes"
        );
    } else {
        debug!(account, channel = id, %outcome, %error, "a poll brought no answer");
    }
}

/// Samples could not be used.
pub(super) fn discarded(account: &str, channel: &mut Watched, discarded: &Discarded) {
    if discarded.is_empty() {
        return;
    }
    let samples: u64 = discarded.counts().map(|(_, count)| count).sum();
    let fields = discarded.spoiled_fields;
    let example = discarded.example.as_deref().unwrap_or("");
    let id = &*channel.id;
    // Once a channel: the counters tell the rest.
    if channel.told_discarded {
        debug!(
            account,
            channel = id,
            samples,
            fields,
            example,
            "parts of an answer make no sense"
        );
    } else {
        channel.told_discarded = true;
        warn!(
            account, channel = id, name = %channel.name, samples, fields, example,
            "parts of an answer make no sense and are left out; more of this channel are \
             counted, and logged at debug"
        );
    }
}

/// A channel turned live, not live or unknown.
pub(super) fn turned(account: &str, channel: &Watched, turned: &StateTransition) {
    let id = &*channel.id;
    let name = &*channel.name;
    let (from, to) = (turned.from.as_str(), turned.to.as_str());
    match turned.to {
        State::Live | State::NotLive if turned.from != State::Unknown => {
            info!(account, channel = id, name, from, to, "the channel turned");
        }
        _ => debug!(account, channel = id, name, from, to, "the channel turned"),
    }
}

/// Whether an account's channels can be asked for their status in bulk has changed.
pub(super) fn bulk(account: &Account, change: bulk::Change, why: Option<&Error>) {
    match (change, why) {
        (bulk::Change::Closed, Some(why)) => warn!(
            account = %account.name,
            channels = account.roster.len(),
            error = %why,
            "Polyv does not tell the status of channels in bulk: each is asked by itself, and \
             some are tried in bulk again every 10 minutes"
        ),
        (bulk::Change::Opened, _) => info!(
            account = %account.name,
            channels = account.roster.len(),
            "Polyv tells the status of channels in bulk again"
        ),
        _ => {}
    }
}

/// The status of channels was asked in vain.
pub(super) fn status_failed(account: &Account, batch: &Batch, error: &Error) {
    debug!(
        account = %account.name,
        channels = batch.channels.len(),
        %error,
        "the status of channels was not told"
    );
}

/// Polyv does not tell the status of one channel.
pub(super) fn alone(account: &mut Account, key: ChannelKey) {
    let Some(watched) = account.roster.get(key) else {
        return;
    };
    let (name, id) = (&account.name, &watched.id);
    // Once an account: the metric tells how many there are.
    if std::mem::replace(&mut account.alone_told, true) {
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
pub(super) fn status_answered(account: &str, channel: &mut Watched, now: Moment) {
    if let Some(trouble) = channel.trouble.take()
        && trouble.told
    {
        info!(
            account, channel = %channel.id, name = %channel.name,
            lasted = lasted(trouble.since, now),
            failures = trouble.failures,
            "the channel answers again: it is not live"
        );
    }
}

/// An account's channels could not be listed.
pub(super) fn listing_failed(account: &str, error: &Error, first: bool) {
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
pub(super) fn listed(account: &Account, failures: u32) {
    let channels = account.listed.len();
    if failures > 0 {
        info!(
            account = %account.name, channels, failures,
            "the channels of this account can be listed again"
        );
    } else {
        debug!(account = %account.name, channels, "listed");
    }
}

/// An account has more channels than are watched.
pub(super) fn too_many_listed(account: &mut Account, most: usize) {
    let Some(listing) = &mut account.listing else {
        return;
    };
    if !std::mem::replace(&mut listing.told_too_many, true) {
        warn!(
            account = %account.name, most,
            "this account has more channels than are watched; narrow its discover"
        );
    }
}
