//! Applies the result of a request, one file per kind of request.

mod account_call;
mod channel_page;
mod completion;
mod handler;
mod live_calls;
mod live_status;
mod stream_info;
