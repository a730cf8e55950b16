//! Polyv's request limits.
//!
//! Public docs: at most 1,500 requests in 10 s for the whole domain and a single IP address;
//! access beyond that is blocked for 5 minutes. Undocumented: the response during a block, whether
//! a request during the block counts, and whether it extends the block. Readings: the block has
//! one of several forms, requests during it do not count, and the count restarts after it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::fields::{HumanDuration, MinDuration, PositiveDuration, Text};
use super::response::{ConnectionAction, HttpResponse};

/// Clients tracked before those without recent requests are dropped.
const MAX_TRACKED_CLIENTS: usize = 1_024;

/// The limits in force: the keys of `limits:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// `limits: none` stands for `limits: {preset: none}`: no limit for a client.
    preset: Preset,
    requests: usize,
    per: PositiveDuration,
    r#for: HumanDuration,
    /// The result of a call of a blocked client.
    pub(crate) r#as: BlockForm,
    /// The limit for an account.
    pub(crate) soft: Option<Rate>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Preset {
    #[default]
    #[serde(skip)]
    Custom,
    None,
}

/// At most `requests` in any window of length `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rate {
    pub(crate) requests: usize,
    pub(crate) per: PositiveDuration,
}

/// The result of a call of a blocked client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Text")]
pub(crate) enum BlockForm {
    /// The connection is reset.
    #[default]
    Reset,
    /// No response.
    Timeout,
    /// HTTP 403 without envelope.
    Forbidden,
    /// HTTP 405 without envelope.
    MethodNotAllowed,
    /// HTTP 429 without envelope.
    TooManyRequests,
}

/// The requests of the last window.
#[derive(Debug, Clone, Default)]
struct Window(VecDeque<Duration>);

/// Counts requests, and knows which clients are blocked. Time is the time since the simulation
/// started.
#[derive(Debug, Default)]
pub(crate) struct LimitTracker {
    clients: HashMap<IpAddr, Client>,
    accounts: HashMap<String, Window>,
}

#[derive(Debug, Default)]
struct Client {
    window: Window,
    blocked_until: Option<Duration>,
}

/// Whether a request is within the limit for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// This request started a block.
    BlockBegins,
    Blocked,
}

impl Default for Limits {
    /// The documented limit.
    fn default() -> Self {
        Self {
            preset: Preset::Custom,
            requests: 1_500,
            per: MinDuration(Duration::from_secs(10)),
            r#for: MinDuration(Duration::from_secs(300)),
            r#as: BlockForm::Reset,
            soft: None,
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            requests: 40,
            per: MinDuration(Duration::from_secs(1)),
        }
    }
}

impl BlockForm {
    /// The action on the connection of a blocked client.
    pub(crate) fn action(self) -> ConnectionAction {
        ConnectionAction::Respond(match self {
            Self::Reset => return ConnectionAction::Reset,
            Self::Timeout => return ConnectionAction::Hang,
            Self::Forbidden => HttpResponse::bare(403, "Forbidden"),
            Self::MethodNotAllowed => HttpResponse::bare(405, "Not Allowed"),
            Self::TooManyRequests => HttpResponse::bare(429, "Too Many Requests"),
        })
    }
}

impl TryFrom<Text> for BlockForm {
    type Error = String;

    fn try_from(Text(name): Text) -> Result<Self, String> {
        Ok(match name.as_str() {
            "reset" => Self::Reset,
            "timeout" => Self::Timeout,
            "403" => Self::Forbidden,
            "405" => Self::MethodNotAllowed,
            "429" => Self::TooManyRequests,
            _ => {
                return Err(format!(
                    "`{name}` is not one of reset, timeout, 403, 405, 429"
                ));
            }
        })
    }
}

impl Window {
    /// Counts a request if it fits; one exactly `per` ago is no longer in the window.
    fn admit(&mut self, now: Duration, rate: Rate) -> bool {
        self.drop_before(now, rate.per.0);
        if self.0.len() >= rate.requests {
            return false;
        }
        self.0.push_back(now);
        true
    }

    fn drop_before(&mut self, now: Duration, per: Duration) {
        while self
            .0
            .front()
            .is_some_and(|sent| now.saturating_sub(*sent) >= per)
        {
            self.0.pop_front();
        }
    }
}

impl LimitTracker {
    /// Counts a request of a client against the limit for its IP address.
    pub(crate) fn admit(&mut self, client: IpAddr, now: Duration, limits: &Limits) -> Admission {
        if limits.preset == Preset::None {
            return Admission::Admitted;
        }
        self.drop_inactive_clients(now, limits.per.0);
        let client = self.clients.entry(client.to_canonical()).or_default();
        if client.blocked_until.is_some_and(|until| now < until) {
            return Admission::Blocked;
        }
        client.blocked_until = None;
        let Limits { requests, per, .. } = *limits;
        if client.window.admit(now, Rate { requests, per }) {
            return Admission::Admitted;
        }
        client.window.0.clear();
        client.blocked_until = Some(now.saturating_add(limits.r#for.0));
        Admission::BlockBegins
    }

    /// Counts a request of an account against the soft limit; a refused one does not count.
    pub(crate) fn admits_account(&mut self, app_id: &str, now: Duration, rate: Rate) -> bool {
        // Unknown app ids beyond the maximum share one count, so that they do not fill memory.
        let known = self.accounts.contains_key(app_id) || self.accounts.len() < MAX_TRACKED_CLIENTS;
        let key = if known { app_id } else { "" };
        let window = self.accounts.entry(key.to_owned()).or_default();
        window.admit(now, rate)
    }

    /// Ends all blocks and resets all counts.
    pub(crate) fn reset(&mut self) {
        self.clients.clear();
        self.accounts.clear();
    }

    fn drop_inactive_clients(&mut self, now: Duration, per: Duration) {
        if self.clients.len() < MAX_TRACKED_CLIENTS {
            return;
        }
        self.clients.retain(|_, client| {
            client.window.drop_before(now, per);
            !client.window.0.is_empty() || client.blocked_until.is_some_and(|until| now < until)
        });
    }
}

#[cfg(test)]
mod tests;
