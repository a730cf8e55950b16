//! The phases of a channel's script and their effect on its media.

use serde::Deserialize;
use strum::{EnumString, IntoStaticStr, VariantNames};

/// A channel's behaviour for some time. Its values are shares of the channel's normal values.
#[derive(Debug, Clone, PartialEq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// Live, with normal values.
    Steady,
    /// The bitrate falls to this share of the normal one.
    BitrateDrop {
        /// The share that is left.
        to: f64,
    },
    /// The video frame rate falls to this share of the normal one.
    FramerateSag {
        /// The share that is left.
        to: f64,
    },
    /// The uplink delivers only this share: bitrate and frame rates fall together.
    UplinkLoss {
        /// The share that is left.
        to: f64,
    },
    /// Video frames stop; audio continues.
    VideoFreeze {
        /// Whether the bitrate stays as it was (an encoder that repeats one picture) or
        /// collapses to 0.
        bitrate: FrozenBitrate,
    },
    /// Audio frames stop; video continues.
    AudioLoss,
    /// Only audio is pushed: no video, and no video bitrate.
    AudioOnly,
    /// A second stream with that name is pushed as well, with half the first one's bitrate.
    TwoStreams {
        /// The second stream's name.
        name: String,
    },
    /// Live, but without new samples; old ones are still returned.
    NoSamples,
    /// Live without a push, since the status was set: no samples in any call.
    Empty,
    /// Not live.
    Offline {
        /// The state in the live status list. `None` is `end` after a session and `unStart`
        /// before the first one.
        status: Option<NotLive>,
    },
    /// The channel has been deleted.
    Deleted,
}

/// The bitrate while the video is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenBitrate {
    /// It falls to 0.
    #[default]
    Collapses,
    /// It stays.
    Stays,
}

/// The states of a channel that is not live, as the live status list names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum NotLive {
    /// `unStart`: not started.
    UnStart,
    /// `end`: ended.
    End,
    /// `waiting`.
    Waiting,
    /// `playback`: a recording is shown.
    Playback,
    /// `banpush`: pushing is forbidden.
    Banpush,
}

/// The factors by which a phase changes the channel's normal values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Media<'a> {
    pub(crate) bitrate: f64,
    pub(crate) video: f64,
    pub(crate) audio: f64,
    pub(crate) second_stream: Option<&'a str>,
}

impl Phase {
    /// The name in scenario files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Whether a channel in this phase is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Offline { .. } | Self::Deleted)
    }

    /// The media that is pushed, if it produces samples.
    pub(crate) fn media(&self) -> Option<Media<'_>> {
        let mut second_stream = None;
        let (bitrate, video, audio) = match self {
            Self::Steady => (1.0, 1.0, 1.0),
            Self::BitrateDrop { to } => (*to, 1.0, 1.0),
            Self::FramerateSag { to } => (1.0, *to, 1.0),
            Self::UplinkLoss { to } => (*to, *to, *to),
            Self::VideoFreeze {
                bitrate: FrozenBitrate::Stays,
            } => (1.0, 0.0, 1.0),
            Self::VideoFreeze { .. } | Self::AudioOnly => (0.0, 0.0, 1.0),
            Self::AudioLoss => (1.0, 1.0, 0.0),
            Self::TwoStreams { name } => {
                second_stream = Some(name.as_str());
                (1.0, 1.0, 1.0)
            }
            Self::NoSamples | Self::Empty | Self::Offline { .. } | Self::Deleted => return None,
        };
        Some(Media {
            bitrate,
            video,
            audio,
            second_stream,
        })
    }
}

impl NotLive {
    /// The name in the live status list.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
