//! The log of received requests: what proofs of a client's behaviour are based on.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;

use serde::Serialize;

/// Requests kept; the oldest are dropped first.
const CAPACITY: usize = 200_000;
/// Longer texts are truncated, because clients decide on their length. A list of 200 ids fits.
const MAX_TEXT_CHARS: usize = 4_000;

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// The time of receipt by Polyv's clock, in milliseconds since 1970.
    pub polyv_ms: i64,
    /// The time of receipt by the monotonic clock, in milliseconds since the simulation started.
    pub monotonic_ms: u64,
    /// The client's address.
    pub client: IpAddr,
    /// The operation, such as `stream_info` or `live_status`; the path if there is no operation.
    pub endpoint: Cow<'static, str>,
    /// `appId`.
    pub app_id: Option<String>,
    /// `channelId`; for calls about several channels their ids, separated by commas.
    pub channel_id: Option<String>,
    /// `startTime` in milliseconds, if it is valid.
    pub start_time: Option<i64>,
    /// `endTime` in milliseconds, if it is valid.
    pub end_time: Option<i64>,
    /// The outcome in one word: `samples`, `no_samples`, `not_live`, `ok` for the other
    /// operations, `blocked`, the name of a refusal or of a fault.
    #[serde(rename = "answered")]
    pub outcome: Cow<'static, str>,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<LoggedRequest>,
    next: u64,
}

/// Truncates a text that is too long for the log.
pub(crate) fn truncate(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

impl RequestLog {
    /// The number of the next request.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn push(&mut self, request: LoggedRequest) {
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        self.next = request.sequence + 1;
        self.entries.push_back(request);
    }

    pub(crate) fn take(&mut self) -> Vec<LoggedRequest> {
        std::mem::take(&mut self.entries).into()
    }

    /// The requests from that number on that are still in the log.
    pub(crate) fn since(&self, sequence: u64) -> impl Iterator<Item = &LoggedRequest> {
        let first = self.entries.front().map_or(self.next, |call| call.sequence);
        let skip = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn call(sequence: u64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            polyv_ms: 0,
            monotonic_ms: 0,
            client: Ipv4Addr::LOCALHOST.into(),
            endpoint: "stream_info".into(),
            app_id: None,
            channel_id: None,
            start_time: None,
            end_time: None,
            outcome: "samples".into(),
        }
    }

    #[test]
    fn log_is_bounded_and_drops_the_oldest() {
        let mut log = RequestLog::default();
        let many = CAPACITY as u64 + 5;
        for sequence in 0..many {
            assert_eq!(log.next(), sequence);
            log.push(call(sequence));
        }
        let all: Vec<u64> = log.since(0).map(|call| call.sequence).collect();
        assert_eq!(all.len(), CAPACITY);
        assert_eq!(all.first(), Some(&5));
        let last: Vec<u64> = log.since(many - 2).map(|call| call.sequence).collect();
        assert_eq!(last, [many - 2, many - 1]);
        assert_eq!(log.since(many).count(), 0);
        assert_eq!(log.since(u64::MAX).count(), 0);
        assert_eq!(log.take().len(), CAPACITY);
        assert_eq!(log.since(0).count(), 0);
        assert_eq!(log.next(), many);
    }

    #[test]
    fn long_texts_are_truncated() {
        assert_eq!(truncate("3880533"), "3880533");
        assert_eq!(truncate(&"频".repeat(10_000)).chars().count(), 4_000);
    }
}
