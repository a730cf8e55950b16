//! The query string of the channel list: what is parsed can be written and parsed again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use polyv_exporter::http::Query;

fuzz_target!(|text: &str| {
    if let Ok(query) = serde_urlencoded::from_str::<Query>(text) {
        let again = serde_urlencoded::from_str::<Query>(&query.encoded());
        assert_eq!(again, Ok(query));
    }
});
