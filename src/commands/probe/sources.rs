//! What each of Polyv's calls for stream data has of the channel, and how many are watching.

use serde::Serialize;

use crate::commands::api_session::ApiSession;
use crate::config::Sources;
use crate::state::StreamSource;
use polyv_client::clock::Timestamp;
use polyv_client::{Client, Error, Outcome, Permit, PushedStream, Range, StreamInfo};

/// One call for stream data, as `docs/probe.md` documents it.
#[derive(Debug, Serialize)]
pub(super) struct SourceReport {
    /// As in `polyv_channel_source`.
    pub(super) source: &'static str,
    pub(super) outcome: &'static str,
    /// Why there was no response.
    pub(super) error: Option<String>,
    pub(super) samples: usize,
    /// `None` where there is no sample, and of a snapshot, which carries no time.
    pub(super) newest_sample_age_seconds: Option<f64>,
}

/// What the calls brought; nothing where none but the first was sent.
#[derive(Debug, Default)]
pub(super) struct SourceLookups {
    /// In the order in which the exporter prefers them.
    pub(super) reports: Vec<SourceReport>,
    /// Samples of the v4 call.
    pub(super) v4: StreamInfo,
    /// Whether Polyv says that the channel is live; `None` where it did not say.
    pub(super) live: Option<bool>,
    /// The stream that is pushed.
    pub(super) pushed: Option<PushedStream>,
    pub(super) viewers: Option<u64>,
    /// Whether the configuration has the exporter use the first source only.
    pub(super) only_tencent: bool,
}

// === impl SourceLookups ===

impl SourceLookups {
    /// Sends the calls beside the first one, whose result is `tencent`.
    pub(super) async fn probe(
        session: &ApiSession<'_>,
        tencent: &Result<StreamInfo, Error>,
        range: Range,
    ) -> Self {
        let channel_id = session.channel_id;
        let v4 = session
            .read(async |client: &Client, permit: Permit| {
                client.list_stream_info(permit, channel_id, range).await
            })
            .await;
        let streams = session
            .read(async |client: &Client, permit: Permit| {
                client.get_streams(permit, &[channel_id]).await
            })
            .await;
        let viewers = session
            .read(async |client: &Client, permit: Permit| {
                client.realtime_viewers(permit, &[channel_id]).await
            })
            .await;
        let now = session.clock.now().server_time;
        let own = streams.as_ref().ok().and_then(|streams| {
            let mut own = streams.iter();
            own.find(|found| found.channel_id == channel_id)
        });
        let pushed = own.and_then(|own| own.stream.clone());
        let snapshots = pushed.as_ref().map_or(0, |pushed| {
            let has_value =
                pushed.bitrate.number().is_some() || pushed.video_framerate.number().is_some();
            usize::from(has_value)
        });
        let newest = viewers.ok().and_then(|viewers| {
            let mut own = viewers.into_iter();
            let own = own.find(|found| found.channel_id == channel_id)?;
            own.counts.last().map(|newest| newest.count)
        });
        Self {
            reports: vec![
                of_samples(StreamSource::Tencent, tencent, now),
                of_samples(StreamSource::ListStreamInfo, &v4, now),
                report(StreamSource::Snapshot, &streams, snapshots, None),
            ],
            live: own.map(|own| own.live),
            v4: v4.unwrap_or_default(),
            pushed,
            viewers: newest,
            only_tencent: session.config.poll.sources == Sources::Tencent,
        }
    }

    /// The first source with a sample: the one that the exporter settles on.
    pub(super) fn source(&self) -> Option<&'static str> {
        let mut reports = self.reports.iter();
        let first = reports.find(|report| report.samples > 0)?;
        Some(first.source)
    }

    /// Whether a stream is pushed; `None` where Polyv does not say.
    pub(super) fn pushing(&self) -> Option<bool> {
        self.live
            .filter(|live| *live)
            .map(|_| self.pushed.is_some())
    }
}

fn of_samples(
    source: StreamSource,
    result: &Result<StreamInfo, Error>,
    now: Timestamp,
) -> SourceReport {
    let samples = result.as_ref().map_or(&[][..], |info| &info.samples);
    let times = samples.iter().filter_map(|sample| sample.time.timestamp());
    let count = times.clone().count();
    #[allow(clippy::cast_precision_loss)] // exact for 285,000 years
    let age = times
        .max()
        .map(|newest| now.millis_after(newest) as f64 / 1000.0);
    report(source, result, count, age)
}

fn report<T>(
    source: StreamSource,
    result: &Result<T, Error>,
    samples: usize,
    newest_sample_age_seconds: Option<f64>,
) -> SourceReport {
    let outcome = result.as_ref().map_or_else(Error::outcome, |_| Outcome::Ok);
    let error = result.as_ref().err();
    SourceReport {
        source: source.as_str(),
        outcome: outcome.as_str(),
        error: error
            .filter(|_| !outcome.is_success())
            .map(ToString::to_string),
        samples,
        newest_sample_age_seconds,
    }
}
