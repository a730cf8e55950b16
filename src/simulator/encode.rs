//! Samples as the stream information writes them.

use std::fmt::Write as _;

use super::samples::{Sample, Sampling};
use super::time::BeijingTime;
use super::troubles::BadValues;
use super::troubles::{Damage, Defect, ValueField, WrongType};

/// How an answer's samples are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoding<'a> {
    /// Values as `"1176815.9"` and `"15.016666"`, as the v4 sibling sends them.
    pub(super) decimals: bool,
    /// What is added to the samples' own times.
    pub(super) shift_ms: i64,
    pub(super) sampling: Sampling,
    pub(super) wrong_type: Option<WrongType>,
    pub(super) bad_values: Option<&'a BadValues>,
    /// So many bytes more in each sample.
    pub(super) padding: usize,
}

/// A sample's members as JSON; `None` where one is not there.
struct Members {
    bit_rate: Option<String>,
    audio: Option<String>,
    video: Option<String>,
    time: Option<String>,
}

// === impl Encoding ===

impl Encoding<'_> {
    /// The samples as a JSON array, in the order in which they are given.
    pub(super) fn array(&self, samples: &[Sample]) -> String {
        let mut times = BeijingTime::default();
        let mut out = String::with_capacity(2 + samples.len() * (150 + self.padding));
        out.push('[');
        for (index, sample) in samples.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            match self.damage(sample) {
                None if self.is_clean() => self.write(sample, &mut times, &mut out),
                damage => self.write_spoiled(sample, damage, &mut times, &mut out),
            }
        }
        out.push(']');
        out
    }

    fn is_clean(&self) -> bool {
        self.wrong_type.is_none() && self.padding == 0
    }

    fn damage(&self, sample: &Sample) -> Option<Damage> {
        self.bad_values?.damage(self.sampling.number(sample.at))
    }

    /// The way that thousands of samples go: straight into the body.
    fn write(&self, sample: &Sample, times: &mut BeijingTime, out: &mut String) {
        out.push_str("{\"streamUrl\":");
        out.push_str(sample.stream.json());
        out.push_str(",\"bitRate\":\"");
        self.write_bitrate(sample.bitrate, out);
        out.push_str("\",\"audioFrameRate\":\"");
        self.write_frame_rate(sample.audio, out);
        out.push_str("\",\"videoFrameRate\":\"");
        self.write_frame_rate(sample.video, out);
        out.push_str("\",\"time\":\"");
        times.write(sample.at.said_with_skew(self.shift_ms), out);
        out.push_str("\",\"timestamp\":null}");
    }

    /// The same member by member, with what is wrong.
    fn write_spoiled(
        &self,
        sample: &Sample,
        damage: Option<Damage>,
        times: &mut BeijingTime,
        out: &mut String,
    ) {
        let mut members = self.members(sample, times);
        if let Some(damage) = damage {
            members.spoil(damage);
        }
        out.push_str("{\"streamUrl\":");
        out.push_str(sample.stream.json());
        for (name, member) in [
            ("bitRate", members.bit_rate),
            ("audioFrameRate", members.audio),
            ("videoFrameRate", members.video),
            ("time", members.time),
            ("timestamp", Some("null".to_owned())),
            (
                "padding",
                (self.padding > 0).then(|| format!("\"{}\"", "x".repeat(self.padding))),
            ),
        ] {
            if let Some(member) = member {
                // Writing to a string never fails.
                let _ = write!(out, ",\"{name}\":{member}");
            }
        }
        out.push('}');
    }

    fn members(&self, sample: &Sample, times: &mut BeijingTime) -> Members {
        let quote = |value: String| match self.wrong_type {
            Some(WrongType::Numbers) => value,
            _ => format!("\"{value}\""),
        };
        let mut bit_rate = String::new();
        self.write_bitrate(sample.bitrate, &mut bit_rate);
        let mut bit_rate = quote(bit_rate);
        if self.wrong_type == Some(WrongType::NestedValue) {
            bit_rate = format!("{{\"value\":{bit_rate}}}");
        }
        let frame_rate = |value: f64| {
            let mut text = String::new();
            self.write_frame_rate(value, &mut text);
            Some(quote(text))
        };
        let mut time = String::from("\"");
        times.write(sample.at.said_with_skew(self.shift_ms), &mut time);
        time.push('"');
        Members {
            bit_rate: Some(bit_rate),
            audio: frame_rate(sample.audio),
            video: frame_rate(sample.video),
            time: Some(time),
        }
    }

    fn write_bitrate(&self, value: f64, out: &mut String) {
        // Writing to a string never fails.
        let _ = if self.decimals {
            write!(out, "{value:.1}")
        } else {
            write!(out, "{}", whole(value))
        };
    }

    fn write_frame_rate(&self, value: f64, out: &mut String) {
        // Writing to a string never fails.
        let _ = if self.decimals {
            write!(out, "{value:.6}")
        } else {
            write!(out, "{}", whole(value))
        };
    }
}

// === impl Members ===

impl Members {
    fn spoil(&mut self, damage: Damage) {
        let number = |text: &str| {
            Some(if damage.as_number {
                text.to_owned()
            } else {
                format!("\"{text}\"")
            })
        };
        let value = match damage.defect {
            Defect::BadTime => {
                self.time = Some("\"yesterday\"".to_owned());
                return;
            }
            Defect::NoTime => {
                self.time = None;
                return;
            }
            Defect::Null => Some("null".to_owned()),
            Defect::Blank => Some("\"\"".to_owned()),
            Defect::Negative => number("-1"),
            Defect::Infinite => number("1e400"),
            Defect::NotANumber => Some("\"NaN\"".to_owned()),
            Defect::Word => Some("\"fast\"".to_owned()),
            Defect::Missing => None,
        };
        match damage.field {
            ValueField::Bitrate => self.bit_rate = value,
            ValueField::Audio => self.audio = value,
            ValueField::Video => self.video = value,
        }
    }
}

/// The nearest whole number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the cast saturates
pub(super) fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests;
