//! Control over HTTP while the simulation runs, under `/_simulator/`: never counted, blocked or
//! signed. Bodies are YAML as in a scenario file, and therefore may be JSON; responses are JSON.

mod dispatch;
mod error;
mod render;

pub(crate) use dispatch::{handle, is_control};
