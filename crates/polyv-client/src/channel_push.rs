//! What is pushed to up to 100 channels at this moment, on any CDN.
//!
//! `GET /live/v3/channel/monitor/get-streams` (public docs). A moment of unknown age: the response
//! carries no time stamp.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, is_object, parse_bool, raw_text, string_content};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;

const PATH: &str = "/live/v3/channel/monitor/get-streams";

/// The maximum number of channels in one [`Client::get_streams`] call.
pub const MAX_CHANNELS_PER_STREAMS_CALL: usize = 100;

/// Longer addresses of ingest nodes are ignored: an IPv6 address has 45 characters at most.
const MAX_NODE_CHARS: usize = 64;

/// A channel, and what is pushed to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelPush {
    /// The channel's id.
    pub channel_id: String,
    /// Whether the channel is live.
    pub live: bool,
    /// The stream; `None` where Polyv reports none. A channel can be live without one, because
    /// its status can be set without a push.
    pub stream: Option<PushedStream>,
}

/// A stream that is pushed to a channel. Neither its name, which suffices to push to the channel,
/// nor the publisher's address is decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct PushedStream {
    /// `inBandWidth`: bits per second.
    pub bitrate: NumericField,
    /// `fps`: video frames per second.
    pub video_framerate: NumericField,
    /// `lfr`: the share of lost frames. Whether of 1 or of 100 is undocumented; missing on some
    /// CDNs.
    pub lost_frames: NumericField,
    /// `deployAddress`: the address of the CDN's node that receives the push. `None` on some CDNs,
    /// and where the value is no address.
    pub ingest_node: Option<String>,
}

/// An item; `inAddress` and `streamName` are not decoded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawItem<'a> {
    #[serde(borrow)]
    channel_id: &'a RawValue,
    #[serde(borrow)]
    live: &'a RawValue,
    #[serde(borrow)]
    stream_info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStream<'a> {
    #[serde(borrow)]
    deploy_address: Option<&'a RawValue>,
    #[serde(borrow)]
    fps: Option<&'a RawValue>,
    #[serde(borrow)]
    lfr: Option<&'a RawValue>,
    #[serde(borrow)]
    in_band_width: Option<&'a RawValue>,
}

impl Client {
    /// What is pushed to up to [`MAX_CHANNELS_PER_STREAMS_CALL`] channels, in any order.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn get_streams(
        &self,
        permit: Permit,
        channel_ids: &[&str],
    ) -> Result<Vec<ChannelPush>, Error> {
        let params = vec![("channelIds", channel_ids.join(","))];
        self.call(permit, PATH, params, decode).await
    }
}

impl PushedStream {
    /// Whether anything arrives: `false` where bitrate and frame rate are 0, `None` where neither
    /// is known.
    #[must_use]
    pub fn is_pushing(&self) -> Option<bool> {
        let numbers = [self.bitrate.number(), self.video_framerate.number()];
        numbers
            .into_iter()
            .flatten()
            .map(|number| number > 0.0)
            .reduce(|any, more| any || more)
    }
}

/// An unreadable item is ignored: it must not hide the others.
fn decode(data: Option<&RawValue>) -> Result<Vec<ChannelPush>, Error> {
    let items: Vec<&RawValue> = decode_data(data, "a list of channels with their streams")?;
    Ok(items.into_iter().filter_map(decode_item).collect())
}

fn decode_item(item: &RawValue) -> Option<ChannelPush> {
    if !is_object(item.get()) {
        return None;
    }
    let raw: RawItem<'_> = serde_json::from_str(item.get()).ok()?;
    let stream = raw.stream_info.filter(|stream| is_object(stream.get()));
    Some(ChannelPush {
        channel_id: raw_text(raw.channel_id),
        live: parse_bool(raw.live)?,
        stream: stream.and_then(decode_stream),
    })
}

fn decode_stream(stream: &RawValue) -> Option<PushedStream> {
    let raw: RawStream<'_> = serde_json::from_str(stream.get()).ok()?;
    Some(PushedStream {
        bitrate: NumericField::parse_json(raw.in_band_width),
        video_framerate: NumericField::parse_json(raw.fps),
        lost_frames: NumericField::parse_json(raw.lfr),
        ingest_node: raw.deploy_address.and_then(ingest_node),
    })
}

