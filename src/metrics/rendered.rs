//! The lines of one channel, ready to be concatenated with those of others.

use super::families::{self as c, Family};
use super::{length_prefix, text_format};
use crate::config::Expect;
use crate::state::{ChannelSnapshot, LiveState, StreamSnapshot};

use Samples::{Labelled, One, PerStream};

/// A channel's rendered lines, each [prefixed with its length](length_prefix): first the labels
/// that all lines share, then, for each family, what follows them line by line.
#[derive(Debug, Default)]
pub(super) struct RenderedChannel(Box<[u8]>);

/// A family, and how its lines for one channel are written.
type FamilyGenerator = (Family, Samples);

/// The samples that a channel has of a family.
enum Samples {
    /// At most one.
    One(fn(&ChannelSnapshot) -> Option<f64>),
    /// At most one for each stream.
    PerStream(fn(&StreamSnapshot) -> Option<f64>),
    /// Samples with labels of their own.
    Labelled(fn(&ChannelSnapshot, &mut SampleWriter)),
}

/// Writes the samples of one family.
#[derive(Default)]
struct SampleWriter {
    /// The complete lines, length-prefixed.
    lines: Vec<u8>,
    /// The line that is being written, from its third label on.
    line: String,
}

/// Declares the families of channels and streams, in the order in which they are shown.
macro_rules! generators {
    ($($family:ident => $samples:expr;)*) => {
        const GENERATORS: &[FamilyGenerator] = &[$((c::$family, $samples)),*];
    };
}

generators! {
    CHANNEL_INFO => Labelled(write_info);
    CHANNEL_STATE => Labelled(write_state);
    CHANNEL_STATE_CHANGED => One(|c| Some(c.since.as_seconds()));
    CHANNEL_REPORTED_STATUS => Labelled(write_reported_status);
    CHANNEL_LIVE_TRANSITIONS => One(|c| Some(count(c.transitions)));
    CHANNEL_POLL_SUCCESS => One(|c| Some(f64::from(c.last_outcome?.is_success())));
    CHANNEL_LAST_POLL_OUTCOME => Labelled(write_last_outcome);
    CHANNEL_LAST_POLL_SUCCESS => One(|c| Some(c.last_success?.as_seconds()));
    CHANNEL_LAST_NEW_SAMPLE => One(|c| Some(c.last_new_sample?.as_seconds()));
    CHANNEL_LAST_SAMPLE => One(|c| Some(c.last_sample?.as_seconds()));
    CHANNEL_PROBLEM => Labelled(write_problems);
    CHANNEL_SOURCE => Labelled(write_source);
    CHANNEL_PUSHING => One(|c| Some(f64::from(c.push.as_ref()?.is_pushing?)));
    CHANNEL_INGEST_LOST_FRAMES => One(|c| c.push.as_ref()?.lost_frames);
    CHANNEL_INGEST_INFO => Labelled(write_ingest);
    CHANNEL_EXPECTED_LIVE => One(|c| Some(f64::from(c.is_expected_live()?)));
    CHANNEL_PLANNED_START => One(|c| Some(c.plan?.broadcast?.start.as_seconds()));
    CHANNEL_PLANNED_END => One(|c| Some(c.plan?.broadcast?.end?.as_seconds()));
    CHANNEL_VIEWERS => One(|c| Some(count(c.viewers?)));
    CHANNEL_EXPECTED_CONTENT => Labelled(write_expected_content);
    CHANNEL_EXPECTED_VIDEO_BITRATE => One(|c| expect(c).video_bitrate_bps);
    CHANNEL_EXPECTED_VIDEO_FRAMERATE => One(|c| expect(c).video_framerate_fps);
    CHANNEL_EXPECTED_AUDIO_FRAMERATE => One(|c| expect(c).audio_framerate_fps);
    STREAM_VIDEO_BITRATE => PerStream(|s| s.aggregates.newest.video_bitrate.get());
    STREAM_VIDEO_BITRATE_MIN => PerStream(|s| s.aggregates.min.video_bitrate.get());
    STREAM_VIDEO_BITRATE_MAX => PerStream(|s| s.aggregates.max.video_bitrate.get());
    STREAM_VIDEO_BITRATE_BASELINE => PerStream(|s| s.aggregates.video_bitrate_baseline);
    STREAM_VIDEO_BITRATE_BASELINE_LOW => PerStream(|s| s.aggregates.video_bitrate_baseline_low);
    STREAM_VIDEO_FRAMERATE => PerStream(|s| s.aggregates.newest.video_framerate.get());
    STREAM_VIDEO_FRAMERATE_MIN => PerStream(|s| s.aggregates.min.video_framerate.get());
    STREAM_VIDEO_FRAMERATE_MAX => PerStream(|s| s.aggregates.max.video_framerate.get());
    STREAM_VIDEO_FRAMERATE_BASELINE => PerStream(|s| s.aggregates.video_framerate_baseline);
    STREAM_AUDIO_FRAMERATE => PerStream(|s| s.aggregates.newest.audio_framerate.get());
    STREAM_AUDIO_FRAMERATE_MIN => PerStream(|s| s.aggregates.min.audio_framerate.get());
    STREAM_LAST_SAMPLE => PerStream(|s| Some(s.aggregates.newest_time.as_seconds()));
    STREAM_LAST_VIDEO_FRAME => PerStream(|s| Some(s.aggregates.last_video_frame?.as_seconds()));
    STREAM_LAST_AUDIO_FRAME => PerStream(|s| Some(s.aggregates.last_audio_frame?.as_seconds()));
    STREAM_SAMPLE_INTERVAL => PerStream(|s| Some(s.aggregates.sample_interval?.as_secs_f64()));
    STREAM_SAMPLES => PerStream(|s| Some(count(s.samples_total)));
}

