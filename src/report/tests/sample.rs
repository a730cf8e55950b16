//! The sample report in `docs/`.

use maud::Markup;

use super::*;
use crate::display::Language;
use chrono_tz::Tz;

/// A lecture of an hour and a half with a fault of each kind.
fn lecture(name: &str) -> ChannelRecording {
    let end = 5405;
    let mut main = stream("recordf", end, 5, |second| {
        Some(match second {
            1206..1246 => values(42_000.0, 0.0, 43.0),
            2000..2076 => values(260_000.0, 11.0, 21.0),
            2076..2134 | 3600..3715 => return None,
            4500..4560 => values(1_200_000.0, 25.0, 0.0),
            _ => normal(),
        })
    });
    // Noise that is the same everywhere.
    let mut noise = 1_u64;
    for sample in &mut main.samples {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        #[allow(clippy::cast_precision_loss)] // 24 bits
        let share = 1.0 + ((noise >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.12;
        let values = &mut sample.values;
        values.video_bitrate = values
            .video_bitrate
            .get()
            .map(|v| (v * share).round())
            .into();
    }
    let mut recording = recording(end, vec![main]);
    recording.channel_name = name.into();
    recording.plan = Some(PlannedBroadcast {
        start: at(-3),
        end: Some(at(5397)),
    });
    let off_air = [(3608, LiveState::NotLive), (3721, LiveState::Live)].map(|(second, state)| {
        RecordedState {
            time: at(second),
            state,
        }
    });
    recording.states.splice(2..2, off_air);
    // Viewers of an example: thousands.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let viewers = (0..=end / 30).map(|n| {
        let (n, last) = (n as f64, end as f64 / 30.0);
        let audience = 2400.0 * (1.0 - (-n / 12.0).exp()) * (1.0 - 0.25 * n / last);
        let ripple = 40.0 * (n / 3.0).sin();
        ViewerCount {
            time: at(n as i64 * 30),
            count: (audience + ripple).max(0.0) as u64,
        }
    });
    recording.viewers = viewers
        .filter(|v| !(at(3608)..at(3721)).contains(&v.time))
        .collect();
    recording
}

/// `make sample-report` writes the files, with `UPDATE_DOCS=1`.
#[test]
fn sample_report_in_the_documents_is_what_the_program_writes() {
    let english_report = report(&lecture("Autumn lecture"));
    let chinese_report = report(&lecture("秋季公开课"));
    let shown = |language| Presentation {
        language,
        time_zone: Tz::Asia__Shanghai,
    };
    let nothing = Markup::default();
    let (english, chinese) = (shown(Language::English), shown(Language::Chinese));
    for (name, text) in [
        (
            "sample-report.html",
            html(&english_report, english, &nothing),
        ),
        (
            "zh/sample-report.html",
            html(&chinese_report, chinese, &nothing),
        ),
        ("sample-report.md", markdown(&english_report, english)),
    ] {
        let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "{path} is outdated: `make sample-report`");
    }
}
