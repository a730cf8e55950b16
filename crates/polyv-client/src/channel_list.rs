//! The channels of an account, page by page.
//!
//! `GET /live/v4/channel/simple/list` (public docs), at most 1,000 a page, oldest first: a
//! deletion between two pages makes the second one skip a channel.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::LiveStatus;
use super::error::{BadResponse, Error};
use super::numeric_field::NumericField;
use super::status_valid::raw_text;

/// The operation's path.
pub(super) const PATH: &str = "/live/v4/channel/simple/list";

/// The most channels that one page holds.
pub const PAGE_SIZE: u32 = 1000;

/// A name is cut after so many characters: it becomes a label.
const LONGEST_NAME: usize = 200;

/// Which page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPageRequest {
    /// Only channels of this status; all of them where nothing is said.
    pub status: Option<LiveStatus>,
    /// Which page, from 1.
    pub number: u32,
}

/// A page of an account's channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPage {
    /// How many pages there are.
    pub pages: u32,
    /// How many channels there are in all.
    pub total: u64,
    /// Those of this page.
    pub channels: Vec<ListedChannel>,
    /// How many entries could not be read.
    pub unreadable: usize,
}

/// A channel of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChannel {
    /// Its number.
    pub id: String,
    /// Its name; empty where it has none.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    total_pages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_items: Option<&'a RawValue>,
    #[serde(borrow)]
    contents: Vec<&'a RawValue>,
}

/// An entry, as far as it is of use. What else there is (the channel's password) is not
/// decoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
}

// === impl ChannelPageRequest ===

impl ChannelPageRequest {
    pub(super) fn params(self) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("pageNumber", self.number.to_string()),
            ("pageSize", PAGE_SIZE.to_string()),
        ];
        params.extend(
            self.status
                .map(|status| ("watchStatus", status.wire_value().to_owned())),
        );
        params
    }
}

// === impl ChannelPage ===

impl ChannelPage {
    /// Reads the answer's `data`.
    pub(super) fn decode(data: Option<&RawValue>) -> Result<Self, Error> {
        let unexpected = |what: &str| {
            Error::BadResponse(BadResponse::UnexpectedData(format!("{what} was expected")))
        };
        let data: Data<'_> = data
            .and_then(|data| serde_json::from_str(data.get()).ok())
            .ok_or_else(|| unexpected("a page of channels"))?;
        let number =
            |raw: Option<&RawValue>| NumericField::parse_json(raw).number().filter(|n| *n >= 0.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
        let (pages, total) = match (number(data.total_pages), number(data.total_items)) {
            (Some(pages), Some(total)) => (pages as u32, total as u64),
            _ => return Err(unexpected("how many pages and channels there are")),
        };
        let contents = data
            .contents
            .get(..PAGE_SIZE as usize)
            .unwrap_or(&data.contents);
        let channels: Vec<ListedChannel> = contents
            .iter()
            .filter_map(|element| serde_json::from_str::<Element<'_>>(element.get()).ok())
            .map(|element| ListedChannel {
                id: raw_text(element.channel_id),
                name: element
                    .name
                    .filter(|raw| raw.get() != "null")
                    .map_or_else(String::new, |raw| {
                        raw_text(raw).chars().take(LONGEST_NAME).collect()
                    }),
            })
            .collect();
        let unreadable = contents.len() - channels.len();
        if unreadable > channels.len() {
            return Err(unexpected("a page of channels with their ids"));
        }
        Ok(Self {
            pages,
            total,
            channels,
            unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<ChannelPage, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        ChannelPage::decode(Some(&raw))
    }

    #[test]
    fn a_page_is_read_whichever_way_its_numbers_are_written() {
        for (pages, total) in [("3", "2101"), ("\"3\"", "\"2101\"")] {
            let page = decode(&format!(
                r#"{{"pageNumber":1,"pageSize":1000,"totalPages":{pages},"totalItems":{total},"contents":[
                    {{"channelId":"2614940","name":"Main","channelPasswd":"secret","scene":"topclass"}},
                    {{"channelId":7,"name":null}}, 8, {{"name":"nobody"}}]}}"#
            ))
            .unwrap();
            assert_eq!((page.pages, page.total, page.unreadable), (3, 2101, 2));
            let channels: Vec<_> = page.channels.iter().map(|c| (&*c.id, &*c.name)).collect();
            assert_eq!(channels, [("2614940", "Main"), ("7", "")]);
            assert!(!format!("{page:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_no_page_is_no_answer() {
        for data in [
            "[]",
            "\"\"",
            "{}",
            r#"{"totalPages":1,"totalItems":1}"#,
            r#"{"totalPages":1,"contents":[]}"#,
            r#"{"totalPages":"x","totalItems":1,"contents":[]}"#,
            r#"{"totalPages":-1,"totalItems":1,"contents":[]}"#,
        ] {
            assert!(decode(data).is_err(), "{data}");
        }
    }

    #[test]
    fn what_is_asked_for_is_a_page_of_one_status_or_of_all() {
        let of = |status| ChannelPageRequest { status, number: 2 }.params();
        assert_eq!(of(None).len(), 2);
        let banned = of(Some(LiveStatus::Banned));
        assert!(banned.contains(&("watchStatus", "banpush".to_owned())));
    }
}
