//! Compressing what is sent once.

use std::io::{Error, Result, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use flate2::write::GzEncoder;
use http_body::Frame;
use tokio::sync::Semaphore;

use super::tracked_body::CHUNK_SIZE;
use crate::metrics::ScrapeWriter;

/// Fast: the tenth that a slower level saves is worth less than its time.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();
/// So much is compressed in one go, in bytes of the result: a few milliseconds' work, after
/// which others have their permit.
const STEP_BYTES: usize = 4 * CHUNK_SIZE;

/// Compresses a whole.
pub(super) fn compress(body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), GZIP_LEVEL);
    encoder.write_all(body)?;
    encoder.finish()
}

/// A scrape, compressed bit by bit as the client takes it.
pub(super) struct GzipBody {
    render_permits: Arc<Semaphore>,
    state: State,
}

enum State {
    /// Something is there to be sent.
    Ready(Bytes, CompressJob),
    /// The next bit is being compressed.
    Compressing(Pin<Box<Step>>),
    Done,
}

/// Something that is there sooner or later.
type Step = dyn Future<Output = Result<(Bytes, CompressJob)>> + Send;

/// What is left to do; nothing, where all is compressed.
type CompressJob = Option<Box<GzipEncoder>>;

struct GzipEncoder {
    scrape: ScrapeWriter,
    encoder: GzEncoder<Vec<u8>>,
    /// A chunk of text, whose place is used again.
    text: Vec<u8>,
}

// === impl GzipEncoder ===

impl GzipEncoder {
    /// Compresses the next bit.
    fn work(mut self: Box<Self>) -> Result<(Bytes, CompressJob)> {
        while self.scrape.remaining() > 0 {
            self.text.clear();
            self.scrape.write(CHUNK_SIZE, &mut self.text);
            self.encoder.write_all(&self.text)?;
            if self.encoder.get_ref().len() >= STEP_BYTES {
                let done = std::mem::take(self.encoder.get_mut());
                return Ok((done.into(), Some(self)));
            }
        }
        Ok((self.encoder.finish()?.into(), None))
    }
}

// === impl GzipBody ===

impl GzipBody {
    /// Begins to compress a scrape. What is small is compressed at once, as a whole. `render_permits`
    /// are those to work: one is held already.
    ///
    /// # Errors
    /// Those of the encoder.
    pub(super) fn begin(scrape: ScrapeWriter, render_permits: Arc<Semaphore>) -> Result<Body> {
        let compressor = Box::new(GzipEncoder {
            scrape,
            encoder: GzEncoder::new(Vec::new(), GZIP_LEVEL),
            text: Vec::with_capacity(CHUNK_SIZE),
        });
        Ok(match compressor.work()? {
            (whole, None) => Body::from(whole),
            (there, work) => Body::new(Self {
                render_permits,
                state: State::Ready(there, work),
            }),
        })
    }

    /// Has the next bit compressed away from the threads that poll, when it is its permit.
    fn compress_next(&self, compressor: Box<GzipEncoder>) -> State {
        let render_permits = Arc::clone(&self.render_permits);
        State::Compressing(Box::pin(async move {
            let permit = render_permits.acquire_owned().await.map_err(Error::other)?;
            let work = tokio::task::spawn_blocking(move || {
                let _turn = permit;
                compressor.work()
            });
            work.await.map_err(Error::other)?
        }))
    }
}

impl http_body::Body for GzipBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(bytes, work) => {
                    if let Some(compressor) = work {
                        self.state = self.compress_next(compressor);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                State::Compressing(mut work) => match work.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Compressing(work);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((bytes, work))) => self.state = State::Ready(bytes, work),
                    Poll::Ready(Err(failure)) => {
                        return Poll::Ready(Some(Err(axum::Error::new(failure))));
                    }
                },
                State::Done => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done)
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

    /// So many channels, whose names do not compress well.
    fn channels(count: u64) -> RenderedChannels {
        let rules = FreshnessPolicy {
            lookback: Duration::from_secs(60),
            idle_interval: Duration::from_secs(30),
            stale_after: Duration::from_secs(120),
            max_sample_age: Duration::from_secs(900),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
            history_bucket_width: Duration::from_secs(10),
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
    async fn compressed_bit_by_bit_it_is_what_it_was() {
        let store = channels(5000);
        let scrape = ScrapeWriter::new(&store, &[], Format::Prometheus, NOW);
        let render_permits = Arc::new(Semaphore::new(1));
        let mut body = GzipBody::begin(scrape, Arc::clone(&render_permits)).unwrap();
        assert_eq!(body.size_hint().exact(), None);
        let mut got = Vec::new();
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            let bytes = frame.unwrap().into_data().unwrap();
            // Not much is ahead of the client.
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
    async fn what_goes_on_waits_for_its_turn() {
        let scrape = ScrapeWriter::new(&channels(5000), &[], Format::Prometheus, NOW);
        let render_permits = Arc::new(Semaphore::new(1));
        let mut body = GzipBody::begin(scrape, Arc::clone(&render_permits)).unwrap();
        assert!(body.frame().await.is_some());
        let others = Arc::clone(&render_permits).acquire_owned().await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
        assert!(waited.is_err());
        drop(others);
        assert!(body.frame().await.is_some());
    }

    #[tokio::test]
    async fn what_is_small_has_a_length() {
        let store = channels(10);
        let scrape = ScrapeWriter::new(&store, &[], Format::OpenMetrics, NOW);
        let body = GzipBody::begin(scrape, Arc::new(Semaphore::new(1))).unwrap();
        let length = body.size_hint().exact().unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), length);
        let whole = metrics::render(&store, &[], Format::OpenMetrics, NOW);
        assert_eq!(unzipped(&bytes), whole);
    }
}
