//! The data of stream information: an invalid element affects only itself, and no stream's address
//! becomes its name.

#![no_main]

use std::sync::LazyLock;

use chrono::FixedOffset;
use libfuzzer_sys::fuzz_target;
use polyv_client::{AppSecret, StreamInfo, StreamNameHasher, envelope};

static SECRET: LazyLock<AppSecret> = LazyLock::new(|| AppSecret::new("secret").unwrap());

fuzz_target!(|data: &str| {
    let body = format!(r#"{{"code":200,"data":{data}}}"#);
    let Ok(data) = envelope::decode(200, None, body.as_bytes()).data else {
        return;
    };
    let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
    let mut namer = StreamNameHasher::new(&SECRET);
    if let Ok(info) = StreamInfo::decode(data, beijing, &mut namer) {
        for sample in info.samples {
            let name = sample.stream.as_str();
            // A short name, or an application and eight digits of a hash.
            assert!(name.chars().count() <= 29, "{name}");
            assert!(!name.contains([':', '?', '@', '&', '=', '#']), "{name}");
            for field in [
                sample.video_bitrate,
                sample.video_framerate,
                sample.audio_framerate,
            ] {
                assert!(field.number().is_none_or(f64::is_finite));
            }
        }
    }
});
