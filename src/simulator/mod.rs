//! A Polyv that behaves as documented, for tests, rehearsals and demonstrations.
//!
//! It knows nothing of the exporter: it checks signatures, limits and parameters with code of
//! its own, answers with the documented bodies to the letter, and plays a [`Scenario`] in
//! which channels have lives and the API has troubles. `docs/simulator.md` is for its users.
//!
//! A call's way through it:
//!
//! ```text
//! server ─▶ request ─▶ gateway ─▶ limits ─▶ troubles ─▶ checks ─▶ operations ─▶ reaction
//!                         │                                           │
//!                      control                              timeline, samples, encode
//! ```
//!
//! - [`Simulator`]: the handle; [`Simulator::react`] is Polyv without a network,
//!   [`Simulator::serve`] the same on a socket
//! - `scenario`: reading scenario files; `world`: what there is while it runs
//! - `gateway`: a call's way; `limits`, `troubles`, `checks`, `signature`, `envelope`: its
//!   stations; `operations`: one file for each thing that Polyv knows; `delivery`: the way out
//! - `remembered`: what the operations that write have left behind on a channel
//! - `channel`, `life`, `phase`, `timeline`: what happens to a channel; `samples`, `encode`:
//!   what Polyv's monitoring tells of it
//! - `control`: changing all this while it runs; `received`: what clients did
//! - `time`, `chance`: Polyv's clock, and dice that fall the same way every time

mod chance;
mod channel;
mod checks;
mod control;
mod delivery;
mod encode;
mod envelope;
mod gateway;
mod life;
mod limits;
mod operations;
mod phase;
mod reaction;
mod received;
mod remembered;
mod request;
mod samples;
mod scenario;
mod server;
mod settings;
mod signature;
mod time;
mod timeline;
mod troubles;
mod world;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use channel::Channel;
pub use life::{Life, NothingLasts};
pub use phase::{FrozenBitrate, NotLive, Phase};
pub use reaction::{Answer, Delivery, Reaction};
pub use received::Received;
pub use remembered::{Message, Remembered, VideoModeration};
pub use request::Request;
pub use scenario::{Account, DEFAULT_SCENARIO, Scenario};
pub use troubles::Trouble;

use crate::yaml::{Faults, Node, Reader};
use polyv_client::clock::{Clock, Timestamp};
use world::World;

/// A simulated Polyv. Cheap to clone: all clones are the same one.
#[derive(Clone)]
pub struct Simulator {
    world: Arc<World>,
}

/// There is no channel with that id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no channel `{0}`")]
pub struct UnknownChannel(pub String);

// === impl Simulator ===

impl Simulator {
    /// Begins a simulation. Polyv's clock is set by `clock`'s wall time once, and runs by its
    /// monotonic time from then on.
    #[must_use]
    pub fn new(scenario: Scenario, clock: Clock) -> Self {
        Self {
            world: Arc::new(World::new(scenario, clock)),
        }
    }

    /// What Polyv does with a request at this instant: no I/O, no waiting.
    ///
    /// ```
    /// use polyv_client::clock::Clock;
    /// use polyv_exporter::simulator::{Request, Scenario, Simulator};
    ///
    /// let simulator = Simulator::new(Scenario::default(), Clock::default());
    /// let path = "/live/v3/channel/monitor/list-tencent-stream-info?channelId=1000001";
    /// let reaction = simulator.react(&Request::get(path));
    /// assert_eq!(
    ///     reaction.answer().unwrap().text(),
    ///     r#"{"code":400,"status":"error","message":"appId is required.","data":""}"#
    /// );
    /// ```
    #[must_use]
    pub fn react(&self, request: &Request) -> Reaction {
        let (mut reaction, polyv_now) = if control::is_control(&request.path) {
            let answer = control::answer(self, request);
            (Reaction::Answer(answer), self.polyv_now())
        } else {
            gateway::react(&self.world, request)
        };
        if let Reaction::Answer(answer) = &mut reaction {
            answer.headers.push(("date", time::http_date(polyv_now)));
        }
        reaction
    }

