//! Formats of ages and durations, beside those that reports have as well.

use std::time::Duration;

use polyv_client::clock::Timestamp;

use super::i18n::Messages;
pub(super) use crate::display::{bitrate, display_text, framerate, isolated};

/// The time from `then` to `now` in one unit. The script writes it in the same way.
pub(super) fn age(then: Timestamp, now: Timestamp, messages: &Messages) -> String {
    let seconds = now.since(then).as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, messages.seconds),
        120..7200 => (seconds / 60, messages.minutes),
        7200..172_800 => (seconds / 3600, messages.hours),
        _ => (seconds / 86_400, messages.days),
    };
    format!("{count} {unit}")
}

/// A duration in minutes or seconds.
pub(super) fn duration(duration: Duration, messages: &Messages) -> String {
    match duration.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} {}", seconds / 60, messages.minutes),
        seconds => format!("{seconds} {}", messages.seconds),
    }
}

/// A whole number with its thousands grouped: "2,340".
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of day in a zone: "20:00".
pub(super) fn clock_time(time: Timestamp, zone: chrono_tz::Tz) -> String {
    chrono::DateTime::from_timestamp_millis(time.as_millis())
        .map(|time| time.with_timezone(&zone).format("%H:%M").to_string())
        .unwrap_or_default()
}

/// A time in UTC, for pages without script.
pub(super) fn utc(time: Timestamp) -> String {
    chrono::DateTime::from_timestamp_millis(time.as_millis())
        .map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Language;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (2340, "2,340"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn ages_have_one_unit() {
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
