//! Bodies that are rendered piece by piece while the client takes them.

use std::io::{Error, Read as _, Result, Write as _};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::error;

use super::tracked_body::CHUNK_SIZE;
use crate::metrics::ScrapeWriter;

/// Fast: a slower level saves a tenth more, which is worth less than its time.
const GZIP_LEVEL: Compression = Compression::fast();
/// A piece is complete from this size on.
const PIECE_BYTES: usize = CHUNK_SIZE;
/// Some 20 KiB are written at a time.
const PIECE_CAPACITY: usize = 2 * CHUNK_SIZE;
/// The compressed size of one step: a few milliseconds' work, after which other requests have
/// their turn.
const GZIP_STEP_BYTES: usize = 4 * CHUNK_SIZE;
/// A larger body waits for its client compressed, since many clients may take nothing.
const MAX_WAITING_BYTES: usize = 2 * CHUNK_SIZE;

/// Appends the next bytes of a body. Returns whether others follow.
type WriteNext = dyn FnMut(&mut Vec<u8>) -> Result<bool> + Send;

/// A body that is rendered piece by piece.
pub(crate) struct Pieces {
    /// `None` after the last piece.
    write_next: Option<Box<WriteNext>>,
    /// The length of the whole body, if it is known before it is rendered.
    length: Option<usize>,
}

/// Compresses a body in steps, each of which gives some bytes.
struct GzipSteps {
    pieces: Pieces,
    encoder: GzEncoder<Vec<u8>>,
}

// === impl Pieces ===

impl Pieces {
    fn new(
        length: Option<usize>,
        write_next: impl FnMut(&mut Vec<u8>) -> Result<bool> + Send + 'static,
    ) -> Self {
        Self {
            write_next: Some(Box::new(write_next)),
            length,
        }
    }

    /// A JSON list between a head and a tail, rendered item by item.
    pub(super) fn json_list<T: 'static>(
        mut head: Vec<u8>,
        mut items: impl Iterator<Item = T> + Send + 'static,
        write_item: fn(&mut Vec<u8>, &T) -> serde_json::Result<()>,
        tail: &'static str,
    ) -> Self {
        let mut separator = "";
        Self::new(None, move |out| {
            out.append(&mut head);
            let Some(item) = items.next() else {
                out.extend_from_slice(tail.as_bytes());
                return Ok(false);
            };
            out.extend_from_slice(separator.as_bytes());
            separator = ",";
            write_item(out, &item)?;
            Ok(true)
        })
    }

    /// The length of the whole body, if it is known before it is rendered.
    pub(super) fn length(&self) -> Option<usize> {
        self.length
    }

    /// The body as it is. The first piece is rendered now.
    ///
    /// # Errors
    /// The first piece cannot be rendered.
    pub(super) fn plain(mut self) -> Result<Body> {
        let first = self.next().transpose()?.unwrap_or_default();
        if self.write_next.is_some() {
            return Ok(Body::from_stream(
                stream::iter([Ok(first)]).chain(stream::iter(self.map(log_failure))),
            ));
        }
        if first.len() <= MAX_WAITING_BYTES {
            return Ok(first.into());
        }
        let mut encoder = GzEncoder::new(Vec::new(), GZIP_LEVEL);
        encoder.write_all(&first)?;
        let compressed = encoder.finish()?.into_boxed_slice();
        let mut decoder = GzDecoder::new(std::io::Cursor::new(compressed));
        let limit = u64::try_from(PIECE_BYTES).map_err(Error::other)?;
        let pieces = Self::new(self.length, move |out| {
            Ok(std::io::Read::take(&mut decoder, limit).read_to_end(out)? > 0)
        });
        Ok(Body::from_stream(stream::iter(pieces.map(log_failure))))
    }

    /// The body compressed. A small one is compressed at once and has a length; a large one is
    /// compressed step by step as the client takes it. Each step waits for one of
    /// `render_permits`; the caller holds one for the first step.
    ///
    /// # Errors
    /// The first step fails.
    pub(super) fn gzip(self, render_permits: Arc<Semaphore>) -> Result<Body> {
        let steps = GzipSteps {
            pieces: self,
            encoder: GzEncoder::new(Vec::new(), GZIP_LEVEL),
        };
        let (bytes, steps) = steps.next()?;
        if steps.is_none() {
            return Ok(Body::from(bytes));
        }
        let rest = stream::try_unfold(steps, move |steps| {
            let render_permits = Arc::clone(&render_permits);
            async move {
                let Some(steps) = steps else {
                    return Ok(None);
                };
                let permit = render_permits.acquire_owned().await.map_err(Error::other)?;
                let step = spawn_blocking(move || {
                    let _permit = permit;
                    steps.next()
                });
                let step = step.await.map_err(Error::other).flatten();
                log_failure(step).map(Some)
            }
        });
        Ok(Body::from_stream(stream::iter([Ok(bytes)]).chain(rest)))
    }
}

