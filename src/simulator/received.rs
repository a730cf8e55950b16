//! The receive log: what was asked, when, and what became of it. It is what proofs about a
//! client's behaviour rest on.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::IpAddr;

use polyv_client::clock::{MonotonicInstant, Timestamp};

/// Calls remembered; the oldest go first.
const CAPACITY: usize = 200_000;
/// Longer texts are cut: the log keeps what strangers send. A list of 200 ids fits.
const LONGEST_TEXT: usize = 4_000;

/// A call that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// When, by Polyv's clock: milliseconds since 1970.
    pub polyv: Timestamp,
    /// When, by the process's monotonic clock: milliseconds since it was made.
    pub moment: MonotonicInstant,
    /// The client's address.
    pub client: IpAddr,
    /// The operation, such as `stream_info` or `live_status`; the path, where it is none.
    pub endpoint: Cow<'static, str>,
    /// `appId`.
    pub app_id: Option<String>,
    /// `channelId`; for calls about several channels their ids as they came, with commas.
    pub channel_id: Option<String>,
    /// `startTime` in milliseconds, where it was one.
    pub start_time: Option<i64>,
    /// `endTime` in milliseconds, where it was one.
    pub end_time: Option<i64>,
    /// What it was answered, in a word: `samples`, `no_samples`, `not_live`, `ok` for the other
    /// operations, `blocked`, the name of a refusal or of a trouble.
    pub answered: &'static str,
}

/// The log itself.
#[derive(Debug, Default)]
pub(super) struct ReceiveLog {
    entries: VecDeque<Received>,
    next: u64,
}

/// Cuts what is too long to keep.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

impl ReceiveLog {
    /// The number that the next call will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn push(&mut self, received: Received) {
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
        }
        self.next = received.sequence + 1;
        self.entries.push_back(received);
    }

    /// The calls from that number on, as far as they are remembered.
    pub(super) fn since(&self, sequence: u64) -> impl Iterator<Item = &Received> {
        let first = self.entries.front().map_or(self.next, |call| call.sequence);
        let skip = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn call(sequence: u64) -> Received {
        Received {
            sequence,
            polyv: Timestamp::from_millis(0),
            moment: MonotonicInstant::default(),
            client: Ipv4Addr::LOCALHOST.into(),
            endpoint: "stream_info".into(),
            app_id: None,
            channel_id: None,
            start_time: None,
            end_time: None,
            answered: "samples",
        }
    }

    #[test]
    fn the_log_is_bounded_and_drops_the_oldest() {
        let mut log = ReceiveLog::default();
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
    }

    #[test]
    fn what_strangers_send_is_kept_short() {
        assert_eq!(shorten("3880533"), "3880533");
        assert_eq!(shorten(&"频".repeat(10_000)).chars().count(), 4_000);
    }
}
