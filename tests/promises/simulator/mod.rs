//! The simulated Polyv over real HTTP.

mod control;
mod served;
mod server;
mod troubles;
