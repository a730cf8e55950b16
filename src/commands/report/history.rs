//! What Polyv still has of a live channel, for a report without a recording.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::super::api_session::ApiSession;
use crate::cli::ReportArgs;
use crate::config::Expect;
use crate::recorder::{ChannelRecording, Period, RecordedSample, RecordedState, StreamRecording};
use crate::report::{BroadcastChoice, BroadcastReport};
use crate::state::{LiveState, SampleValues, past_samples};
use polyv_client::clock::Timestamp;
use polyv_client::{Client, Error, Permit, Range};

/// The longest range of one call; the call takes 3 hours at most, and clocks differ.
const MAX_RANGE: Duration = Duration::from_secs(175 * 60);
/// How far back Polyv's history reaches.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// A longer time without samples is before the broadcast.
const BROADCAST_GAP: Duration = Duration::from_secs(300);

type Samples = BTreeMap<String, BTreeMap<Timestamp, SampleValues>>;

/// Requests the history of a live channel, back to the start of its broadcast or to `--since`.
pub(super) async fn report(
    session: &ApiSession<'_>,
    arguments: &ReportArgs,
) -> anyhow::Result<BroadcastReport> {
    if arguments.broadcast != BroadcastChoice::Back(1) {
        bail!(
            "only the present broadcast of a live channel can be requested from Polyv: set \
             `recorder.path`, and earlier ones are recorded"
        );
    }
    let now = session.clock.now().server_time;
    let until = arguments.until.unwrap_or(now).min(now);
    let oldest = arguments.since.unwrap_or(now - MAX_AGE).max(now - MAX_AGE);
    let calls = until.since(oldest).as_secs().div_ceil(MAX_RANGE.as_secs());
    let progress = ProgressBar::new(calls).with_style(style());
    let mut samples = Samples::new();
    let mut end = until;
    while end > oldest {
        let start = (end - MAX_RANGE).max(oldest);
        progress.set_message(format!("{} h", until.since(start).as_secs() / 3600));
        request(session, Period { start, end }, &mut samples).await?;
        progress.inc(1);
        end = start;
        let first = samples.values().filter_map(|s| s.keys().next()).min();
        let is_before = first.is_none_or(|first| first.since(start) >= BROADCAST_GAP);
        if is_before && arguments.since.is_none() {
            break;
        }
    }
    progress.finish_and_clear();
    let recording = recording(
        session,
        samples,
        Period {
            start: end,
            end: until,
        },
    );
    BroadcastReport::new(&recording, until == now)
        .context("the channel is live, and Polyv has no samples of it")
}

/// Requests a period's samples.
async fn request(
    session: &ApiSession<'_>,
    period: Period,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    let range = Range {
        start: Some(period.start),
        end: Some(period.end),
    };
    let channel_id = session.channel_id;
    let response = session
        .read(async |client: &Client, permit: Permit| {
            client.stream_info(permit, channel_id, range).await
        })
        .await;
    let info = match response {
        Err(Error::NotLive) => bail!(
            "the channel is not live, and Polyv has samples only of live channels: set \
             `recorder.path`, and broadcasts are recorded"
        ),
        other => other.context("Polyv's history cannot be requested")?,
    };
    for (stream, time, values) in past_samples(&info, session.clock.now().server_time) {
        let stream = samples.entry(stream.as_str().to_owned()).or_default();
        stream.insert(time, values);
    }
    Ok(())
}

fn recording(session: &ApiSession<'_>, samples: Samples, period: Period) -> ChannelRecording {
    let mut channels = session.account.channels.iter();
    let channel = channels.find(|channel| *channel.id == *session.channel_id);
    let streams = samples.into_iter().map(|(name, samples)| StreamRecording {
        name: name.into(),
        samples: samples
            .into_iter()
            .map(|(time, values)| RecordedSample { time, values })
            .collect(),
        covered: vec![period],
    });
    ChannelRecording {
        account: session.account.name.as_str().into(),
        channel_id: session.channel_id.into(),
        channel_name: channel.map_or(session.channel_id.into(), |channel| channel.name.clone()),
        expect: channel.map_or(Expect::default(), |channel| channel.expect),
        period: Period {
            end: period.end + Duration::from_millis(1),
            ..period
        },
        streams: streams.collect(),
        // That it is live now says nothing of the time before: gaps in the history are when
        // nothing was pushed.
        states: vec![RecordedState {
            time: period.end,
            state: LiveState::Live,
        }],
        observed: Vec::new(),
        viewers: Vec::new(),
        plan: None,
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("requesting Polyv's history {bar:30} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
