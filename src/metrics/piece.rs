//! One channel's lines, ready to be strung together with the others'.

use std::sync::Arc;

use super::families::{self as c, Family};
use super::{packed, text_format};
use crate::config;
use crate::state::{Channel, Figures, State, Stream, Values};
use polyv_client::LiveStatus;
use polyv_client::clock::{MonotonicInstant, Timestamp};

/// What is shown of a channel that no answer changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelMeta {
    /// The label `account`.
    pub account: Arc<str>,
    /// What is configured of it. Shared with the configuration, of which there may be a hundred
    /// thousand channels.
    pub channel: Arc<config::Channel>,
}

/// A channel's rendered lines, [packed]: first the labels that they all have, and then, for
/// each family, what follows them line by line.
#[derive(Debug, Default)]
pub(super) struct Piece(Box<[u8]>);

/// All that a channel's lines are made of.
pub(super) struct Subject<'a> {
    pub(super) meta: &'a ChannelMeta,
    pub(super) channel: &'a Channel,
    /// What Polyv calls its status.
    pub(super) reported: Option<LiveStatus>,
    pub(super) streams: Vec<(&'a Stream, Figures)>,
    /// The host's wall clock minus the monotonic one, in milliseconds.
    pub(super) wall_offset: i64,
}

/// How a family's lines for one channel are written.
struct Generator {
    family: Family,
    write: fn(&Subject<'_>, &mut Lines),
}

/// Writes the samples of one family.
#[derive(Default)]
struct Lines {
    /// Those that are complete, packed.
    done: Vec<u8>,
    /// The one that is being written, from its second label on.
    line: String,
}

/// The families of channels and streams: a plain table.
const GENERATORS: &[Generator] = &[
    Generator {
        family: c::CHANNEL_INFO,
        write: |subject, lines| lines.info(subject.meta),
    },
    Generator {
        family: c::CHANNEL_STATE,
        write: |subject, lines| {
            let present = subject.channel.presence().state();
            for state in State::ALL {
                let value = if state == present { 1.0 } else { 0.0 };
                lines.labelled("state", state.as_str(), value);
            }
        },
    },
    Generator {
        family: c::CHANNEL_STATE_CHANGED,
        write: |subject, lines| {
            lines.instant(Some(subject.wall(subject.channel.presence().since())));
        },
    },
    Generator {
        family: c::CHANNEL_REPORTED_STATUS,
        write: |subject, lines| {
            if let Some(status) = subject.reported {
                lines.labelled("status", status.as_str(), 1.0);
            }
        },
    },
    Generator {
        family: c::CHANNEL_LIVE_TRANSITIONS,
        write: |subject, lines| lines.count(subject.channel.presence().transitions()),
    },
    Generator {
        family: c::CHANNEL_POLL_SUCCESS,
        write: |subject, lines| {
            let outcome = subject.channel.last_outcome();
            lines.value(outcome.map(|outcome| if outcome.is_answer() { 1.0 } else { 0.0 }));
        },
    },
    Generator {
        family: c::CHANNEL_LAST_POLL_OUTCOME,
        write: |subject, lines| {
            if let Some(outcome) = subject.channel.last_outcome() {
                lines.labelled("outcome", outcome.as_str(), 1.0);
            }
        },
    },
    Generator {
        family: c::CHANNEL_LAST_POLL_SUCCESS,
        write: |subject, lines| {
            lines.instant(subject.channel.last_success().map(|at| subject.wall(at)));
        },
    },
    Generator {
        family: c::CHANNEL_LAST_NEW_SAMPLE,
        write: |subject, lines| {
            lines.instant(subject.channel.last_new_sample().map(|at| subject.wall(at)));
        },
    },
    Generator {
        family: c::CHANNEL_LAST_SAMPLE,
        write: |subject, lines| lines.instant(subject.channel.last_sample()),
    },
    Generator {
        family: c::CHANNEL_EXPECTED_LIVE,
        write: |subject, lines| lines.value(subject.meta.channel.expect.live.then_some(1.0)),
    },
    Generator {
        family: c::CHANNEL_EXPECTED_VIDEO_BITRATE,
        write: |subject, lines| lines.value(subject.meta.channel.expect.video_bitrate_bps),
    },
    Generator {
        family: c::CHANNEL_EXPECTED_VIDEO_FRAMERATE,
        write: |subject, lines| lines.value(subject.meta.channel.expect.video_framerate_fps),
    },
    Generator {
        family: c::CHANNEL_EXPECTED_AUDIO_FRAMERATE,
        write: |subject, lines| lines.value(subject.meta.channel.expect.audio_framerate_fps),
    },
    Generator {
        family: c::STREAM_VIDEO_BITRATE,
        write: |subject, lines| lines.newest(subject, |values| values.video_bitrate.get()),
    },
    Generator {
        family: c::STREAM_VIDEO_BITRATE_MIN,
        write: |subject, lines| lines.lowest(subject, |values| values.video_bitrate.get()),
    },
    Generator {
        family: c::STREAM_VIDEO_BITRATE_MAX,
        write: |subject, lines| lines.highest(subject, |values| values.video_bitrate.get()),
    },
    Generator {
        family: c::STREAM_VIDEO_BITRATE_BASELINE,
        write: |subject, lines| {
            lines.each_stream(subject, |_, figures| figures.video_bitrate_baseline);
        },
    },
    Generator {
        family: c::STREAM_VIDEO_FRAMERATE,
        write: |subject, lines| lines.newest(subject, |values| values.video_framerate.get()),
    },
    Generator {
        family: c::STREAM_VIDEO_FRAMERATE_MIN,
        write: |subject, lines| lines.lowest(subject, |values| values.video_framerate.get()),
    },
    Generator {
        family: c::STREAM_VIDEO_FRAMERATE_MAX,
        write: |subject, lines| lines.highest(subject, |values| values.video_framerate.get()),
    },
    Generator {
        family: c::STREAM_AUDIO_FRAMERATE,
        write: |subject, lines| lines.newest(subject, |values| values.audio_framerate.get()),
    },
    Generator {
        family: c::STREAM_AUDIO_FRAMERATE_MIN,
        write: |subject, lines| lines.lowest(subject, |values| values.audio_framerate.get()),
    },
    Generator {
        family: c::STREAM_LAST_SAMPLE,
        write: |subject, lines| {
            lines.each_stream(subject, |_, figures| Some(figures.newest_time.as_seconds()));
        },
    },
    Generator {
        family: c::STREAM_LAST_VIDEO_FRAME,
        write: |subject, lines| {
            lines.each_stream(subject, |_, figures| {
                figures.last_video_frame.map(Timestamp::as_seconds)
            });
        },
    },
    Generator {
        family: c::STREAM_LAST_AUDIO_FRAME,
        write: |subject, lines| {
            lines.each_stream(subject, |_, figures| {
                figures.last_audio_frame.map(Timestamp::as_seconds)
            });
        },
    },
    Generator {
        family: c::STREAM_SAMPLES,
        #[allow(clippy::cast_precision_loss)] // exact for 1.4 billion years of samples
        write: |subject, lines| {
            lines.each_stream(subject, |stream, _| Some(stream.samples_total() as f64));
        },
    },
];

/// How many families' lines stand in pieces.
pub(super) const FAMILIES: usize = GENERATORS.len();

/// The families whose lines stand in pieces, in that order.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    GENERATORS.iter().map(|generator| &generator.family)
}