/// Logs why a body ends early, which its client only sees as a broken connection.
fn log_failure<T>(piece: Result<T>) -> Result<T> {
    piece.inspect_err(|failure| error!(%failure, "a response cannot be rendered to its end"))
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        let capacity = self.length.unwrap_or(PIECE_CAPACITY).min(PIECE_CAPACITY);
        let mut piece = Vec::with_capacity(capacity);
        while piece.len() < PIECE_BYTES
            && let Some(write_next) = &mut self.write_next
        {
            match write_next(&mut piece) {
                Ok(true) => {}
                Ok(false) => self.write_next = None,
                Err(failure) => {
                    self.write_next = None;
                    return Some(Err(failure));
                }
            }
        }
        (!piece.is_empty()).then_some(Ok(piece))
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(mut body: Vec<u8>) -> Self {
        Self::new(Some(body.len()), move |out| {
            out.append(&mut body);
            Ok(false)
        })
    }
}

impl From<ScrapeWriter> for Pieces {
    fn from(mut scrape: ScrapeWriter) -> Self {
        Self::new(Some(scrape.length()), move |out| Ok(scrape.write_next(out)))
    }
}

// === impl GzipSteps ===

impl GzipSteps {
    /// Compresses the next bytes. The steps are returned unless these are the last.
    fn next(mut self) -> Result<(Bytes, Option<Self>)> {
        while let Some(piece) = self.pieces.next() {
            self.encoder.write_all(&piece?)?;
            if self.encoder.get_ref().len() >= GZIP_STEP_BYTES {
                let bytes = std::mem::take(self.encoder.get_mut());
                return Ok((bytes.into(), Some(self)));
            }
        }
        Ok((self.encoder.finish()?.into(), None))
    }
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
            sources: config::Sources::Auto,
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
        let mut decoder = GzDecoder::new(bytes);
        decoder.read_to_end(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn large_scrape_is_compressed_in_steps() {
        let store = channels(5000);
        let scrape = ScrapeWriter::new(&store, &[], Format::Prometheus, NOW);
        let render_permits = Arc::new(Semaphore::new(1));
        let mut body = Pieces::from(scrape)
            .gzip(Arc::clone(&render_permits))
            .unwrap();
        assert_eq!(body.size_hint().exact(), None);
        let mut got = Vec::new();
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            let bytes = frame.unwrap().into_data().unwrap();
            // Not much is compressed ahead of the client.
            assert!(bytes.len() < 2 * GZIP_STEP_BYTES, "{}", bytes.len());
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
        let mut body = Pieces::from(scrape)
            .gzip(Arc::clone(&render_permits))
            .unwrap();
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
        let body = Pieces::from(scrape)
            .gzip(Arc::new(Semaphore::new(1)))
            .unwrap();
        let length = body.size_hint().exact().unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), length);
        let whole = metrics::render(&store, &[], Format::OpenMetrics, NOW);
        assert_eq!(unzipped(&bytes), whole);
    }

    /// All frames of a body, none of which is much larger than a piece.
    async fn frames(mut body: Body) -> Vec<u8> {
        let mut received = Vec::new();
        while let Some(frame) = body.frame().await {
            let bytes = frame.unwrap().into_data().unwrap();
            assert!(bytes.len() <= 2 * CHUNK_SIZE, "{}", bytes.len());
            received.extend_from_slice(&bytes);
        }
        received
    }

    #[tokio::test]
    async fn large_body_is_sent_in_pieces() {
        let scrape = ScrapeWriter::new(&channels(5000), &[], Format::Prometheus, NOW);
        let length = scrape.length();
        let body = Pieces::from(scrape).plain().unwrap();
        assert_eq!(frames(body).await.len(), length);
        let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        let pieces = Pieces::from(whole.clone());
        assert_eq!(pieces.length(), Some(whole.len()));
        assert!(frames(pieces.plain().unwrap()).await == whole);
    }

    #[tokio::test]
    async fn json_list_is_valid_with_any_number_of_items() {
        for count in [0, 1, 2, 100_000] {
            let list: Vec<u32> = (0..count).collect();
            let pieces = Pieces::json_list(
                b"{\"a\":[".to_vec(),
                list.clone().into_iter(),
                |out, item| serde_json::to_writer(out, item),
                "]}\n",
            );
            let body = frames(pieces.plain().unwrap()).await;
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value, serde_json::json!({"a": list}));
        }
    }

    #[tokio::test]
    async fn failed_piece_is_an_error() {
        let failing = |pieces| {
            let mut remaining = pieces;
            Pieces::new(None, move |out| {
                out.resize(CHUNK_SIZE, b'x');
                remaining -= 1;
                if remaining > 0 {
                    Ok(true)
                } else {
                    Err(Error::other("broken"))
                }
            })
        };
        assert!(failing(1).plain().is_err());
        assert!(failing(1).gzip(Arc::new(Semaphore::new(1))).is_err());
        let body = failing(3).plain().unwrap();
        assert!(
            body.collect().await.is_err(),
            "the client must not take it for complete"
        );
    }
}
