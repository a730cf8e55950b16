//! The stream information: `GET /live/v3/channel/monitor/list-tencent-stream-info`.
//!
//! Only for channels on Tencent's CDN, only while they are live (the page). At most 3 hours
//! between start and end, and 7 days back (Tencent).

use hyper::Method;

use super::{Channels, Operation, Question, Success, Takes};
use crate::simulator::channel::StreamName;
use crate::simulator::encode::Encoding;
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::phase::Phase;
use crate::simulator::request::Parameters;
use crate::simulator::samples::Sample;
use crate::simulator::settings::Order;
use crate::simulator::time::{MediaTime, signed_millis};
use polyv_client::clock::Timestamp;

pub(super) const OPERATION: Operation = Operation {
    method: Method::GET,
    path: "/live/v3/channel/monitor/list-tencent-stream-info",
    endpoint: "stream_info",
    envelope: Envelope::V3,
    takes: Takes::Query,
    required: &["channelId"],
    answer,
};

const LONGEST_RANGE_MS: i64 = 3 * 3_600_000;
const FARTHEST_BACK_MS: i64 = 7 * 24 * 3_600_000;

fn answer(question: &Question<'_>, channels: &mut Channels) -> Result<Success, Refusal> {
    let general_delay = channels.sample_delay;
    let now = question.now;
    let channel = channels.asked_for(question)?;
    let polyv_now = now.said_with_skew(question.skew_ms);
    let (start, end) = range(question.parameters, polyv_now)?;
    let phase = channel.phase(now);
    if !phase.is_live() {
        return Err(Refusal::not_live());
    }
    if *phase == Phase::Empty {
        return Ok(Success {
            data: "[]".to_owned(),
            word: "no_samples",
        });
    }
    let meant = |said| MediaTime::meant_with_skew(said, question.skew_ms);
    let horizon = channel.horizon(now, general_delay);
    let sampling = question.settings.sampling;
    let mut samples = sampling.between(channel, meant(start), meant(end).min(horizon));
    channel.sent(samples.iter());
    if let Some(count) = question.spoils.many_streams {
        samples = under_many_names(&samples, count);
    }
    match question.settings.order {
        Order::OldestFirst => {}
        Order::NewestFirst => samples.reverse(),
        Order::Shuffled => samples.sort_by_key(|sample| {
            let chance = channel.chance.and_signed(sample.at.as_millis());
            chance.and_text(sample.stream.text()).and(4).bits()
        }),
    }
    let encoding = Encoding {
        decimals: question.settings.decimals,
        shift_ms: question
            .skew_ms
            .saturating_add(signed_millis(question.spoils.ahead)),
        sampling,
        wrong_type: question.spoils.wrong_type,
        bad_values: question.spoils.bad_values.as_ref(),
        padding: question.spoils.sample_padding,
    };
    Ok(Success {
        data: encoding.array(&samples),
        word: if samples.is_empty() {
            "no_samples"
        } else {
            "samples"
        },
    })
}

/// The range that is asked for: the last 3 hours until now, where nothing is said.
fn range(parameters: &Parameters, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let bound = |name| parameters.get(name).map(millis).transpose();
    let start = bound("startTime")?.unwrap_or(now.plus_millis(-LONGEST_RANGE_MS));
    let end = bound("endTime")?.unwrap_or(now);
    let length = end.millis_after(start);
    if length <= 0 || length > LONGEST_RANGE_MS || now.millis_after(start) > FARTHEST_BACK_MS {
        return Err(Refusal::parameters());
    }
    Ok((start, end))
}

/// 13 digits: milliseconds, as the page's example sends them. (Whether a written date is
/// understood as well is undocumented; this Polyv does not.)
fn millis(text: &str) -> Result<Timestamp, Refusal> {
    let digits = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .map(Timestamp::from_millis)
        .ok_or_else(Refusal::parameters)
}

/// Each sample of the first stream, once for each of so many names.
fn under_many_names(samples: &[Sample], count: usize) -> Vec<Sample> {
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
