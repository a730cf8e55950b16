//! Applies the result of a request, one file per kind of request.

mod channel_page;
mod completion;
mod live_status;
mod stream_info;
mod update;
