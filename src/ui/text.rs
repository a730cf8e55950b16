//! How texts, numbers and times are shown.

use std::time::Duration;

use maud::{Markup, html};

use polyv_client::clock::Timestamp;

use super::i18n::Messages;

/// A text from outside, fit to be shown: bounded, and without characters that change what
/// stands around them. (Markup is escaped where it is written.)
pub(super) fn shown(text: &str) -> String {
    let mut fit: String = text
        .chars()
        .take(LONGEST)
        .map(|c| {
            if c.is_control() || is_invisible(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        fit.push('…');
    }
    fit
}

/// The same, so that its direction is its own: a name may be Arabic. What is plain needs no
/// element for that, of which there would be thousands.
pub(super) fn isolated(text: &str) -> Markup {
    let shown = shown(text);
    html! {
        @if shown.is_ascii() { (shown) } @else { bdi { (shown) } }
    }
}

/// So many characters of a text are shown.
const LONGEST: usize = 120;

/// Characters that are not seen and turn the text around them, or hide in it. Those that join
/// and part letters are none of them: names of some languages, and emoji, need them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A bitrate, to three digits.
pub(super) fn bitrate(bps: f64) -> String {
    let (value, unit) = if bps >= 999_500_000.0 {
        (bps / 1e9, "Gbit/s")
    } else if bps >= 999_500.0 {
        (bps / 1e6, "Mbit/s")
    } else if bps >= 999.5 {
        (bps / 1e3, "kbit/s")
    } else {
        (bps, "bit/s")
    };
    format!("{} {unit}", digits(value))
}

/// A frame rate, to three digits.
pub(super) fn framerate(fps: f64) -> String {
    digits(fps)
}

/// Three digits, without decimals that say nothing.
fn digits(value: f64) -> String {
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// How long it is from `then` to `now`, in one unit, two where that matters. The script says it
/// in the same messages.
pub(super) fn age(then: Timestamp, now: Timestamp, messages: &Messages) -> String {
    let seconds = now.since(then).as_secs();
    let [s, min, h, d] = messages.units;
    match seconds {
        0..120 => format!("{seconds} {s}"),
        120..7200 => format!("{} {min}", seconds / 60),
        7200..172_800 => format!("{} {h}", seconds / 3600),
        _ => format!("{} {d}", seconds / 86_400),
    }
}

/// A short time.
pub(super) fn duration(duration: Duration, messages: &Messages) -> String {
    let [s, min, ..] = messages.units;
    match duration.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} {min}", seconds / 60),
        seconds => format!("{seconds} {s}"),
    }
}

/// A time for those who have no script: UTC.
pub(super) fn utc(time: Timestamp) -> String {
    chrono::DateTime::from_timestamp_millis(time.as_millis())
        .map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::language::Language;

    #[test]
    fn texts_from_outside_are_bounded_and_turn_nothing_around() {
        for name in ["Main stage 主舞台", "👨\u{200d}👩\u{200d}👧"] {
            assert_eq!(shown(name), name);
        }
        assert_eq!(
            shown("a\u{202e}b\u{200f}c\nd\0"),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}"
        );
        let long = shown(&"长".repeat(10_000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
        assert_eq!(shown(&"x".repeat(LONGEST)).chars().count(), LONGEST);
    }

    #[test]
    fn numbers_have_three_digits() {
        for (bps, text) in [
            (0.0, "0 bit/s"),
            (999.4, "999 bit/s"),
            (1_000.0, "1 kbit/s"),
            (240_000.0, "240 kbit/s"),
            (999_499.0, "999 kbit/s"),
            (999_500.0, "1 Mbit/s"),
            (1_157_120.0, "1.16 Mbit/s"),
            (9_996_000.0, "10 Mbit/s"),
            (25_040_000.0, "25 Mbit/s"),
            (1.5e9, "1.5 Gbit/s"),
        ] {
            assert_eq!(bitrate(bps), text);
        }
        assert_eq!(framerate(14.985), "15");
        assert_eq!(framerate(43.066), "43.1");
        assert_eq!(framerate(0.0), "0");
    }

    #[test]
    fn ages_are_said_in_one_unit() {
        let messages = Language::English.messages();
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 d"),
        ] {
            let now = Timestamp::from_millis(seconds * 1000 + 999);
            assert_eq!(age(Timestamp::from_millis(0), now, messages), text);
        }
        // A clock that was set back.
        assert_eq!(
            age(
                Timestamp::from_millis(9000),
                Timestamp::from_millis(0),
                messages
            ),
            "0 s"
        );
    }
}
