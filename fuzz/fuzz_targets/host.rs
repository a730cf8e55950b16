//! `Host`: a request names one host or is refused.

#![no_main]

use axum::http::{Request, header::HOST};
use libfuzzer_sys::fuzz_target;
use polyv_exporter::http::Host;

fuzz_target!(|header: &[u8]| {
    let Ok(request) = Request::get("/").header(HOST, header).body(()) else {
        return;
    };
    if let Ok(host) = Host::of(&request) {
        // HTTP/1.1 has to name one, which is the same when it is written again.
        let text = host.as_ref().unwrap().to_string();
        let again = Request::get("/").header(HOST, text).body(()).unwrap();
        assert_eq!(Host::of(&again), Ok(host));
    }
});
