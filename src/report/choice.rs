//! Which broadcast of a channel a report is on.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};

use super::time::date_time;
use crate::recorder::Broadcast;
use polyv_client::clock::Timestamp;

/// A broadcast, as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroadcastChoice {
    /// Counted back from the latest one, which is 1.
    Back(usize),
    /// The one that began at this time, to the second, or was running then.
    At(Timestamp),
}

/// A time in a path: RFC 3339 in UTC without separators.
const COMPACT: &str = "%Y%m%dT%H%M%SZ";

/// Reads a time: RFC 3339, or its form without separators in UTC (`20261201T120003Z`).
///
/// # Errors
/// A sentence about what is expected.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let compact = NaiveDateTime::parse_from_str(text, COMPACT).map(|time| time.and_utc());
    let time = compact.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()));
    let time = time.map_err(|_| {
        format!(
            "write a time such as `2026-12-01T20:00:00+08:00` or `20261201T120000Z`, not `{text}`"
        )
    })?;
    Ok(Timestamp::from_millis(time.timestamp_millis()))
}

/// The time in the form of a path, to the second: `20261201T120003Z`.
#[must_use]
pub fn path_time(time: Timestamp) -> String {
    date_time(time).format(COMPACT).to_string()
}

// === impl BroadcastChoice ===

impl BroadcastChoice {
    /// The index of the chosen one among a channel's broadcasts, which are sorted by time.
    #[must_use]
    pub fn find(self, broadcasts: &[Broadcast]) -> Option<usize> {
        match self {
            Self::Back(count) => broadcasts.len().checked_sub(count),
            Self::At(time) => {
                let seconds = |time: Timestamp| time.as_millis().div_euclid(1000);
                let began = |b: &Broadcast| seconds(b.start) == seconds(time);
                let lasted = |b: &Broadcast| b.start <= time && (time <= b.end || b.is_live);
                let position = broadcasts.iter().position(began);
                position.or_else(|| broadcasts.iter().position(lasted))
            }
        }
    }
}

impl FromStr for BroadcastChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("latest") {
            return Ok(Self::Back(1));
        }
        match text.parse() {
            Ok(0) => Err("the latest broadcast is number 1".to_owned()),
            Ok(count) => Ok(Self::Back(count)),
            Err(_) => parse_time(text).map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_796_126_403_443 + seconds * 1000)
    }

    #[test]
    fn broadcasts_are_chosen_by_number_and_by_time() {
        let broadcast = |start, end| Broadcast {
            start: at(start),
            end: at(end),
            is_live: false,
        };
        let broadcasts = [broadcast(0, 600), broadcast(3600, 7200)];
        let find = |text: &str| BroadcastChoice::from_str(text).unwrap().find(&broadcasts);
        for (text, index) in [
            ("latest", Some(1)),
            ("1", Some(1)),
            ("2", Some(0)),
            ("3", None),
            // The first one began 443 ms later.
            ("20261201T120003Z", Some(0)),
            ("2026-12-01T20:00:03+08:00", Some(0)),
            ("2026-12-01T21:30:00+08:00", Some(1)),
            ("2026-12-01T20:30:00+08:00", None),
        ] {
            assert_eq!(find(text), index, "{text}");
        }
        for text in ["", "0", "-1", "yesterday", "2026-12-01", "20261301T120003Z"] {
            assert!(BroadcastChoice::from_str(text).is_err(), "{text}");
        }
        assert_eq!(path_time(at(0)), "20261201T120003Z");
    }
}
