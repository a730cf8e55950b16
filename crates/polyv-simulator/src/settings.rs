//! The settings that apply to the simulated Polyv as a whole.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::account::Account;
use super::channel_entry::ChannelEntry;
use super::envelope::EmptyDataStyle;
use super::fields::{HumanDuration, MinDuration, Share, SignedDuration, name_or_fields};
use super::limits::Limits;
use super::sampling::Sampling;

/// The top level of a scenario file. The three lists are taken out while the file is checked.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The seed of every pseudo-random number.
    pub(crate) seed: u64,
    sample_every: MinDuration<100>,
    pub(crate) sample_delay: HumanDuration,
    noise: Share,
    pub(crate) order: SampleOrder,
    /// Values with decimals instead of whole ones.
    pub(crate) decimals: bool,
    /// Whether responses are gzipped for clients that accept it.
    pub(crate) gzip: bool,
    /// Whether the HTTP status of a refusal is its `code`, as the v4 pages say, or 200, as the
    /// official clients observed it.
    pub(crate) http_status_is_code: bool,
    /// The message for a channel that does not exist or that another account owns. Undocumented
    /// for the stream information.
    pub(crate) unknown_channel: String,
    /// The `code` of `invalid signature.`: one page has 400, others have 403.
    pub(crate) invalid_signature_code: SignatureCode,
    /// The `data` of v3 refusals.
    pub(crate) refusal_data: EmptyDataStyle,
    pub(crate) other_cdn_answers: OtherCdn,
    pub(crate) censor_update_answers: CensorUpdate,
    pub(crate) censor_get_answers: CensorGet,
    pub(crate) clock_skew: SignedDuration,
    #[serde(deserialize_with = "preset_or_limits")]
    pub(crate) limits: Limits,
    pub(crate) accounts: Option<Spanned<Vec<Spanned<Account>>>>,
    pub(crate) channels: Vec<Spanned<ChannelEntry>>,
    pub(crate) troubles: Vec<Spanned<Value>>,
}

/// The `code` of a wrong signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct SignatureCode(pub(crate) u16);

/// The response to a call for stream information of a channel on a CDN that it is not for.
/// Undocumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtherCdn {
    /// `"data": []`.
    Empty,
    /// A refusal.
    Refused,
}

/// The response to a change of the chat moderation switch: the page's table and its sample
/// contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CensorUpdate {
    /// The state after the change (the table).
    After,
    /// The state before the change (a reading of the sample).
    Before,
}

/// The response to reading the chat moderation switch, which is undocumented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CensorGet {
    /// `"Y"` or `"N"`.
    Letters,
    /// `true` or `false`.
    Booleans,
}

/// The order of a response's samples; Polyv documents none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SampleOrder {
    OldestFirst,
    NewestFirst,
    /// Shuffled in the same way each time.
    Shuffled,
}

impl TryFrom<u16> for SignatureCode {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        match code {
            400 | 401 | 403 => Ok(Self(code)),
            _ => Err(format!("{code} is not one of 400, 401, 403")),
        }
    }
}

fn preset_or_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    name_or_fields(deserializer, "preset")
}

impl Settings {
    pub(crate) fn sampling(&self) -> Sampling {
        Sampling {
            every: self.sample_every.0,
            noise: self.noise.0,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            sample_every: MinDuration(std::time::Duration::from_secs(5)),
            sample_delay: MinDuration(std::time::Duration::ZERO),
            noise: Share(0.03),
            order: SampleOrder::OldestFirst,
            decimals: false,
            gzip: false,
            http_status_is_code: false,
            unknown_channel: "illegal channel id".to_owned(),
            invalid_signature_code: SignatureCode(400),
            refusal_data: EmptyDataStyle::EmptyText,
            other_cdn_answers: OtherCdn::Empty,
            censor_update_answers: CensorUpdate::After,
            censor_get_answers: CensorGet::Letters,
            clock_skew: SignedDuration(0),
            limits: Limits::default(),
            accounts: None,
            channels: Vec::new(),
            troubles: Vec::new(),
        }
    }
}
