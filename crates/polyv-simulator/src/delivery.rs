//! The transfer of a response's body, with the faults that affect it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::faults::Corruptions;
use super::request::Request;
use super::response::{Delivery, HttpResponse};

/// A response with that JSON body.
pub(crate) fn deliver(
    gzip_enabled: bool,
    request: &Request,
    status: u16,
    body: String,
    corruptions: &Corruptions,
) -> HttpResponse {
    let mut body = body.into_bytes();
    if corruptions.truncated {
        body.truncate(body.len() * 2 / 3);
    }
    let mut response = HttpResponse::json(status, body);
    if gzip_enabled && request.accepts_gzip() {
        response.body = gzip(&response.body);
        response = response
            .with_header("content-encoding", "gzip")
            .with_header("vary", "Accept-Encoding");
    }
    if corruptions.cut_off {
        let promised = u64::try_from(response.body.len()).unwrap_or(u64::MAX);
        response.body.truncate(response.body.len() / 2);
        response.delivery = Delivery::CutOff { promised };
    }
    response
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory never fails.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}
