//! The lines of one channel, ready to be concatenated with those of others.

use super::families::{self as c, Family};
use super::{length_prefix, text_format};
use crate::state::{ChannelSnapshot, LiveState, StreamSnapshot};
use polyv_client::clock::Timestamp;

/// A channel's rendered lines, each [prefixed with its length](length_prefix): first the labels
/// that all lines share, then, for each family, what follows them line by line.
#[derive(Debug, Default)]
pub(super) struct RenderedChannel(Box<[u8]>);

/// Writes a family's lines for one channel.
struct FamilyGenerator {
    family: Family,
    write: fn(&ChannelSnapshot, &mut SampleWriter),
}

/// Writes the samples of one family.
#[derive(Default)]
struct SampleWriter {
    /// The complete lines, length-prefixed.
    lines: Vec<u8>,
    /// The line that is being written, from its third label on.
    line: String,
}

const fn generator(
    family: Family,
    write: fn(&ChannelSnapshot, &mut SampleWriter),
) -> FamilyGenerator {
    FamilyGenerator { family, write }
}

/// The families of channels and streams, in the order in which they are shown.
const GENERATORS: &[FamilyGenerator] = &[
    generator(c::CHANNEL_INFO, |channel, writer| {
        let config = &channel.meta.channel;
        writer.begin_line();
        writer.push_label("channel_name", &config.name);
        for (name, value) in &config.labels {
            writer.push_label(name, value);
        }
        writer.end_line(1.0);
    }),
    generator(c::CHANNEL_STATE, |channel, writer| {
        for state in LiveState::ALL {
            let value = if state == channel.state { 1.0 } else { 0.0 };
            writer.write_labelled("state", state.as_str(), value);
        }
    }),
    generator(c::CHANNEL_STATE_CHANGED, |channel, writer| {
        writer.write_timestamp(Some(channel.since));
    }),
    generator(c::CHANNEL_REPORTED_STATUS, |channel, writer| {
        if let Some(status) = channel.reported {
            writer.write_labelled("status", status.as_str(), 1.0);
        }
    }),
    generator(c::CHANNEL_LIVE_TRANSITIONS, |channel, writer| {
        writer.write_count(channel.transitions);
    }),
    generator(c::CHANNEL_POLL_SUCCESS, |channel, writer| {
        let is_success = channel.last_outcome.map(|outcome| outcome.is_answer());
        writer.write_value(is_success.map(|success| if success { 1.0 } else { 0.0 }));
    }),
    generator(c::CHANNEL_LAST_POLL_OUTCOME, |channel, writer| {
        if let Some(outcome) = channel.last_outcome {
            writer.write_labelled("outcome", outcome.as_str(), 1.0);
        }
    }),
    generator(c::CHANNEL_LAST_POLL_SUCCESS, |channel, writer| {
        writer.write_timestamp(channel.last_success);
    }),
    generator(c::CHANNEL_LAST_NEW_SAMPLE, |channel, writer| {
        writer.write_timestamp(channel.last_new_sample);
    }),
    generator(c::CHANNEL_LAST_SAMPLE, |channel, writer| {
        writer.write_timestamp(channel.last_sample);
    }),
    generator(c::CHANNEL_EXPECTED_LIVE, |channel, writer| {
        writer.write_value(channel.meta.channel.expect.live.then_some(1.0));
    }),
    generator(c::CHANNEL_EXPECTED_VIDEO_BITRATE, |channel, writer| {
        writer.write_value(channel.meta.channel.expect.video_bitrate_bps);
    }),
    generator(c::CHANNEL_EXPECTED_VIDEO_FRAMERATE, |channel, writer| {
        writer.write_value(channel.meta.channel.expect.video_framerate_fps);
    }),
    generator(c::CHANNEL_EXPECTED_AUDIO_FRAMERATE, |channel, writer| {
        writer.write_value(channel.meta.channel.expect.audio_framerate_fps);
    }),
    generator(c::STREAM_VIDEO_BITRATE, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.newest.video_bitrate.get());
    }),
    generator(c::STREAM_VIDEO_BITRATE_MIN, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.min.video_bitrate.get());
    }),
    generator(c::STREAM_VIDEO_BITRATE_MAX, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.max.video_bitrate.get());
    }),
    generator(c::STREAM_VIDEO_BITRATE_BASELINE, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.video_bitrate_baseline);
    }),
    generator(c::STREAM_VIDEO_FRAMERATE, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.newest.video_framerate.get());
    }),
    generator(c::STREAM_VIDEO_FRAMERATE_MIN, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.min.video_framerate.get());
    }),
    generator(c::STREAM_VIDEO_FRAMERATE_MAX, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.max.video_framerate.get());
    }),
    generator(c::STREAM_AUDIO_FRAMERATE, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.newest.audio_framerate.get());
    }),
    generator(c::STREAM_AUDIO_FRAMERATE_MIN, |channel, writer| {
        writer.per_stream(channel, |s| s.figures.min.audio_framerate.get());
    }),
    generator(c::STREAM_LAST_SAMPLE, |channel, writer| {
        writer.per_stream(channel, |s| Some(s.figures.newest_time.as_seconds()));
    }),
    generator(c::STREAM_LAST_VIDEO_FRAME, |channel, writer| {
        writer.per_stream(channel, |s| Some(s.figures.last_video_frame?.as_seconds()));
    }),
    generator(c::STREAM_LAST_AUDIO_FRAME, |channel, writer| {
        writer.per_stream(channel, |s| Some(s.figures.last_audio_frame?.as_seconds()));
    }),
    generator(c::STREAM_SAMPLES, |channel, writer| {
        #[allow(clippy::cast_precision_loss)] // exact for 1.4 billion years of samples
        writer.per_stream(channel, |s| Some(s.samples_total as f64));
    }),
];

