//! The channels of an account, page by page.
//!
//! `GET /live/v4/channel/simple/list` (public docs), at most 1,000 channels per page, oldest
//! first: a deletion between two pages makes the second one skip a channel.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, raw_text};
use crate::limiter::Permit;
use crate::live_status::LiveStatus;
use crate::numeric_field::NumericField;

const PATH: &str = "/live/v4/channel/simple/list";

/// The maximum number of channels on a page.
pub const PAGE_SIZE: u32 = 1000;

/// Longer names are cut.
const MAX_NAME_CHARS: usize = 200;

/// Which page to request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPageRequest {
    /// Only channels of this status; `None` for all.
    pub status: Option<LiveStatus>,
    /// The page's number, from 1.
    pub number: u32,
}

/// A page of an account's channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelPage {
    /// The number of pages.
    pub pages: u32,
    /// The number of channels on all pages.
    pub total: u64,
    /// The channels of this page.
    pub channels: Vec<ListedChannel>,
    /// The number of unreadable items on this page.
    pub unreadable: usize,
}

/// A channel of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChannel {
    /// The channel's id.
    pub id: String,
    /// The channel's name; may be empty.
    pub name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawData {
    total_pages: Option<Box<RawValue>>,
    total_items: Option<Box<RawValue>>,
    contents: Vec<Box<RawValue>>,
}

/// An item; other fields, such as the channel's password, are not decoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem {
    channel_id: Box<RawValue>,
    name: Option<Box<RawValue>>,
}

impl Client {
    /// A page of the account's channels.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn channel_list(
        &self,
        permit: Permit,
        page: ChannelPageRequest,
    ) -> Result<ChannelPage, Error> {
        self.call(permit, PATH, page.params(), decode).await
    }
}

impl ChannelPageRequest {
    fn params(self) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("pageNumber", self.number.to_string()),
            ("pageSize", PAGE_SIZE.to_string()),
        ];
        let status = self.status.map(|status| status.wire_value().to_owned());
        params.extend(status.map(|status| ("watchStatus", status)));
        params
    }
}

fn decode(data: Option<&RawValue>) -> Result<ChannelPage, Error> {
    let data: RawData = decode_data(data, "a page of channels")?;
    let count = |raw: Option<Box<RawValue>>| {
        let number = NumericField::parse_json(raw.as_deref()).number();
        number.filter(|number| *number >= 0.0).ok_or_else(|| {
            Error::unexpected_data("the number of pages and channels was expected".to_owned())
        })
    };
    let contents = data.contents.get(..PAGE_SIZE as usize);
    let contents = contents.unwrap_or(&data.contents);
    let channels: Vec<ListedChannel> = contents
        .iter()
        .filter_map(|item| serde_json::from_str::<RawItem>(item.get()).ok())
        .map(|item| ListedChannel {
            id: raw_text(&item.channel_id),
            name: item.name.map_or_else(String::new, |name| {
                raw_text(&name).chars().take(MAX_NAME_CHARS).collect()
            }),
        })
        .collect();
    let unreadable = contents.len() - channels.len();
    if unreadable > channels.len() {
        return Err(Error::unexpected_data(
            "a page of channels with their ids was expected".to_owned(),
        ));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    Ok(ChannelPage {
        pages: count(data.total_pages)? as u32,
        total: count(data.total_items)? as u64,
        channels,
        unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<ChannelPage, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        super::decode(Some(&raw))
    }

    #[test]
    fn page_numbers_may_be_strings() {
        for (pages, total) in [("3", "2101"), ("\"3\"", "\"2101\"")] {
            let page = decode(&format!(
                r#"{{"pageNumber":1,"pageSize":1000,"totalPages":{pages},"totalItems":{total},"contents":[
                    {{"channelId":"2614940","name":"Main","channelPasswd":"secret","scene":"topclass"}},
                    {{"channelId":7,"name":null}}, 8, {{"name":"stranger"}}]}}"#
            ))
            .unwrap();
            assert_eq!((page.pages, page.total, page.unreadable), (3, 2101, 2));
            let channels: Vec<_> = page.channels.iter().map(|c| (&*c.id, &*c.name)).collect();
            assert_eq!(channels, [("2614940", "Main"), ("7", "")]);
            assert!(!format!("{page:?}").contains("secret"));
        }
    }

    #[test]
    fn data_other_than_a_page_are_rejected() {
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
    fn request_filters_by_status_if_given() {
        let of = |status| ChannelPageRequest { status, number: 2 }.params();
        assert_eq!(of(None).len(), 2);
        let banned = of(Some(LiveStatus::Banned));
        assert!(banned.contains(&("watchStatus", "banpush".to_owned())));
    }
}
