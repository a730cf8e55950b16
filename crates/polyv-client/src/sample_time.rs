//! When a sample was taken.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone};
use serde_json::value::RawValue;

use super::numeric_field::{NumericField, excerpt, text_of};
use crate::clock::Timestamp;

/// The time of a sample, read from its `timestamp` and `time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleTime {
    /// When it was taken.
    At(Timestamp),
    /// Neither field says; what stood there, cut short, for the log.
    Unreadable(String),
}

/// 13-digit milliseconds: from 2001 to 2286.
const THIRTEEN_DIGITS: std::ops::Range<f64> = 1e12..1e13;

// === impl SampleTime ===

impl SampleTime {
    /// Reads a sample's time.
    ///
    /// `timestamp` wins where it is 13-digit milliseconds. `time` is documented without a
    /// zone (`2023-04-07 09:45:24.443`) and then is in `zone`, Beijing's by the stream
    /// information page's own example; the v4 sibling's RFC 3339 is read as it says.
    #[must_use]
    pub fn parse_json(
        timestamp: Option<&RawValue>,
        time: Option<&RawValue>,
        zone: FixedOffset,
    ) -> Self {
        if let NumericField::Number(millis) = NumericField::parse_json(timestamp)
            && THIRTEEN_DIGITS.contains(&millis)
        {
            #[allow(clippy::cast_possible_truncation)] // 13 digits fit
            return Self::At(Timestamp::from_millis(millis as i64));
        }
        let raw = time.map_or("", RawValue::get);
        match text_of(raw) {
            Some(text) => match parse(&text, zone) {
                Some(time) => Self::At(time),
                None => Self::Unreadable(excerpt(&text)),
            },
            None => Self::Unreadable(excerpt(raw)),
        }
    }

    /// When, if that could be read.
    #[must_use]
    pub const fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(*time),
            Self::Unreadable(_) => None,
        }
    }
}

fn parse(text: &str, zone: FixedOffset) -> Option<Timestamp> {
    let text = text.trim();
    let time = match local(text) {
        Some(naive) => zone.from_local_datetime(&naive).single()?,
        None => DateTime::parse_from_rfc3339(text).ok()?,
    };
    Some(Timestamp::from_millis(time.timestamp_millis()))
}

/// Reads `2023-04-07 09:45:24.443`. An answer may hold thousands, and a parser for any format
/// takes ten times as long as one for this.
fn local(text: &str) -> Option<NaiveDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let separator = |at: usize, allowed: &[u8]| {
        let byte = whole.as_bytes().get(at);
        byte.is_some_and(|byte| allowed.contains(byte))
    };
    let separated = separator(4, b"-")
        && separator(7, b"-")
        && separator(10, b" T")
        && separator(13, b":")
        && separator(16, b":");
    if whole.len() != 19 || !separated {
        return None;
    }
    let number = |from: usize, to: usize| digits(whole.get(from..to)?);
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(0, 4)?).ok()?,
        number(5, 7)?,
        number(8, 10)?,
    )?;
    // `.4` are 400 milliseconds; what is beyond milliseconds is cut.
    let places = fraction.len().clamp(1, 3);
    let millis = digits(fraction)
        .and_then(|_| digits(fraction.get(..places)?))?
        .checked_mul([100, 10, 1].get(places - 1).copied()?)?;
    date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, millis)
}

/// A number of digits and nothing else, nine at most.
fn digits(text: &str) -> Option<u32> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    if all && text.len() <= 9 {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(timestamp: &str, time: &str) -> SampleTime {
        let beijing = FixedOffset::east_opt(8 * 3600).unwrap();
        SampleTime::parse_json(
            Some(serde_json::from_str(timestamp).unwrap()),
            Some(serde_json::from_str(time).unwrap()),
            beijing,
        )
    }

    fn at(millis: i64) -> SampleTime {
        SampleTime::At(Timestamp::from_millis(millis))
    }

    #[test]
    fn a_time_without_a_zone_is_beijing_time() {
        // The stream information's page: 01:45:24.443 UTC.
        assert_eq!(
            decode("null", r#""2023-04-07 09:45:24.443""#),
            at(1_680_831_924_443)
        );
        assert_eq!(
            decode("null", r#""2023-04-07 09:45:24""#),
            at(1_680_831_924_000)
        );
        assert_eq!(
            decode("null", r#""2023-04-07 09:45:24.4""#),
            at(1_680_831_924_400)
        );
        assert_eq!(
            decode("null", r#""2023-04-07T09:45:24.443999""#),
            at(1_680_831_924_443)
        );
    }

    #[test]
    fn a_time_with_a_zone_is_what_it_says() {
        assert_eq!(
            decode("null", r#""2023-05-11T10:09:00Z""#),
            at(1_683_799_740_000)
        );
        assert_eq!(
            decode("null", r#""2023-05-11T18:09:00+08:00""#),
            at(1_683_799_740_000)
        );
    }

    #[test]
    fn a_timestamp_in_milliseconds_wins() {
        let time = r#""2023-04-07 09:45:24.443""#;
        assert_eq!(decode("1683799740000", time), at(1_683_799_740_000));
        assert_eq!(decode(r#""1683799740000""#, time), at(1_683_799_740_000));
        // Seconds, zero and rubbish are not 13-digit milliseconds.
        for timestamp in ["1683799740", "0", "-1", r#""soon""#, "1e400", "null"] {
            assert_eq!(
                decode(timestamp, time),
                at(1_680_831_924_443),
                "{timestamp}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_told_as_it_was() {
        for time in [
            r#""2023-04-07 09:45:24.""#,
            r#""2023-04-07 09:45:24.4x""#,
            r#""2023-04-07 09:45:+4""#,
            r#""2023-04-07 24:00:00""#,
            r#""2023-04-07""#,
            r#""２０２３-04-07 09:45:24""#,
            r#""yesterday""#,
            r#""""#,
            "null",
            "12",
            r#""2023-02-30 00:00:00""#,
        ] {
            assert!(
                matches!(decode("null", time), SampleTime::Unreadable(_)),
                "{time}"
            );
        }
        assert_eq!(
            decode("null", r#""yesterday""#),
            SampleTime::Unreadable("yesterday".to_owned())
        );
    }
}