/// The number of families that a channel may have lines of.
pub(super) const FAMILY_COUNT: usize = GENERATORS.len();

/// The families that a channel may have lines of, in the order in which they are shown.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    GENERATORS.iter().map(|generator| &generator.family)
}

/// The family at that index.
pub(super) fn family(index: usize) -> Option<&'static Family> {
    GENERATORS.get(index).map(|generator| &generator.family)
}

/// Writes out a family's lines of one channel.
pub(super) fn write_lines(name: &str, labels: &[u8], lines: &[u8], out: &mut Vec<u8>) {
    for line in length_prefix::iter(lines) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(labels);
        out.extend_from_slice(line);
    }
}

// === impl RenderedChannel ===

impl RenderedChannel {
    /// Renders a channel's lines.
    pub(super) fn render(channel: &ChannelSnapshot) -> Self {
        let mut writer = SampleWriter::default();
        writer.line.push('{');
        text_format::label("account", &channel.meta.account, &mut writer.line);
        writer.line.push(',');
        text_format::label("channel_id", &channel.meta.channel.id, &mut writer.line);

        let mut out = Vec::with_capacity(1024);
        length_prefix::push(writer.line.as_bytes(), &mut out);
        for generator in GENERATORS {
            writer.lines.clear();
            (generator.write)(channel, &mut writer);
            length_prefix::push(&writer.lines, &mut out);
        }
        // Copied rather than shrunk in place, which would leave a gap that little fits into.
        Self(out.as_slice().into())
    }

    /// `{account="…",channel_id="…"`: what follows the family's name on each line.
    pub(super) fn labels(&self) -> &[u8] {
        length_prefix::iter(&self.0).next().unwrap_or_default()
    }

    /// What follows the labels on the lines of each family, length-prefixed; empty where the
    /// channel has none of that family.
    pub(super) fn families(&self) -> impl Iterator<Item = &[u8]> {
        length_prefix::iter(&self.0).skip(1)
    }
}

// === impl SampleWriter ===

impl SampleWriter {
    fn write_value(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.begin_line();
            self.end_line(value);
        }
    }

    #[allow(clippy::cast_precision_loss)] // exact up to 2^53
    fn write_count(&mut self, count: u64) {
        self.write_value(Some(count as f64));
    }

    fn write_timestamp(&mut self, timestamp: Option<Timestamp>) {
        self.write_value(timestamp.map(Timestamp::as_seconds));
    }

    fn write_labelled(&mut self, name: &str, label: &str, value: f64) {
        self.begin_line();
        self.push_label(name, label);
        self.end_line(value);
    }

    fn per_stream(&mut self, channel: &ChannelSnapshot, value: fn(&StreamSnapshot) -> Option<f64>) {
        for stream in &channel.streams {
            if let Some(value) = value(stream) {
                self.write_labelled("stream", stream.name.as_str(), value);
            }
        }
    }

    fn begin_line(&mut self) {
        self.line.clear();
    }

    fn push_label(&mut self, name: &str, value: &str) {
        self.line.push(',');
        text_format::label(name, value, &mut self.line);
    }

    fn end_line(&mut self, value: f64) {
        self.line.push_str("} ");
        text_format::number(value, &mut self.line);
        self.line.push('\n');
        length_prefix::push(self.line.as_bytes(), &mut self.lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_cover_all_channel_and_stream_families_in_order() {
        let generated: Vec<_> = families().map(|family| family.name).collect();
        let declared: Vec<_> = c::ALL
            .iter()
            .filter(|family| matches!(family.scope, c::LabelScope::Channel | c::LabelScope::Stream))
            .map(|family| family.name)
            .collect();
        assert_eq!(generated, declared);
    }
}
