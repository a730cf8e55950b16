//! A simulated Polyv live streaming API, for tests, rehearsals and demonstrations.
//!
//! The simulator checks signatures, request limits and parameters as Polyv documents them, with
//! code of its own, and returns the documented bodies byte for byte. A [`Scenario`] (YAML)
//! decides what its channels do and which faults the API has. `docs/simulator.md` in the
//! repository is the manual.
//!
//! [`Simulator::handle`] is the API without I/O: a [`Request`] goes in, a [`ConnectionAction`]
//! comes out, and time is tokio's, so that tests with paused time play hours in milliseconds.
//! [`Simulator::serve`] is the same API on a TCP socket:
//!
//! ```
//! use polyv_simulator::{Scenario, Simulator};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scenario = Scenario::parse("scenario.yml", "channels: [{id: 3880533}]")?;
//! let simulator = Simulator::new(scenario);
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let shutdown = CancellationToken::new();
//! let server = tokio::spawn({
//!     let (simulator, shutdown) = (simulator.clone(), shutdown.clone());
//!     async move { simulator.serve(listener, shutdown).await }
//! });
//!
//! let mut connection = TcpStream::connect(address).await?;
//! let request = "GET /live/v4/channel/status-valid?channels=3880533 HTTP/1.1\r\n\
//!                Host: localhost\r\nConnection: close\r\n\r\n";
//! connection.write_all(request.as_bytes()).await?;
//! let mut response = String::new();
//! connection.read_to_string(&mut response).await?;
//! assert!(response.contains("appId is required."));
//! assert_eq!(simulator.requests().len(), 1);
//!
//! shutdown.cancel();
//! server.await??;
//! # Ok(())
//! # }
//! ```
//!
//! A call's path through the modules:
//!
//! ```text
//! server ─▶ request ─▶ router ─▶ limits ─▶ faults ─▶ request_validation ─▶ operations ─▶ response
//!                         │                                                    │
//!                      control                                  timeline, sampling, encode
//! ```

mod account;
mod audience;
mod cdn;
mod channel;
mod channel_entry;
mod channel_script;
mod channels;
mod control;
mod delivery;
mod document;
mod encode;
mod envelope;
mod faults;
mod fields;
mod limits;
mod operations;
mod phase;
mod refusal;
mod request;
mod request_log;
mod request_validation;
mod response;
mod rng;
mod router;
mod sampling;
mod scenario;
mod server;
mod settings;
mod signature;
mod simulator;
mod state;
mod stream;
mod time;
mod timeline;
mod written_state;

pub use account::Account;
pub use cdn::Cdn;
pub use channel::Channel;
pub use channel_script::{ChannelScript, ZeroLengthLoop};
pub use document::ScenarioError;
pub use faults::Fault;
pub use phase::{FrozenBitrate, NotLive, Phase};
pub use request::Request;
pub use request_log::LoggedRequest;
pub use response::{ConnectionAction, Delivery, HttpResponse};
pub use scenario::{DEFAULT_SCENARIO, Scenario};
pub use simulator::{Simulator, UnknownChannel};
pub use written_state::{Message, VideoModeration, WrittenState};

/// The manual, so that its example is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/simulator.md")]
struct Manual;

/// The README, for the same reason.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
