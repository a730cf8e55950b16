//! Polyv's envelopes: every body is data or an error, whose message is fit for a log.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for status in [200, 403] {
        if let Err(error) = polyv_client::envelope::decode(status, None, body).data {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "{message:?}");
            // Neither an address nor a signature is logged.
            assert!(!message.contains("://"), "{message}");
            assert!(!message.contains("sign="), "{message}");
        }
    }
});
