//! TLS, authentication and headers.

mod auth;
mod file;
mod tls;
