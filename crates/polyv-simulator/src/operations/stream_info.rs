//! The stream information: `GET /live/v3/channel/monitor/list-tencent-stream-info`, and its v4
//! sibling `GET /live/v4/channel/monitor/list-stream-info`.
//!
//! The first is only for channels on Tencent's CDN, the second for Alibaba's as well; both only
//! while they are live (the pages). At most 3 hours between start and end, and 7 days back
//! (Tencent).

use std::time::Duration;

use super::json;
use super::operation::{OperationResult, SignedCall, Success};
use crate::cdn::Cdn;
use crate::channels::Channels;
use crate::encode::{Encoding, SampleForm};
use crate::phase::Phase;
use crate::refusal::Refusal;
use crate::request::Parameters;
use crate::sampling::Sampling;
use crate::settings::{OtherCdn, SampleOrder};
use crate::stream::{Sample, StreamName};
use crate::time::{MediaTime, signed_millis};

const MAX_RANGE_MS: i64 = 3 * 3_600_000;
const MAX_AGE_MS: i64 = 7 * 24 * 3_600_000;

/// The time between two samples of Alibaba's CDN, and how much later than others they appear: a
/// reading of points that are a minute apart and minutes late.
const ALIBABA_EVERY: Duration = Duration::from_secs(60);
const ALIBABA_DELAY: Duration = Duration::from_secs(60);

/// The samples of a channel on Tencent's CDN.
pub(super) fn list(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    respond(request, channels, SampleForm::V3)
}

/// The samples of a channel on Tencent's or Alibaba's CDN.
pub(super) fn list_v4(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    respond(request, channels, SampleForm::V4)
}

fn respond(request: &SignedCall<'_>, channels: &mut Channels, form: SampleForm) -> OperationResult {
    let default_delay = channels.sample_delay;
    let now = request.now;
    let channel = request.channel(channels)?;
    let (start, end) = range(request.parameters, now.to_reported(request.skew_ms))?;
    let phase = channel.phase(now);
    if !phase.is_live() {
        return Err(match form {
            SampleForm::V3 => Refusal::NotLive,
            SampleForm::V4 => Refusal::NoPush,
        });
    }
    let mut sampling = request.settings.sampling();
    let cdn = channel.spec.ingest.cdn;
    let has_data = match form {
        SampleForm::V3 => cdn == Cdn::Tencent,
        SampleForm::V4 => cdn != Cdn::Other,
    };
    if !has_data && request.settings.other_cdn_answers == OtherCdn::Refused {
        return Err(Refusal::OtherCdn);
    }
    let mut samples = Vec::new();
    if has_data && *phase != Phase::Empty {
        let media = |reported_ms| MediaTime::from_reported(reported_ms, request.skew_ms);
        let mut visible_until = channel.visible_until(now, default_delay);
        if cdn == Cdn::Alibaba {
            visible_until = visible_until.minus(ALIBABA_DELAY);
            sampling = Sampling {
                every: ALIBABA_EVERY,
                ..sampling
            };
        }
        samples = sampling.between(channel, media(start), media(end), visible_until);
        channel.record_sent(&samples);
    }
    if let Some(count) = request.corruptions.many_streams {
        samples = with_many_names(&samples, count);
    }
    match request.settings.order {
        SampleOrder::OldestFirst => {}
        SampleOrder::NewestFirst => samples.reverse(),
        SampleOrder::Shuffled => samples.sort_by_key(|sample| {
            let rng = channel.rng.with_signed(sample.at.as_millis());
            rng.with_text(sample.stream.text()).with(4).bits()
        }),
    }
    if form == SampleForm::V4 {
        let push_name = channel.push_name();
        for sample in &mut samples {
            sample.stream = push_address(&sample.stream, &push_name);
        }
    }
    let ahead_ms = signed_millis(request.corruptions.ahead);
    let encoding = Encoding {
        decimals: request.settings.decimals || form == SampleForm::V4,
        form,
        shift_ms: request.skew_ms.saturating_add(ahead_ms),
        sampling,
        wrong_type: request.corruptions.wrong_type,
        bad_values: request.corruptions.bad_values.as_ref(),
        padding: request.corruptions.sample_padding,
    };
    let outcome = if samples.is_empty() {
        "no_samples"
    } else {
        "samples"
    };
    Ok(Success {
        data: encoding.array(&samples),
        outcome,
    })
}

/// The whole push address of a stream, unless its name is one.
fn push_address(name: &StreamName, push_name: &str) -> StreamName {
    let text = name.text();
    if text.contains("://") {
        return name.clone();
    }
    StreamName::new(&format!("rtmp://push-d1.videocc.net/{text}/{push_name}"))
}

/// The requested range in milliseconds since 1970; by default the last 3 hours.
fn range(parameters: &Parameters, now_ms: i64) -> Result<(i64, i64), Refusal> {
    let bound = |name| parameters.get(name).map(millis).transpose();
    let start = bound("startTime")?.unwrap_or(now_ms - MAX_RANGE_MS);
    let end = bound("endTime")?.unwrap_or(now_ms);
    if (1..=MAX_RANGE_MS).contains(&(end - start)) && now_ms - start <= MAX_AGE_MS {
        Ok((start, end))
    } else {
        Err(Refusal::InvalidParameter)
    }
}

/// 13 digits: milliseconds, as in the page's example. (Undocumented: whether Polyv accepts a
/// formatted date as well. The simulator does not.)
fn millis(text: &str) -> Result<i64, Refusal> {
    json::digits(text)
        .filter(|_| text.len() == 13)
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or(Refusal::InvalidParameter)
}

/// Each sample of the first stream under `count` names.
fn with_many_names(samples: &[Sample], count: usize) -> Vec<Sample> {
    let names: Vec<StreamName> = (1..=count)
        .map(|number| StreamName::new(&format!("stream{number:02}")))
        .collect();
    let first = samples.first().map(|sample| &sample.stream);
    samples
        .iter()
        .filter(|sample| Some(&sample.stream) == first)
        .flat_map(|sample| {
            names.iter().map(|name| Sample {
                stream: name.clone(),
                ..sample.clone()
            })
        })
        .collect()
}
