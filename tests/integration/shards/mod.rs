//! Several exporters that share the channels.

mod ownership;