    /// Answers over HTTP until `shutdown`, then closes every connection and returns within a
    /// second, whatever hangs.
    ///
    /// # Errors
    /// Where the listener fails for good.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        server::serve(self, listener, shutdown).await
    }

    /// What the simulated Polyv's clock says.
    #[must_use]
    pub fn polyv_now(&self) -> Timestamp {
        let now = self.world.now().media;
        now.said_with_skew(self.world.state().skew_ms)
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.world.accounts
    }

    /// The calls received so far, oldest first: the last 200,000.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received_since(0)
    }

    /// The calls received from that [sequence number](Received::sequence) on.
    #[must_use]
    pub fn received_since(&self, sequence: u64) -> Vec<Received> {
        self.world.state().log.since(sequence).cloned().collect()
    }

    /// What the writing operations have left behind on a channel: switches, settings, linked
    /// ids, messages.
    ///
    /// # Errors
    /// Where there is no such channel.
    pub fn remembered(&self, channel_id: &str) -> Result<Remembered, UnknownChannel> {
        let state = self.world.state();
        let channel = state.channels.by_id.get(channel_id);
        let channel = channel.ok_or_else(|| UnknownChannel(channel_id.to_owned()))?;
        Ok(channel.remembered.clone())
    }

    /// Gives a channel another life from now on. Its past stays as it was.
    ///
    /// # Errors
    /// Where there is no such channel.
    pub fn set_life(&self, channel_id: &str, life: Life) -> Result<(), UnknownChannel> {
        let now = self.world.now().media;
        let mut state = self.world.state();
        let channel = state.channels.by_id.get_mut(channel_id);
        let channel = channel.ok_or_else(|| UnknownChannel(channel_id.to_owned()))?;
        channel.timeline.begin(now, life);
        Ok(())
    }

    /// Adds a channel, or puts another one in the place of the one with that id. `yaml` is an
    /// entry of a scenario's `channels:`, where `id` may be left out.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn put_channel(&self, id: &str, yaml: &str) -> Result<(), Faults> {
        let source = Arc::from("body");
        let node = Node::parse(&source, yaml)?;
        let mut reader = Reader::new(source);
        let channel = scenario::read_one_channel(&mut reader, &node, id, &self.world.accounts);
        if let Some(channel) = reader.into_faults().or(channel)? {
            self.world.put_channel(channel);
        }
        Ok(())
    }

    /// Deletes a channel: from now on it is refused like one that never was, and called
    /// deleted where that is asked.
    ///
    /// # Errors
    /// Where there is no such channel.
    pub fn delete_channel(&self, channel_id: &str) -> Result<(), UnknownChannel> {
        self.set_life(channel_id, Phase::Deleted.into())
    }

    /// Makes these the API's troubles, instead of those before; their schedules begin now.
    pub fn set_troubles(&self, troubles: Vec<Trouble>) {
        self.world.set_troubles(troubles);
    }

    /// Ends all of the API's troubles (a block that the request limit has imposed is none:
    /// see [`Simulator::lift_blocks`]).
    pub fn clear_troubles(&self) {
        self.set_troubles(Vec::new());
    }

    /// Makes Polyv's clock differ from the right time by so many milliseconds, in everything:
    /// its `Date`, its check of `timestamp`, its samples' times.
    pub fn set_clock_skew(&self, milliseconds: i64) {
        self.world.state().skew_ms = milliseconds;
    }

    /// Makes samples appear that long after their own time, for all channels that have no
    /// delay of their own. What has appeared stays.
    pub fn set_sample_delay(&self, delay: Duration) {
        let now = self.world.now().media;
        let mut state = self.world.state();
        let before = state.channels.sample_delay;
        for channel in state.channels.by_id.values_mut() {
            channel.keep_what_appeared(now, before);
        }
        state.channels.sample_delay = delay;
    }

    /// Gives a channel a sample delay of its own. What has appeared stays.
    ///
    /// # Errors
    /// Where there is no such channel.
    pub fn set_channel_sample_delay(
        &self,
        channel_id: &str,
        delay: Duration,
    ) -> Result<(), UnknownChannel> {
        let now = self.world.now().media;
        let mut state = self.world.state();
        let before = state.channels.sample_delay;
        let channel = state.channels.by_id.get_mut(channel_id);
        let channel = channel.ok_or_else(|| UnknownChannel(channel_id.to_owned()))?;
        channel.keep_what_appeared(now, before);
        channel.spec.sample_delay = Some(delay);
        Ok(())
    }

    /// Ends the blocks that the request limit has imposed, and begins to count anew.
    pub fn lift_blocks(&self) {
        self.world.state().gate.reset();
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").finish_non_exhaustive()
    }
}

/// The page for users, so that its example is run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/simulator.md")]
struct Page;

#[cfg(test)]
mod tests;
