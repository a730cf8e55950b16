//! The flight recorder: what is kept of broadcasts on disk, and who reads it.

mod recording;

pub use recording::{
    ChannelRecording, Period, PlannedBroadcast, RecordedSample, RecordedState, StreamRecording,
    ViewerCount,
};
