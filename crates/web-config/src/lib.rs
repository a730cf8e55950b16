#![doc = include_str!("../README.md")]

mod basic_auth;
mod bcrypt_hash;
mod client_cert;
mod config;
mod denial;
mod diagnostic;
mod file;
mod handle;
mod hash_queue;
mod headers;
mod rate_limit;
mod redact;
mod settings;
mod tls;
mod tls_parameters;
mod user;
mod watched_files;

pub use config::WebConfig;
pub use denial::Denial;
pub use diagnostic::{Diagnostic, Diagnostics, Location};
pub use file::{LoadResult, WebConfigFile};
pub use handle::{SwapResult, WebConfigHandle};
pub use redact::redact;
