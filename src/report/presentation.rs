//! How a report is shown: its language, its time zone, and the format of numbers and times.

use chrono::{DateTime, Offset as _};
use chrono_tz::{OffsetName as _, Tz};

use super::i18n::{Texts, fill};
use super::time::date_time;
use crate::display::Language;
use polyv_client::clock::Timestamp;

/// In which language and time zone a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation {
    /// The language.
    pub language: Language,
    /// The time zone of all times.
    pub time_zone: Tz,
}

// === impl Presentation ===

impl Presentation {
    /// Day and time: `2026-12-01 20:00:03`.
    #[must_use]
    pub fn date_time(self, time: Timestamp) -> String {
        format!("{} {}", self.date(time), self.time(time))
    }

    pub(super) fn texts(self) -> &'static Texts {
        self.language.texts()
    }

    pub(super) fn local(self, time: Timestamp) -> DateTime<Tz> {
        date_time(time).with_timezone(&self.time_zone)
    }

    /// The calendar day: `2026-12-01`.
    pub(super) fn date(self, time: Timestamp) -> String {
        self.local(time).format("%Y-%m-%d").to_string()
    }

    /// The time of the day: `20:00:03`.
    pub(super) fn time(self, time: Timestamp) -> String {
        self.local(time).format("%H:%M:%S").to_string()
    }

    /// The time, with its day where that is not `other`'s.
    pub(super) fn time_beside(self, time: Timestamp, other: Timestamp) -> String {
        if self.local(time).date_naive() == self.local(other).date_naive() {
            self.time(time)
        } else {
            self.local(time).format("%m-%d %H:%M:%S").to_string()
        }
    }

    /// The zone's name with what it is at a time: `Asia/Shanghai (UTC+08:00)`.
    pub(super) fn zone(self, time: Timestamp) -> String {
        let local = self.local(time);
        let (name, offset) = (local.offset().tz_id(), local.offset().fix());
        format!("{name} (UTC{offset})")
    }

    /// A length in its two largest units: `1 min 40 s`.
    #[must_use]
    pub fn length(self, millis: i64) -> String {
        let texts = self.texts();
        let seconds = (millis.unsigned_abs() + 500) / 1000;
        let units = [
            (seconds / 86_400, texts.days),
            (seconds / 3600 % 24, texts.hours),
            (seconds / 60 % 60, texts.minutes),
            (seconds % 60, texts.seconds),
        ];
        let first = units.iter().position(|(count, _)| *count > 0);
        let units = units.into_iter().skip(first.unwrap_or(3)).take(2);
        let units: Vec<_> = units
            .enumerate()
            .filter(|(index, (count, _))| *index == 0 || *count > 0)
            .map(|(_, (count, unit))| fill(unit, &[&count.to_string()]))
            .collect();
        units.join(" ")
    }

    /// A share in percent: one decimal under 10 %.
    #[allow(clippy::cast_precision_loss)] // milliseconds of months
    pub(super) fn percent(self, part: i64, of: i64) -> String {
        self.ratio(part as f64 / of.max(1) as f64)
    }

    /// A ratio in percent. What is not all is never 100 %, and what is not nothing never 0.
    pub(super) fn ratio(self, ratio: f64) -> String {
        let percent = ratio * 100.0;
        let (sign, number) = if percent > 0.0 && percent < 0.05 {
            ("< ", "0.1".to_owned())
        } else if percent > 99.9 && percent < 100.0 {
            ("> ", "99.9".to_owned())
        } else if percent < 10.0 || (percent > 90.0 && percent < 100.0) {
            ("", format!("{percent:.1}"))
        } else {
            ("", format!("{percent:.0}"))
        };
        match self.language {
            Language::English => format!("{sign}{number} %"),
            Language::Chinese => format!("{sign}{number}%"),
        }
    }
}

/// A whole number with separators: `2,340`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // viewers and minutes
pub(super) fn whole(value: f64) -> String {
    grouped(value.round().max(0.0) as u64)
}

/// A whole number with separators.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: Presentation = Presentation {
        language: Language::English,
        time_zone: Tz::Asia__Shanghai,
    };

    #[test]
    fn lengths_have_two_units() {
        for (millis, text) in [
            (0, "0 s"),
            (499, "0 s"),
            (40_000, "40 s"),
            (100_000, "1 min 40 s"),
            (3_600_000, "1 h"),
            (3_659_999, "1 h 1 min"),
            (7_190_000, "1 h 59 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(ENGLISH.length(millis), text, "{millis}");
        }
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        for (part, text) in [
            (0, "0.0 %"),
            (1, "< 0.1 %"),
            (734, "0.7 %"),
            (50_000, "50 %"),
            (99_910, "> 99.9 %"),
            (100_000, "100 %"),
        ] {
            assert_eq!(ENGLISH.percent(part, 100_000), text);
        }
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(whole(999.5), "1,000");
    }

    #[test]
    fn times_are_in_the_zone_and_have_their_day_where_it_differs() {
        let time = Timestamp::from_millis(1_796_126_403_000);
        assert_eq!(ENGLISH.date(time), "2026-12-01");
        assert_eq!(ENGLISH.time(time), "20:00:03");
        assert_eq!(ENGLISH.zone(time), "Asia/Shanghai (UTC+08:00)");
        let next = time.plus_millis(5 * 3_600_000);
        assert_eq!(ENGLISH.time_beside(next, time), "12-02 01:00:03");
    }
}