/// The address, if it is an IP address or a host name and no URL, which might contain a secret.
fn ingest_node(raw: &RawValue) -> Option<String> {
    let text = string_content(raw.get())?;
    let text = text.trim();
    let is_address = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte);
    let valid = !text.is_empty() && text.len() <= MAX_NODE_CHARS && text.bytes().all(is_address);
    valid.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<Vec<ChannelPush>, Error> {
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        super::decode(Some(&raw))
    }

    #[test]
    fn documented_example_is_decoded_without_address_and_name_of_the_publisher() {
        let pushes = decode(
            r#"[{"channelId":"4184547","live":true,"streamInfo":{"deployAddress":"113.96.140.25",
                "inAddress":"106.55.200.246","streamName":"1b448be32316919995568637549",
                "fps":"16","lfr":"0.0","inBandWidth":"64318"}}]"#,
        )
        .unwrap();
        let expected = ChannelPush {
            channel_id: "4184547".to_owned(),
            live: true,
            stream: Some(PushedStream {
                bitrate: NumericField::Number(64_318.0),
                video_framerate: NumericField::Number(16.0),
                lost_frames: NumericField::Number(0.0),
                ingest_node: Some("113.96.140.25".to_owned()),
            }),
        };
        assert_eq!(pushes, [expected]);
        let debug = format!("{pushes:?}");
        assert!(
            !debug.contains("106.55") && !debug.contains("1b448"),
            "{debug}"
        );
    }

    #[test]
    fn channel_without_a_push_has_no_stream() {
        let pushes = decode(
            r#"[{"channelId":1,"live":false,"streamInfo":null},{"channelId":2,"live":"Y"}]"#,
        )
        .unwrap();
        let known: Vec<_> = pushes.iter().map(|p| (&*p.channel_id, p.live)).collect();
        assert_eq!(known, [("1", false), ("2", true)]);
        assert!(pushes.iter().all(|push| push.stream.is_none()));
    }

    #[test]
    fn numbers_are_decimals_and_null_where_the_cdn_reports_none() {
        let of = |stream: &str| {
            let data = format!(r#"[{{"channelId":1,"live":true,"streamInfo":{stream}}}]"#);
            decode(&data).unwrap().remove(0).stream.unwrap()
        };
        let decimals = of(r#"{"fps":"15.15","inBandWidth":70058.266,"lfr":null}"#);
        assert_eq!(decimals.bitrate, NumericField::Number(70_058.266));
        assert_eq!(decimals.video_framerate, NumericField::Number(15.15));
        assert_eq!(decimals.lost_frames, NumericField::Missing);
        assert_eq!(decimals.ingest_node, None);
        assert_eq!(decimals.is_pushing(), Some(true));
        assert_eq!(
            of(r#"{"fps":"0","inBandWidth":"0"}"#).is_pushing(),
            Some(false)
        );
        assert_eq!(of(r#"{"fps":"fast","lfr":"0"}"#).is_pushing(), None);
    }

    #[test]
    fn ingest_node_is_an_address_and_nothing_else() {
        let of = |node: &str| {
            let data = format!(
                r#"[{{"channelId":1,"live":true,"streamInfo":{{"deployAddress":{node}}}}}]"#
            );
            decode(&data).unwrap().remove(0).stream.unwrap().ingest_node
        };
        for node in ["113.96.140.25", "2001:db8::1", "node-1.example.com"] {
            assert_eq!(of(&format!("\"{node}\"")).as_deref(), Some(node));
        }
        for odd in [
            "null",
            "7",
            "\"\"",
            "\"rtmp://host/app/key?s=1\"",
            "\"a b\"",
        ] {
            assert_eq!(of(odd), None, "{odd}");
        }
    }

    #[test]
    fn unreadable_items_do_not_hide_the_others() {
        let data = r#"[7, [], null, {"channelId":1}, {"channelId":3,"live":"perhaps"},
            {"channelId":2,"live":true,"streamInfo":"none","more":[]}]"#;
        let pushes = decode(data).unwrap();
        assert_eq!(pushes.len(), 1);
        assert_eq!(pushes[0].channel_id, "2");
    }

    #[test]
    fn data_other_than_a_list_are_rejected() {
        for data in ["{}", "\"\"", "null", "7"] {
            assert!(decode(data).is_err(), "{data}");
        }
        assert!(super::decode(None).is_err());
    }
}
