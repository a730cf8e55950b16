//! The sessions that a channel had.
//!
//! `GET /live/v3/channel/session/data/list` (public docs). The session that is live is among them,
//! without an end.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::json::{decode_data, is_object, raw_text};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;
use crate::sample_time::milliseconds;

const PATH: &str = "/live/v3/channel/session/data/list";

/// Sessions of a channel, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The number of pages.
    pub pages: u32,
    /// The sessions of this page, in Polyv's order, which is undocumented.
    pub sessions: Vec<ChannelSession>,
}

/// A session of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSession {
    /// Polyv's id of the session.
    pub id: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; `None` while it is live.
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
    session_id: &'a RawValue,
    #[serde(borrow)]
    start_time: &'a RawValue,
    #[serde(borrow)]
    end_time: Option<&'a RawValue>,
}

impl Client {
    /// A page of a channel's sessions that began from one day to another, in Beijing; Polyv takes
    /// up to 60 days. Pages count from 1 and have 20 sessions.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn sessions(
        &self,
        permit: Permit,
        channel_id: &str,
        first_day: NaiveDate,
        last_day: NaiveDate,
        page: u32,
    ) -> Result<SessionPage, Error> {
        let params = vec![
            ("channelId", channel_id.to_owned()),
            ("startDate", first_day.to_string()),
            ("endDate", last_day.to_string()),
            ("page", page.to_string()),
        ];
        self.call(permit, PATH, params, decode).await
    }
}

/// An unreadable session is ignored: it must not hide the others.
fn decode(data: Option<&RawValue>) -> Result<SessionPage, Error> {
    let expected = "a page of sessions";
    let data: RawData<'_> = decode_data(data.filter(|data| is_object(data.get())), expected)?;
    let pages = NumericField::parse_json(data.total_pages).number();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range
    let pages = pages
        .filter(|pages| (0.0..1e9).contains(pages))
        .unwrap_or(1.0) as u32;
    let sessions = data.contents.iter().filter_map(|item| session(item));
    Ok(SessionPage {
        pages,
        sessions: sessions.collect(),
    })
}

fn session(item: &RawValue) -> Option<ChannelSession> {
    if !is_object(item.get()) {
        return None;
    }
    let raw: RawSession<'_> = serde_json::from_str(item.get()).ok()?;
    Some(ChannelSession {
        id: raw_text(raw.session_id),
        start: milliseconds(Some(raw.start_time))?,
        end: milliseconds(raw.end_time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(data: &str) -> Result<SessionPage, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        decode(Some(&raw))
    }

    #[test]
    fn session_that_is_live_has_no_end() {
        let page = decoded(
            r#"{"pageSize":20,"pageNumber":1,"totalItems":2,"totalPages":1,"contents":[
                {"channelId":2588188,"sessionId":"gz5d8hyz6z","userId":"1b448be323",
                 "startTime":1661502990000,"endTime":null},
                {"endTime":"1661502990000","startTime":"1661502320000","sessionId":"gz5bxrg1zo"}]}"#,
        );
        let at = Timestamp::from_millis;
        let expected = |id: &str, start, end| ChannelSession {
            id: id.to_owned(),
            start,
            end,
        };
        assert_eq!(
            page.unwrap().sessions,
            [
                expected("gz5d8hyz6z", at(1_661_502_990_000), None),
                expected(
                    "gz5bxrg1zo",
                    at(1_661_502_320_000),
                    Some(at(1_661_502_990_000))
                ),
            ]
        );
    }

    #[test]
    fn unreadable_session_does_not_hide_the_others() {
        let page = decoded(
            r#"{"contents":[null,[1],{"sessionId":"a"},{"sessionId":"b","startTime":"soon"},
                {"sessionId":"c","startTime":1661502320000}]}"#,
        );
        let page = page.unwrap();
        assert_eq!((page.pages, page.sessions.len()), (1, 1));
        for data in ["null", "[]", "{}", r#"{"contents":{}}"#] {
            assert!(decoded(data).is_err(), "{data}");
        }
    }
}