/// The family at that place.
pub(super) fn family(index: usize) -> Option<&'static Family> {
    GENERATORS.get(index).map(|generator| &generator.family)
}

// === impl Piece ===

impl Piece {
    /// Renders a channel's lines.
    pub(super) fn render(subject: &Subject<'_>) -> Self {
        let mut lines = Lines::default();
        lines.line.push('{');
        text_format::label("account", &subject.meta.account, &mut lines.line);
        lines.line.push(',');
        text_format::label("channel_id", &subject.meta.channel.id, &mut lines.line);

        let mut out = Vec::with_capacity(1024);
        packed::put(lines.line.as_bytes(), &mut out);
        for generator in GENERATORS {
            lines.done.clear();
            (generator.write)(subject, &mut lines);
            packed::put(&lines.done, &mut out);
        }
        // Copied: cut short where it is, it would leave a hole that little fits into.
        Self(out.as_slice().into())
    }

    /// `{account="…",channel_id="…"`: what stands behind the family's name on each of its lines.
    pub(super) fn labels(&self) -> &[u8] {
        packed::each(&self.0).next().unwrap_or_default()
    }

    /// Its lines of each family, written out; empty where there are none.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static Family, Vec<u8>)> {
        families().zip(self.families()).map(|(family, lines)| {
            let mut out = Vec::new();
            for line in packed::each(lines) {
                out.extend_from_slice(family.name.as_bytes());
                out.extend_from_slice(self.labels());
                out.extend_from_slice(line);
            }
            (family, out)
        })
    }

    /// What follows on the lines of each family, packed line by line.
    pub(super) fn families(&self) -> impl Iterator<Item = &[u8]> {
        packed::each(&self.0).skip(1)
    }
}