fn write_info(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    let config = &channel.meta.channel;
    let labels = config
        .labels
        .iter()
        .map(|(name, value)| (&**name, &**value));
    writer.write(
        [("channel_name", &*config.name)].into_iter().chain(labels),
        1.0,
    );
}

fn write_state(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    for state in LiveState::ALL {
        writer.write(
            [("state", state.as_str())],
            f64::from(state == channel.state),
        );
    }
}

fn write_reported_status(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    if let Some(status) = channel.reported {
        writer.write([("status", status.as_str())], 1.0);
    }
}

fn write_last_outcome(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    if let Some(outcome) = channel.last_outcome {
        writer.write([("outcome", outcome.as_str())], 1.0);
    }
}

/// Writes each problem once, though several streams may have it: as the worst has it.
fn write_problems(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    let problems = channel.problems.iter();
    let mut written = Vec::with_capacity(problems.len());
    for issue in problems {
        let problem = issue.kind.as_str();
        if !written.contains(&problem) {
            written.push(problem);
            let labels = [
                ("problem", problem),
                ("severity", issue.kind.severity().as_str()),
                ("likely_cause", issue.likely_cause.as_str()),
            ];
            writer.write(labels, 1.0);
        }
    }
}

fn write_source(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    if let Some(choice) = channel.sources {
        writer.write([("source", choice.source.as_str())], 1.0);
    }
}

fn write_ingest(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    let push = channel.push.as_ref();
    if let Some(node) = push.and_then(|push| push.ingest_node.as_deref()) {
        writer.write([("ingest_node", node)], 1.0);
    }
}

fn write_expected_content(channel: &ChannelSnapshot, writer: &mut SampleWriter) {
    if let Some(content) = expect(channel).content {
        writer.write([("content", content.as_str())], 1.0);
    }
}

fn expect(channel: &ChannelSnapshot) -> &Expect {
    &channel.meta.channel.expect
}

#[allow(clippy::cast_precision_loss)] // exact up to 2^53
fn count(count: u64) -> f64 {
    count as f64
}

/// The number of families that a channel may have lines of.
pub(super) const FAMILY_COUNT: usize = GENERATORS.len();

/// The families that a channel may have lines of, in the order in which they are shown.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    GENERATORS.iter().map(|(family, _)| family)
}

/// The family at that index.
pub(super) fn family(index: usize) -> Option<&'static Family> {
    GENERATORS.get(index).map(|(family, _)| family)
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
        for (_, samples) in GENERATORS {
            writer.lines.clear();
            match samples {
                One(value) => {
                    if let Some(value) = value(channel) {
                        writer.write([], value);
                    }
                }
                PerStream(value) => {
                    for stream in &channel.streams {
                        if let Some(value) = value(stream) {
                            writer.write([("stream", stream.name.as_str())], value);
                        }
                    }
                }
                Labelled(write) => write(channel, &mut writer),
            }
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
    fn write<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>, value: f64) {
        self.line.clear();
        for (name, value) in labels {
            self.line.push(',');
            text_format::label(name, value, &mut self.line);
        }
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
