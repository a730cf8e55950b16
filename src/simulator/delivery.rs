//! A body on its way out, with what may happen to it there.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::reaction::{Answer, Delivery};
use super::request::Request;
use super::settings::Settings;
use super::troubles::Spoils;

/// The answer with that JSON body.
pub(super) fn deliver(
    settings: &Settings,
    request: &Request,
    status: u16,
    body: String,
    spoils: &Spoils,
) -> Answer {
    let mut body = body.into_bytes();
    if spoils.truncated {
        body.truncate(body.len() * 2 / 3);
    }
    let mut answer = Answer::json(status, body);
    if settings.gzip && request.accepts_gzip() {
        answer.body = gzip(&answer.body);
        answer = answer
            .with_header("content-encoding", "gzip")
            .with_header("vary", "Accept-Encoding");
    }
    if spoils.cut_off {
        let promised = u64::try_from(answer.body.len()).unwrap_or(u64::MAX);
        answer.body.truncate(answer.body.len() / 2);
        answer.delivery = Delivery::CutOff { promised };
    }
    answer
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory never fails.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}
