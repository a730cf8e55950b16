//! Parts of a scrape: one channel, or everything except the channels.

use prometheus::proto::MetricFamily;

use super::rendered::{self, RenderedChannel, write_lines};
use super::self_metrics_encoder;
use super::text_format::Format;
use crate::state::{ChannelKey, ChannelStore};
use polyv_client::clock::TimeSnapshot;

/// One channel's families, as far as it has series of them; line for line what a whole scrape
/// has of the channel. `None` where the channel is not in the store any more.
#[must_use]
pub fn render_channel(
    store: &ChannelStore,
    key: ChannelKey,
    format: Format,
    now: TimeSnapshot,
) -> Option<Vec<u8>> {
    let channel = RenderedChannel::render(&store.snapshot(key, now)?);
    let mut out = Vec::with_capacity(8192);
    for (family, lines) in rendered::families().zip(channel.families()) {
        if !lines.is_empty() {
            out.extend_from_slice(format.header(family).as_bytes());
            write_lines(family.name, channel.labels(), lines, &mut out);
        }
    }
    out.extend_from_slice(format.footer().as_bytes());
    Some(out)
}

/// The families that are not of single channels.
#[must_use]
pub fn render_self_metrics(
    store: &ChannelStore,
    gathered: &[MetricFamily],
    format: Format,
    now: TimeSnapshot,
) -> Vec<u8> {
    self_metrics_encoder::encode(&store.status_counts(now), gathered, format).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::state::{ChannelMeta, Exposure, FreshnessPolicy};
    use polyv_client::clock::{MonotonicInstant, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    fn store() -> ChannelStore {
        let rules = FreshnessPolicy {
            lookback: SECOND,
            idle_interval: SECOND,
            stale_after: SECOND,
            max_sample_age: SECOND,
            window: SECOND,
            sustain: SECOND,
            sources: config::Sources::Auto,
        };
        ChannelStore::new(rules, 0)
    }

    /// A channel of an account.
    fn channel(account: &str, channel_id: &str) -> ChannelMeta {
        ChannelMeta {
            account: account.into(),
            channel: config::Channel::new(channel_id.into(), SECOND).into(),
        }
    }

    #[test]
    fn channel_is_found_by_id_under_its_newest_account() {
        let now = TimeSnapshot {
            monotonic: MonotonicInstant::default(),
            server_time: Timestamp::from_millis(0),
        };
        let store = store();
        let first = store.insert(channel("one", "1"), Exposure::Always, now);
        assert_eq!(store.find("1"), Some(first));
        assert_eq!(store.find("2"), None);
        // A channel may be added to its new account before it leaves the old one.
        let second = store.insert(channel("two", "1"), Exposure::Always, now);
        store.remove(first);
        assert_eq!(store.find("1"), Some(second));
        let text = render_channel(&store, second, Format::Prometheus, now).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("account=\"two\""), "{text}");
        assert_eq!(render_channel(&store, first, Format::Prometheus, now), None);
        store.remove(second);
        assert_eq!(store.find("1"), None);
    }
}
