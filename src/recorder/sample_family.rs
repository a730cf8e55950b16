//! The metric families of recorded samples, in exports and remote writes.

/// A metric family of recorded samples. Each sample has its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleFamily {
    /// A stream's video bitrate.
    VideoBitrate,
    /// A stream's video frame rate.
    VideoFramerate,
    /// A stream's audio frame rate.
    AudioFramerate,
    /// How many people are watching a channel.
    Viewers,
    /// Whether a channel is live: at each change, and at every full minute.
    Live,
}

// === impl SampleFamily ===

impl SampleFamily {
    /// All families, in the order of exports.
    pub const ALL: [Self; 5] = [
        Self::VideoBitrate,
        Self::VideoFramerate,
        Self::AudioFramerate,
        Self::Viewers,
        Self::Live,
    ];

    /// The metric's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VideoBitrate => "polyv_sample_video_bitrate_bps",
            Self::VideoFramerate => "polyv_sample_video_framerate_fps",
            Self::AudioFramerate => "polyv_sample_audio_framerate_fps",
            Self::Viewers => "polyv_sample_viewers",
            Self::Live => "polyv_sample_live",
        }
    }

    /// The family's help text.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::VideoBitrate => "A sample's video bitrate, in bits per second, at its own time.",
            Self::VideoFramerate => "A sample's video frame rate, in frames per second.",
            Self::AudioFramerate => "A sample's audio frame rate, in frames per second.",
            Self::Viewers => "How many people were watching.",
            Self::Live => "Whether the channel was live, at each change and every full minute.",
        }
    }

    /// The unit at the end of the name, if it has one.
    #[must_use]
    pub const fn unit(self) -> Option<&'static str> {
        match self {
            Self::VideoBitrate => Some("bps"),
            Self::VideoFramerate | Self::AudioFramerate => Some("fps"),
            Self::Viewers | Self::Live => None,
        }
    }

    /// Whether its series are those of streams, and not of channels.
    #[must_use]
    pub const fn is_of_stream(self) -> bool {
        matches!(
            self,
            Self::VideoBitrate | Self::VideoFramerate | Self::AudioFramerate
        )
    }
}
