//! The time of a sample.

use chrono::{DateTime, FixedOffset};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::json::string_content;
use crate::numeric_field::{MAX_EXCERPT_CHARS, NumericField};
use crate::text::truncate;

/// The time of a sample, decoded from its `timestamp` and `time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleTime {
    /// The time.
    At(Timestamp),
    /// Neither field is a time; the first characters, for the log.
    Unreadable(String),
}

/// 13-digit milliseconds: from 2001 to 2286.
const THIRTEEN_DIGITS: std::ops::Range<f64> = 1e12..1e13;

/// 13-digit milliseconds; 0, `null` and a missing value stand for no time.
pub(crate) fn milliseconds(raw: Option<&RawValue>) -> Option<Timestamp> {
    let millis = NumericField::parse_json(raw).number()?;
    #[allow(clippy::cast_possible_truncation)] // 13 digits fit
    let time = Timestamp::from_millis(millis as i64);
    THIRTEEN_DIGITS.contains(&millis).then_some(time)
}

impl SampleTime {
    /// Decodes a sample's time.
    ///
    /// `timestamp` takes precedence if it is 13-digit milliseconds. `time` is documented
    /// without a zone (`2023-04-07 09:45:24.443`) and then is in `zone`, which is Beijing's in
    /// the stream information page's example; the v4 sibling sends RFC 3339.
    #[must_use]
    pub fn parse_json(
        timestamp: Option<&RawValue>,
        time: Option<&RawValue>,
        zone: FixedOffset,
    ) -> Self {
        if let Some(time) = milliseconds(timestamp) {
            return Self::At(time);
        }
        let raw = time.map_or("", RawValue::get);
        match string_content(raw) {
            Some(text) => match parse(&text, zone) {
                Some(time) => Self::At(time),
                None => Self::Unreadable(truncate(&text, MAX_EXCERPT_CHARS)),
            },
            None => Self::Unreadable(truncate(raw, MAX_EXCERPT_CHARS)),
        }
    }

    /// The time, if it is known.
    #[must_use]
    pub const fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(*time),
            Self::Unreadable(_) => None,
        }
    }
}

/// Times without a zone are the common case. They are parsed as UTC and moved to `zone`, because
/// chrono's RFC 3339 parser, which accepts a space instead of the `T`, is several times as fast
/// as its parser of format strings.
fn parse(text: &str, zone: FixedOffset) -> Option<Timestamp> {
    let text = text.trim();
    let time = match DateTime::parse_from_rfc3339(&[text, "Z"].concat()) {
        Ok(local) => local.naive_utc().and_local_timezone(zone).single()?,
        Err(_) => DateTime::parse_from_rfc3339(text).ok()?,
    };
    Some(Timestamp::from_millis(time.timestamp_millis()))
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
    fn time_without_a_zone_is_in_the_given_zone() {
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
    fn time_with_a_zone_keeps_it() {
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
    fn timestamp_in_milliseconds_takes_precedence() {
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
    fn unreadable_time_keeps_an_excerpt() {
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