// === impl Subject ===

impl Subject<'_> {
    /// When that was, by the host's clock as it is set now.
    pub(super) fn wall(&self, moment: MonotonicInstant) -> Timestamp {
        let millis = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.wall_offset).plus_millis(millis)
    }
}

// === impl Lines ===

impl Lines {
    fn value(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.open();
            self.close(value);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn count(&mut self, count: u64) {
        self.value(Some(count as f64));
    }

    fn instant(&mut self, instant: Option<Timestamp>) {
        self.value(instant.map(Timestamp::as_seconds));
    }

    fn labelled(&mut self, name: &str, label: &str, value: f64) {
        self.open();
        self.label(name, label);
        self.close(value);
    }

    fn info(&mut self, meta: &ChannelMeta) {
        self.open();
        self.label("channel_name", &meta.channel.name);
        for (name, value) in &meta.channel.labels {
            self.label(name, value);
        }
        self.close(1.0);
    }

    fn newest(&mut self, subject: &Subject<'_>, field: fn(&Values) -> Option<f64>) {
        self.each_stream(subject, |_, figures| field(&figures.newest));
    }

    fn lowest(&mut self, subject: &Subject<'_>, field: fn(&Values) -> Option<f64>) {
        self.each_stream(subject, |_, figures| field(&figures.min));
    }

    fn highest(&mut self, subject: &Subject<'_>, field: fn(&Values) -> Option<f64>) {
        self.each_stream(subject, |_, figures| field(&figures.max));
    }

    fn each_stream(
        &mut self,
        subject: &Subject<'_>,
        value: impl Fn(&Stream, &Figures) -> Option<f64>,
    ) {
        for (stream, figures) in &subject.streams {
            if let Some(value) = value(stream, figures) {
                self.labelled("stream", stream.name().as_str(), value);
            }
        }
    }

    fn open(&mut self) {
        self.line.clear();
    }

    fn label(&mut self, name: &str, value: &str) {
        self.line.push(',');
        text_format::label(name, value, &mut self.line);
    }

    fn close(&mut self, value: f64) {
        self.line.push_str("} ");
        text_format::number(value, &mut self.line);
        self.line.push('\n');
        packed::put(self.line.as_bytes(), &mut self.done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_family_of_channels_and_streams_in_the_catalogues_order() {
        let table: Vec<_> = families().map(|family| family.name).collect();
        let families: Vec<_> = c::ALL
            .iter()
            .filter(|family| matches!(family.scope, c::LabelScope::Channel | c::LabelScope::Stream))
            .map(|family| family.name)
            .collect();
        assert_eq!(table, families);
    }
}
