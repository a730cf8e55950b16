//! What a channel does for a while, and what becomes of its media meanwhile.

/// What a channel does for a while. The values it names are shares of the channel's normal
/// values.
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
    /// No video frames come any more; audio goes on.
    VideoFreeze {
        /// Whether the bitrate stays as it was (an encoder that repeats one picture) or
        /// collapses to 0.
        bitrate: FrozenBitrate,
    },
    /// No audio frames come any more; video goes on.
    AudioLoss,
    /// Nothing but audio is pushed: no video, and no video bitrate.
    AudioOnly,
    /// A further stream of that name is pushed as well, with half the first one's bitrate.
    TwoStreams {
        /// The further stream's name.
        name: String,
    },
    /// Live, but no new sample comes into being; old ones are still answered.
    NoSamples,
    /// Live, and answered with no samples at all: a channel on another CDN than Tencent's.
    Empty,
    /// Not live.
    Offline {
        /// What the live status list says; `None`: `end` after a session, `unStart` before
        /// the first.
        status: Option<NotLive>,
    },
    /// The channel has been deleted.
    Deleted,
}

/// What happens to the bitrate while the video is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FrozenBitrate {
    /// It falls to 0.
    #[default]
    Collapses,
    /// It stays.
    Stays,
}

/// The states of a channel that is not live, as the live status list names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLive {
    /// `unStart`: not begun.
    UnStart,
    /// `end`: over.
    End,
    /// `waiting`.
    Waiting,
    /// `playback`: a recording is shown.
    Playback,
    /// `banpush`: pushing is forbidden.
    Banpush,
}

/// How the media of a phase differ from the channel's normal ones: factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Media<'a> {
    pub(super) bitrate: f64,
    pub(super) video: f64,
    pub(super) audio: f64,
    pub(super) further_stream: Option<&'a str>,
}

// === impl Phase ===

impl Phase {
    /// Its name, as scenario files write it.
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

    /// What is pushed, if anything is that becomes samples.
    pub(super) fn media(&self) -> Option<Media<'_>> {
        let normal = Media {
            bitrate: 1.0,
            video: 1.0,
            audio: 1.0,
            further_stream: None,
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
                further_stream: Some(name),
                ..normal
            },
            Self::NoSamples | Self::Empty | Self::Offline { .. } | Self::Deleted => return None,
        })
    }
}

// === impl NotLive ===

impl NotLive {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::UnStart,
        Self::End,
        Self::Waiting,
        Self::Playback,
        Self::Banpush,
    ];

    /// The word of the live status list.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::UnStart => "unStart",
            Self::End => "end",
            Self::Waiting => "waiting",
            Self::Playback => "playback",
            Self::Banpush => "banpush",
        }
    }
}
