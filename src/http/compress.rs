//! Gzip compression of responses.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::tracked_body::CHUNK_SIZE;
use crate::metrics::ScrapeWriter;

/// Fast: a slower level saves a tenth more, which is worth less than its time.
const GZIP_LEVEL: Compression = Compression::fast();
/// The size of the result of one step: a few milliseconds' work, after which other requests have
/// their turn.
const STEP_BYTES: usize = 4 * CHUNK_SIZE;

/// Compresses a whole body.
pub(super) fn compress(body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), GZIP_LEVEL);
    encoder.write_all(body)?;
    encoder.finish()
}

/// Compresses a scrape in steps, each of which gives some bytes.
struct GzipEncoder {
    scrape: ScrapeWriter,
    encoder: GzEncoder<Vec<u8>>,
    /// A chunk of text, in a buffer that is used again.
    text: Vec<u8>,
}

// === impl GzipEncoder ===

impl GzipEncoder {
    /// Compresses the next bytes. The encoder is given back unless these are the last.
    fn step(mut self: Box<Self>) -> Result<(Bytes, Option<Box<Self>>)> {
        while self.scrape.remaining() > 0 {
            self.text.clear();
            self.scrape.write(CHUNK_SIZE, &mut self.text);
            self.encoder.write_all(&self.text)?;
            if self.encoder.get_ref().len() >= STEP_BYTES {
                let bytes = std::mem::take(self.encoder.get_mut());
                return Ok((bytes.into(), Some(self)));
            }
        }
        Ok((self.encoder.finish()?.into(), None))
    }
}

/// The body of a compressed scrape. A small one is compressed at once and has a length; a large
/// one is compressed step by step as the client takes it. Each step waits for one of
/// `render_permits`; the caller holds one for the first step.
///
/// # Errors
/// Errors of the encoder.
pub(super) fn gzip_body(scrape: ScrapeWriter, render_permits: Arc<Semaphore>) -> Result<Body> {
    let encoder = Box::new(GzipEncoder {
        scrape,
        encoder: GzEncoder::new(Vec::new(), GZIP_LEVEL),
        text: Vec::with_capacity(CHUNK_SIZE),
    });
    let (bytes, encoder) = encoder.step()?;
    if encoder.is_none() {
        return Ok(Body::from(bytes));
    }
    let rest = stream::try_unfold(encoder, move |encoder| {
        let render_permits = Arc::clone(&render_permits);
        async move {
            let Some(encoder) = encoder else {
                return Ok(None);
            };
            let permit = render_permits.acquire_owned().await.map_err(Error::other)?;
            let step = spawn_blocking(move || {
                let _permit = permit;
                encoder.step()
            });
            step.await.map_err(Error::other)?.map(Some)
        }
    });
    Ok(Body::from_stream(stream::iter([Ok(bytes)]).chain(rest)))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::config;
    use crate::metrics::{self, Format, RenderedChannels};
    use crate::state::FreshnessPolicy;
    use crate::state::{ChannelMeta, ChannelStore, Exposure};
    use polyv_client::clock::{MonotonicInstant, TimeSnapshot, Timestamp};

    const NOW: TimeSnapshot = TimeSnapshot {
        monotonic: MonotonicInstant::from_millis(1000),
        server_time: Timestamp::from_millis(1_700_000_000_000),
    };

    /// Channels whose names do not compress well.
    fn channels(count: u64) -> RenderedChannels {
        let rules = FreshnessPolicy {
            lookback: Duration::from_secs(60),
            idle_interval: Duration::from_secs(30),
            stale_after: Duration::from_secs(120),
            max_sample_age: Duration::from_secs(900),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
        };
        let store = ChannelStore::new(rules, 0);
        for id in 0..count {
            let noise = |n: u64| format!("{:x}", (id * 9 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let channel = config::Channel {
                name: (0..8).map(noise).collect::<String>().into(),
                ..config::Channel::new(id.to_string().into(), Duration::from_secs(15))
            };
            let meta = ChannelMeta {
                account: "default".into(),
                channel: Arc::new(channel),
            };
            store.insert(meta, Exposure::Always, NOW);
        }
        RenderedChannels::new(Arc::new(store))
    }

    fn unzipped(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(bytes);
        decoder.read_to_end(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn large_scrape_is_compressed_in_steps() {
        let store = channels(5000);
        let scrape = ScrapeWriter::new(&store, &[], Format::Prometheus, NOW);
        let render_permits = Arc::new(Semaphore::new(1));
        let mut body = gzip_body(scrape, Arc::clone(&render_permits)).unwrap();
        assert_eq!(body.size_hint().exact(), None);
        let mut got = Vec::new();
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            let bytes = frame.unwrap().into_data().unwrap();
            // Not much is compressed ahead of the client.
            assert!(bytes.len() < 2 * STEP_BYTES, "{}", bytes.len());
            got.extend_from_slice(&bytes);
            frames += 1;
        }
        assert!(frames > 2, "{frames}");
        let whole = metrics::render(&store, &[], Format::Prometheus, NOW);
        assert!(unzipped(&got) == whole);
        assert_eq!(render_permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn each_step_waits_for_a_permit() {
        let scrape = ScrapeWriter::new(&channels(5000), &[], Format::Prometheus, NOW);
        let render_permits = Arc::new(Semaphore::new(1));
        let mut body = gzip_body(scrape, Arc::clone(&render_permits)).unwrap();
        assert!(body.frame().await.is_some());
        let others = Arc::clone(&render_permits).acquire_owned().await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
        assert!(waited.is_err());
        drop(others);
        assert!(body.frame().await.is_some());
    }

    #[tokio::test]
    async fn small_scrape_has_a_length() {
        let store = channels(10);
        let scrape = ScrapeWriter::new(&store, &[], Format::OpenMetrics, NOW);
        let body = gzip_body(scrape, Arc::new(Semaphore::new(1))).unwrap();
        let length = body.size_hint().exact().unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), length);
        let whole = metrics::render(&store, &[], Format::OpenMetrics, NOW);
        assert_eq!(unzipped(&bytes), whole);
    }
}
