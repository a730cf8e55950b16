//! The sessions that a channel had: `GET /live/v3/channel/session/data/list`.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::channels::count;
use super::operation::{OperationResult, SignedCall, Success};
use crate::channels::Channels;
use crate::refusal::Refusal;
use crate::time::{MediaTime, beijing_date};

const DEFAULT_PAGE_SIZE: usize = 20;
const MAX_PAGE_SIZE: usize = 1000;
/// The longest time between `startDate` and `endDate` (public docs).
const MAX_DAYS: i64 = 60;

/// The sessions of a channel, newest first, page by page; the one that is live has no end.
///
/// `startDate` and `endDate` are days in Beijing, such as `2024-01-15` (public docs). The order and
/// the refusals are undocumented; readings.
pub(super) fn list(request: &SignedCall<'_>, channels: &mut Channels) -> OperationResult {
    let channel = request.channel(channels)?;
    let (first, last) = (day(request, "startDate")?, day(request, "endDate")?);
    if let (Some(first), Some(last)) = (first, last)
        && !(0..=MAX_DAYS).contains(&(last - first).num_days())
    {
        return Err(Refusal::InvalidParameter);
    }
    let number = count(request.parameters, "page", 1)?;
    let size = count(request.parameters, "pageSize", DEFAULT_PAGE_SIZE)?;
    if size > MAX_PAGE_SIZE {
        return Err(Refusal::InvalidParameter);
    }
    let reported = |at: MediaTime| at.to_reported(request.skew_ms);
    let known = channel.timeline.sessions(request.now);
    let wanted: Vec<_> = known
        .into_iter()
        .rev()
        .filter(|(start, _)| {
            let day = beijing_date(reported(*start));
            first.is_none_or(|first| day >= first) && last.is_none_or(|last| day <= last)
        })
        .collect();
    let contents: Vec<Value> = wanted
        .iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .map(|(start, end)| {
            json!({
                "channelId": channel.spec.id(),
                "sessionId": format!("s{}", reported(*start)),
                "userId": "simulated",
                "startTime": reported(*start),
                "endTime": end.map(reported),
            })
        })
        .collect();
    let data = json!({
        "pageSize": size,
        "pageNumber": number,
        "totalItems": wanted.len(),
        "totalPages": wanted.len().div_ceil(size),
        "contents": contents,
    });
    Ok(Success::ok(data.to_string()))
}

/// A day such as `2024-01-15`.
fn day(request: &SignedCall<'_>, name: &str) -> Result<Option<NaiveDate>, Refusal> {
    let text = request.parameters.get(name);
    text.map(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d"))
        .transpose()
        .map_err(|_| Refusal::InvalidParameter)
}
