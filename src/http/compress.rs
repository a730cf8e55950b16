//! Compressing what is sent once.

use std::io::{Error, Result, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use flate2::write::GzEncoder;
use http_body::Frame;
use tokio::sync::Semaphore;

use super::delivery::PIECE;
use crate::metrics::ScrapeWriter;

/// Fast: the tenth that a slower level saves is worth less than its time.
const LEVEL: flate2::Compression = flate2::Compression::fast();
/// So much is compressed in one go, in bytes of the result: a few milliseconds' work, after
/// which others have their turn.
const AT_A_TIME: usize = 4 * PIECE;

/// Compresses a whole.
pub(super) fn compress(body: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), LEVEL);
    encoder.write_all(body)?;
    encoder.finish()
}

/// A scrape, compressed bit by bit as the client takes it.
pub(super) struct Compression {
    turns: Arc<Semaphore>,
    state: State,
}

enum State {
    /// Something is there to be sent.
    There(Bytes, Work),
    /// The next bit is being compressed.
    Working(Pin<Box<Next>>),
    Over,
}

/// Something that is there sooner or later.
type Next = dyn Future<Output = Result<(Bytes, Work)>> + Send;

/// What is left to do; nothing, where all is compressed.
type Work = Option<Box<Compressor>>;

struct Compressor {
    scrape: ScrapeWriter,
    encoder: GzEncoder<Vec<u8>>,
    /// A piece of text, whose place is used again.
    text: Vec<u8>,
}

// === impl Compressor ===

impl Compressor {
    /// Compresses the next bit.
    fn work(mut self: Box<Self>) -> Result<(Bytes, Work)> {
        while self.scrape.remaining() > 0 {
            self.text.clear();
            self.scrape.write(PIECE, &mut self.text);
            self.encoder.write_all(&self.text)?;
            if self.encoder.get_ref().len() >= AT_A_TIME {
                let done = std::mem::take(self.encoder.get_mut());
                return Ok((done.into(), Some(self)));
            }
        }
        Ok((self.encoder.finish()?.into(), None))
    }
}

// === impl Compression ===

impl Compression {
    /// Begins to compress a scrape. What is small is compressed at once, as a whole. `turns`
    /// are those to work: one is held already.
    ///
    /// # Errors
    /// Those of the encoder.
    pub(super) fn begin(scrape: ScrapeWriter, turns: Arc<Semaphore>) -> Result<Body> {
        let compressor = Box::new(Compressor {
            scrape,
            encoder: GzEncoder::new(Vec::new(), LEVEL),
            text: Vec::with_capacity(PIECE),
        });
        Ok(match compressor.work()? {
            (whole, None) => Body::from(whole),
            (there, work) => Body::new(Self {
                turns,
                state: State::There(there, work),
            }),
        })
    }

    /// Has the next bit compressed away from the threads that poll, when it is its turn.
    fn go_on(&self, compressor: Box<Compressor>) -> State {
        let turns = Arc::clone(&self.turns);
        State::Working(Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(Error::other)?;
            let work = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                compressor.work()
            });
            work.await.map_err(Error::other)?
        }))
    }
}

impl http_body::Body for Compression {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::There(bytes, work) => {
                    if let Some(compressor) = work {
                        self.state = self.go_on(compressor);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                State::Working(mut work) => match work.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Working(work);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((bytes, work))) => self.state = State::There(bytes, work),
                    Poll::Ready(Err(failure)) => {
                        return Poll::Ready(Some(Err(axum::Error::new(failure))));
                    }
                },
                State::Over => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
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
    use crate::metrics::{self, ChannelMeta, ChannelStore, Exposure, Format};
    use crate::state::Rules;
    use polyv_client::clock::{Moment, Now, Timestamp};

    const NOW: Now = Now {
        moment: Moment::from_millis(1000),
        polyv: Timestamp::from_millis(1_700_000_000_000),
    };

    /// So many channels, whose names do not compress well.
    fn channels(count: u64) -> ChannelStore {
        let rules = Rules {
            lookback: Duration::from_secs(60),
            idle_interval: Duration::from_secs(30),
            stale_after: Duration::from_secs(120),
            max_sample_age: Duration::from_secs(900),
            window: Duration::from_secs(90),
            sustain: Duration::from_secs(30),
            history_step: Duration::from_secs(10),
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
        store
    }

    fn unzipped(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(bytes);
        decoder.read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn compressed_bit_by_bit_it_is_what_it_was() {
        let store = channels(5000);
        let scrape = ScrapeWriter::new(&store, &[], Format::Prometheus, NOW);
        let turns = Arc::new(Semaphore::new(1));
        let mut body = Compression::begin(scrape, Arc::clone(&turns)).unwrap();
        assert_eq!(body.size_hint().exact(), None);
        let mut got = Vec::new();
        let mut frames = 0;
        while let Some(frame) = body.frame().await {
            let bytes = frame.unwrap().into_data().unwrap();
            // Not much is ahead of the client.
            assert!(bytes.len() < 2 * AT_A_TIME, "{}", bytes.len());
            got.extend_from_slice(&bytes);
            frames += 1;
        }
        assert!(frames > 2, "{frames}");
        let whole = metrics::render(&store, &[], Format::Prometheus, NOW);
        assert!(unzipped(&got) == whole);
        assert_eq!(turns.available_permits(), 1);
    }

    #[tokio::test]
    async fn what_goes_on_waits_for_its_turn() {
        let scrape = ScrapeWriter::new(&channels(5000), &[], Format::Prometheus, NOW);
        let turns = Arc::new(Semaphore::new(1));
        let mut body = Compression::begin(scrape, Arc::clone(&turns)).unwrap();
        assert!(body.frame().await.is_some());
        let others = Arc::clone(&turns).acquire_owned().await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
        assert!(waited.is_err());
        drop(others);
        assert!(body.frame().await.is_some());
    }

    #[tokio::test]
    async fn what_is_small_has_a_length() {
        let store = channels(10);
        let scrape = ScrapeWriter::new(&store, &[], Format::OpenMetrics, NOW);
        let body = Compression::begin(scrape, Arc::new(Semaphore::new(1))).unwrap();
        let length = body.size_hint().exact().unwrap();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(u64::try_from(bytes.len()).unwrap(), length);
        let whole = metrics::render(&store, &[], Format::OpenMetrics, NOW);
        assert_eq!(unzipped(&bytes), whole);
    }
}
