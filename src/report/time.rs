//! Times as text.

use chrono::{DateTime, SecondsFormat, Utc};

use polyv_client::clock::Timestamp;

/// RFC 3339 in UTC with milliseconds: `2026-12-01T12:00:03.000Z`.
#[must_use]
pub fn utc(time: Timestamp) -> String {
    let time = date_time(time);
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time as the calendar has it; times beyond chrono's years are its last one.
pub(super) fn date_time(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.as_millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
