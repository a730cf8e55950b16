//! TLS, authentication and headers.

mod auth;
mod tls;
