//! The simulated Polyv on a TCP socket.

mod listener;
mod payload;
