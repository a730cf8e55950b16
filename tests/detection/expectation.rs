//! What is configured of a channel.

use polyv_exporter::config::{Content, Expect};

use crate::track::Track;

/// What an operator configures of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    Nothing,
    /// The levels of bitrate and frame rates.
    Levels,
    Live,
    /// That it shows a camera's picture.
    Camera,
    /// That it shows slides or a screen.
    Screen,
}

// === impl Expectation ===

impl Expectation {
    /// What the configuration says of a broadcast.
    pub fn of(self, track: &Track) -> Expect {
        let nothing = Expect::default();
        match self {
            Self::Nothing => nothing,
            Self::Levels => Expect {
                video_bitrate_bps: Some(track.video_bitrate),
                video_framerate_fps: Some(track.video_framerate),
                audio_framerate_fps: Some(track.audio_framerate),
                ..nothing
            },
            Self::Live => Expect {
                live: true,
                ..nothing
            },
            Self::Camera => Expect {
                content: Some(Content::Camera),
                ..nothing
            },
            Self::Screen => Expect {
                content: Some(Content::Screen),
                ..nothing
            },
        }
    }
}
