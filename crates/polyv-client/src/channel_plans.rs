//! When broadcasts are planned, as Polyv's console has it.
//!
//! - `GET /live/v4/channel/session/new/list` (public docs): planned sessions of all channels. Only
//!   accounts with the feature plan sessions; others get an empty list (seen).
//! - `GET /live/v4/channel/basic/list` (public docs): channels whose start time, which viewers see
//!   as a countdown, lies in a period. Only the fields are documented, no whole sample is known.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::channel_list::PAGE_SIZE;
use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::json::{decode_data, is_object, raw_text};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;
use crate::sample_time::milliseconds;

const SESSIONS_PATH: &str = "/live/v4/channel/session/new/list";
const START_TIMES_PATH: &str = "/live/v4/channel/basic/list";

/// Planned broadcasts, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPage {
    /// The number of pages.
    pub pages: u32,
    /// The planned broadcasts of this page.
    pub broadcasts: Vec<ChannelPlan>,
}

/// A planned broadcast of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPlan {
    /// The channel's id.
    pub channel_id: String,
    /// The planned start.
    pub start: Timestamp,
    /// The planned end; `None` where Polyv has none after the start.
    pub end: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawData<'a> {
    #[serde(borrow)]
    total_pages: Option<&'a RawValue>,
    #[serde(borrow)]
    contents: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSession<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow)]
    plan_start_time: Option<&'a RawValue>,
    #[serde(borrow)]
    plan_end_time: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawChannel<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow)]
    start_time: Option<&'a RawValue>,
}

impl Client {
    /// A page of the planned sessions of all channels; pages count from 1.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn planned_sessions(&self, permit: Permit, page: u32) -> Result<PlanPage, Error> {
        let params = page_params(page);
        self.call(permit, SESSIONS_PATH, params, decode_sessions)
            .await
    }

    /// A page of the channels whose start time lies in a period; pages count from 1.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn start_times(
        &self,
        permit: Permit,
        from: Timestamp,
        until: Timestamp,
        page: u32,
    ) -> Result<PlanPage, Error> {
        let mut params = page_params(page);
        params.push(("startTime", from.as_millis().to_string()));
        params.push(("endTime", until.as_millis().to_string()));
        self.call(permit, START_TIMES_PATH, params, decode_start_times)
            .await
    }
}

fn page_params(page: u32) -> Vec<(&'static str, String)> {
    vec![
        ("pageNumber", page.to_string()),
        ("pageSize", PAGE_SIZE.to_string()),
    ]
}

fn decode_sessions(data: Option<&RawValue>) -> Result<PlanPage, Error> {
    decode(data, |item| {
        let raw: RawSession<'_> = serde_json::from_str(item).ok()?;
        Some((raw.channel_id, raw.plan_start_time, raw.plan_end_time))
    })
}

fn decode_start_times(data: Option<&RawValue>) -> Result<PlanPage, Error> {
    decode(data, |item| {
        let raw: RawChannel<'_> = serde_json::from_str(item).ok()?;
        Some((raw.channel_id, raw.start_time, None))
    })
}

/// A channel's id, start and end.
type RawPlan<'a> = (&'a RawValue, Option<&'a RawValue>, Option<&'a RawValue>);

/// Items without a planned start are left out. A list most of whose items are unreadable is an
/// error: it must not read as a list without plans.
fn decode(
    data: Option<&RawValue>,
    decode_item: impl Fn(&str) -> Option<RawPlan<'_>>,
) -> Result<PlanPage, Error> {
    let expected = "a page of planned broadcasts";
    let data: RawData<'_> = decode_data(data.filter(|data| is_object(data.get())), expected)?;
    let pages = NumericField::parse_json(data.total_pages).number();
    let pages = pages.filter(|pages| *pages >= 0.0);
    let items: Vec<RawPlan<'_>> = data
        .contents
        .iter()
        .filter(|item| is_object(item.get()))
        .filter_map(|item| decode_item(item.get()))
        .collect();
    let (Some(pages), true) = (pages, 2 * items.len() >= data.contents.len()) else {
        return Err(Error::unexpected_data(format!("{expected} was expected")));
    };
    let broadcasts = items.into_iter().filter_map(|(channel_id, start, end)| {
        let start = milliseconds(start)?;
        Some(ChannelPlan {
            channel_id: raw_text(channel_id),
            start,
            end: milliseconds(end).filter(|end| *end > start),
        })
    });
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    Ok(PlanPage {
        pages: pages as u32,
        broadcasts: broadcasts.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(data: &str) -> Box<RawValue> {
        serde_json::from_str(data).unwrap()
    }

    fn plan(channel_id: &str, start: i64, end: Option<i64>) -> ChannelPlan {
        ChannelPlan {
            channel_id: channel_id.to_owned(),
            start: Timestamp::from_millis(start),
            end: end.map(Timestamp::from_millis),
        }
    }

    #[test]
    fn planned_sessions_have_start_and_end() {
        let data = r#"{"pageNumber":1,"pageSize":1000,"totalPages":"2","totalItems":3,"contents":[
            {"sessionId":"g1","channelId":2614940,"name":"Talk","status":"unStart","startTime":"2024-01-15 10:30",
             "endTime":null,"planStartTime":1705285800000,"planEndTime":"1705289400000","streamType":"client"},
            {"sessionId":"g2","channelId":"7","planStartTime":1705285800000,"planEndTime":1705285800000},
            {"sessionId":"g3","channelId":"8","planStartTime":null}, 4]}"#;
        let page = decode_sessions(Some(&raw(data))).unwrap();
        let expected = [
            plan("2614940", 1_705_285_800_000, Some(1_705_289_400_000)),
            plan("7", 1_705_285_800_000, None),
        ];
        assert_eq!((page.pages, &page.broadcasts[..]), (2, &expected[..]));
    }

    #[test]
    fn channel_without_a_start_time_has_no_plan() {
        let data = r#"{"totalPages":1,"contents":[{"channelId":"1","startTime":1705285800000,"onlineNum":3},
            {"channelId":"2","startTime":0},{"channelId":"3","startTime":null},{"channelId":"4"}]}"#;
        let page = decode_start_times(Some(&raw(data))).unwrap();
        assert_eq!(page.broadcasts, [plan("1", 1_705_285_800_000, None)]);
    }

    #[test]
    fn unreadable_list_is_no_list_without_plans() {
        for data in [
            "[]",
            "{}",
            r#""""#,
            r#"{"totalPages":1}"#,
            r#"{"contents":[]}"#,
            r#"{"totalPages":-1,"contents":[]}"#,
            r#"{"totalPages":1,"contents":[1,2,{"channelId":"1"}]}"#,
        ] {
            assert!(decode_sessions(Some(&raw(data))).is_err(), "{data}");
        }
        let empty = decode_sessions(Some(&raw(r#"{"totalPages":0,"contents":[]}"#)));
        assert_eq!(empty.unwrap().broadcasts, []);
    }
}
