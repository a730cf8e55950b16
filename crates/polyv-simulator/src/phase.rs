//! The phases of a channel's script and their effect on its media.

use serde::Deserialize;

/// A channel's behaviour for some time. Its values are shares of the channel's normal values.
#[derive(Debug, Clone, PartialEq)]
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
    /// Live, but without any samples: a channel on another CDN than Tencent's.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
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
        match self {
            Self::Steady => "steady",
            Self::BitrateDrop { .. } => "bitrate_drop",
            Self::FramerateSag { .. } => "framerate_sag",
            Self::VideoFreeze { .. } => "video_freeze",
            Self::AudioLoss => "audio_loss",
            Self::AudioOnly => "audio_only",
            Self::TwoStreams { .. } => "two_streams",
            Self::NoSamples => "no_samples",
            Self::Empty => "empty",
            Self::Offline { .. } => "offline",
            Self::Deleted => "deleted",
        }
    }

    /// Whether a channel in this phase is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Offline { .. } | Self::Deleted)
    }

    /// The media that is pushed, if it produces samples.
    pub(crate) fn media(&self) -> Option<Media<'_>> {
        let normal = Media {
            bitrate: 1.0,
            video: 1.0,
            audio: 1.0,
            second_stream: None,
        };
        Some(match self {
            Self::Steady => normal,
            Self::BitrateDrop { to } => Media {
                bitrate: *to,
                ..normal
            },
            Self::FramerateSag { to } => Media {
                video: *to,
                ..normal
            },
            Self::VideoFreeze { bitrate } => Media {
                video: 0.0,
                bitrate: match bitrate {
                    FrozenBitrate::Collapses => 0.0,
                    FrozenBitrate::Stays => 1.0,
                },
                ..normal
            },
            Self::AudioLoss => Media {
                audio: 0.0,
                ..normal
            },
            Self::AudioOnly => Media {
                bitrate: 0.0,
                video: 0.0,
                ..normal
            },
            Self::TwoStreams { name } => Media {
                second_stream: Some(name),
                ..normal
            },
            Self::NoSamples | Self::Empty | Self::Offline { .. } | Self::Deleted => return None,
        })
    }
}

impl NotLive {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::UnStart,
        Self::End,
        Self::Waiting,
        Self::Playback,
        Self::Banpush,
    ];

    /// The name in the live status list.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnStart => "unStart",
            Self::End => "end",
            Self::Waiting => "waiting",
            Self::Playback => "playback",
            Self::Banpush => "banpush",
        }
    }
}
