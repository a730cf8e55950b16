//! The simulated Polyv over real HTTP.

mod control;
mod server;
mod troubles;
mod writes;
