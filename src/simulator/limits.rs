//! How much Polyv lets one client ask.
//!
//! Public docs: "in 10 s not more than 1,500 requests" for the whole domain and a single IP;
//! access beyond it is blocked for 5 minutes. What a blocked client sees, whether a request
//! during the block counts, and whether it makes the block longer is undocumented. Readings:
//! the block comes in one of three forms, requests during it count for nothing, and after it
//! the count begins anew.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use polyv_client::clock::MonotonicInstant;

/// Clients remembered before those that have been quiet are forgotten.
const MANY_CLIENTS: usize = 1_024;

/// The limits in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) hard: Option<HardLimit>,
    pub(super) soft: Option<Rate>,
}

/// So many requests in any window that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) requests: usize,
    pub(super) per: Duration,
}

/// The limit for a client's IP address, and what happens beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HardLimit {
    pub(super) rate: Rate,
    pub(super) block_for: Duration,
    pub(super) form: BlockForm,
}

/// What a blocked client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockForm {
    /// Connections are torn down.
    Reset,
    /// Nothing is ever answered.
    Timeout,
    /// An HTTP status without envelope.
    Status(BlockStatus),
}

/// The statuses that a firewall is known to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockStatus {
    Forbidden,
    MethodNotAllowed,
    TooManyRequests,
}

/// The requests of the last window, and the question whether one more fits.
#[derive(Debug, Clone, Default)]
struct Window(VecDeque<MonotonicInstant>);

/// Counts requests and remembers who is blocked.
#[derive(Debug, Default)]
pub(super) struct Gate {
    clients: HashMap<IpAddr, Client>,
    accounts: HashMap<String, Window>,
}

#[derive(Debug, Default)]
struct Client {
    window: Window,
    blocked_until: Option<MonotonicInstant>,
}

/// What the gate says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    /// `begins`: this very request brought the block about.
    Blocked {
        form: BlockForm,
        begins: bool,
    },
}

// === impl Limits ===

impl Default for Limits {
    /// What Polyv documents.
    fn default() -> Self {
        Self {
            hard: Some(HardLimit::default()),
            soft: None,
        }
    }
}

impl Default for HardLimit {
    fn default() -> Self {
        Self {
            rate: Rate {
                requests: 1_500,
                per: Duration::from_secs(10),
            },
            block_for: Duration::from_secs(300),
            form: BlockForm::Reset,
        }
    }
}

// === impl BlockStatus ===

impl BlockStatus {
    pub(super) fn code_and_reason(self) -> (u16, &'static str) {
        match self {
            Self::Forbidden => (403, "Forbidden"),
            Self::MethodNotAllowed => (405, "Not Allowed"),
            Self::TooManyRequests => (429, "Too Many Requests"),
        }
    }
}

// === impl Window ===

impl Window {
    /// Counts a request if it fits; an instant exactly `per` ago is no longer in the window.
    fn admit(&mut self, now: MonotonicInstant, rate: Rate) -> bool {
        self.forget_before(now, rate.per);
        if self.0.len() >= rate.requests {
            return false;
        }
        self.0.push_back(now);
        true
    }

    fn forget_before(&mut self, now: MonotonicInstant, per: Duration) {
        while self.0.front().is_some_and(|sent| now.since(*sent) >= per) {
            self.0.pop_front();
        }
    }
}

// === impl Gate ===

impl Gate {
    /// Counts a request of a client against the hard limit.
    pub(super) fn admit(
        &mut self,
        client: IpAddr,
        now: MonotonicInstant,
        limit: HardLimit,
    ) -> Verdict {
        self.forget_the_quiet(now, limit.rate.per);
        let client = self.clients.entry(client.to_canonical()).or_default();
        if client.blocked_until.is_some_and(|until| now < until) {
            return Verdict::Blocked {
                form: limit.form,
                begins: false,
            };
        }
        client.blocked_until = None;
        if client.window.admit(now, limit.rate) {
            return Verdict::Admitted;
        }
        client.window.0.clear();
        client.blocked_until = Some(now + limit.block_for);
        Verdict::Blocked {
            form: limit.form,
            begins: true,
        }
    }

    /// Counts a request of an account against the soft limit; a refused one does not count.
    pub(super) fn admit_softly(&mut self, app_id: &str, now: MonotonicInstant, rate: Rate) -> bool {
        // Whoever sends rubbish app ids shares one count, so that they do not fill memory.
        let known = self.accounts.contains_key(app_id) || self.accounts.len() < MANY_CLIENTS;
        let key = if known { app_id } else { "" };
        let window = self.accounts.entry(key.to_owned()).or_default();
        window.admit(now, rate)
    }

    /// Ends all blocks and forgets all counts.
    pub(super) fn reset(&mut self) {
        self.clients.clear();
        self.accounts.clear();
    }

    fn forget_the_quiet(&mut self, now: MonotonicInstant, per: Duration) {
        if self.clients.len() < MANY_CLIENTS {
            return;
        }
        self.clients.retain(|_, client| {
            client.window.forget_before(now, per);
            !client.window.0.is_empty() || client.blocked_until.is_some_and(|until| now < until)
        });
    }
}

#[cfg(test)]
mod tests;
