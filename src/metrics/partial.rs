//! Parts of what there is to scrape, for those who divide it: one channel, or all but the channels.

use prometheus::proto::MetricFamily;

use super::key::ChannelKey;
use super::self_metrics_encoder;
use super::store::ChannelStore;
use super::text_format::Format;
use polyv_client::clock::TimeSnapshot;

/// One channel's families, as far as it has series of them; line for line what [`render`] has of
/// it. `None` where there is no such channel any more.
///
/// [`render`]: super::render
#[must_use]
pub fn render_channel(
    store: &ChannelStore,
    key: ChannelKey,
    format: Format,
    now: TimeSnapshot,
) -> Option<String> {
    let piece = store.piece(key, now)?;
    let mut out = String::with_capacity(8192);
    for (family, lines) in piece.written() {
        if !lines.is_empty() {
            format.header(family, &mut out);
            // It is put together of texts alone.
            out.push_str(std::str::from_utf8(&lines).unwrap_or_default());
        }
    }
    format.footer(&mut out);
    Some(out)
}

/// The exporter's own families, and nothing of any one channel.
#[must_use]
pub fn render_self_metrics(
    store: &ChannelStore,
    families: &[MetricFamily],
    format: Format,
    now: TimeSnapshot,
) -> String {
    let mut out = String::with_capacity(32 * 1024);
    store.write_census(format, now, &mut out);
    for family in families {
        self_metrics_encoder::write(family, format, &mut out);
    }
    format.footer(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::metrics::{ChannelMeta, Exposure};
    use crate::state::Rules;
    use polyv_client::clock::{MonotonicInstant, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    fn store() -> ChannelStore {
        let rules = Rules {
            lookback: SECOND,
            idle_interval: SECOND,
            stale_after: SECOND,
            max_sample_age: SECOND,
            window: SECOND,
            sustain: SECOND,
            history_step: SECOND,
        };
        ChannelStore::new(rules, 0)
    }

    /// A channel of an account, by its number.
    fn channel(account: &str, channel_id: &str) -> ChannelMeta {
        ChannelMeta {
            account: account.into(),
            channel: config::Channel::new(channel_id.into(), SECOND).into(),
        }
    }

    #[test]
    fn a_channel_is_found_by_its_number_while_it_is_there_under_whatever_account() {
        let now = TimeSnapshot {
            monotonic: MonotonicInstant::default(),
            server_time: Timestamp::from_millis(0),
        };
        let store = store();
        let first = store.insert(channel("one", "1"), Exposure::Always, now);
        assert_eq!(store.find("1"), Some(first));
        assert_eq!(store.find("2"), None);
        // It may come to its new account before it leaves the old one.
        let second = store.insert(channel("two", "1"), Exposure::Always, now);
        store.remove(first);
        assert_eq!(store.find("1"), Some(second));
        let text = render_channel(&store, second, Format::Prometheus, now).unwrap();
        assert!(text.contains("account=\"two\""), "{text}");
        assert_eq!(render_channel(&store, first, Format::Prometheus, now), None);
        store.remove(second);
        assert_eq!(store.find("1"), None);
    }
}
