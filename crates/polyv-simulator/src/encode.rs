//! The JSON form of samples in the stream information.

use std::fmt::Write as _;

use super::faults::{BadValueKind, BadValues, SampleCorruption, ValueField, WrongType};
use super::sampling::Sampling;
use super::stream::Sample;
use super::time::{beijing_time, utc_time};

/// The form in which a call writes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleForm {
    /// Names as they are, Beijing time, no `timestamp`.
    V3,
    /// Push addresses, RFC 3339 in UTC to the second, `timestamp` in milliseconds.
    V4,
}

/// How a response's samples are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding<'a> {
    /// Values such as `"1176815.9"` and `"15.016666"`, as the v4 sibling sends them.
    pub(crate) decimals: bool,
    pub(crate) form: SampleForm,
    /// Added to the samples' own times.
    pub(crate) shift_ms: i64,
    pub(crate) sampling: Sampling,
    pub(crate) wrong_type: Option<WrongType>,
    pub(crate) bad_values: Option<&'a BadValues>,
    /// The length of an additional member of each sample.
    pub(crate) padding: usize,
}

impl Encoding<'_> {
    /// The samples as a JSON array, in the given order.
    pub(crate) fn array(&self, samples: &[Sample]) -> String {
        let mut out = String::with_capacity(2 + samples.len() * (150 + self.padding));
        out.push('[');
        for (index, sample) in samples.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.write_sample(sample, &mut out);
        }
        out.push(']');
        out
    }

    fn write_sample(&self, sample: &Sample, out: &mut String) {
        let number = self.sampling.number(sample.at);
        let corruption = self.bad_values.and_then(|bad| bad.corruption(number));
        out.push_str("{\"streamUrl\":");
        out.push_str(sample.stream.json());
        for (field, value, decimals) in [
            (ValueField::Bitrate, sample.bitrate, 1),
            (ValueField::Audio, sample.audio, 6),
            (ValueField::Video, sample.video, 6),
        ] {
            self.write_value(field, value, decimals, corruption, out);
        }
        match corruption.map(|corruption| corruption.kind) {
            Some(BadValueKind::NoTime) => {}
            Some(BadValueKind::BadTime) => out.push_str(",\"time\":\"yesterday\""),
            _ => {
                let time_ms = sample.at.to_reported(self.shift_ms);
                // Writing to a string never fails.
                let _ = match self.form {
                    SampleForm::V3 => write!(out, ",\"time\":\"{}\"", beijing_time(time_ms)),
                    SampleForm::V4 => write!(out, ",\"time\":\"{}\"", utc_time(time_ms)),
                };
            }
        }
        let has_time = !matches!(
            corruption.map(|corruption| corruption.kind),
            Some(BadValueKind::NoTime | BadValueKind::BadTime)
        );
        if self.form == SampleForm::V4 && has_time {
            let seconds = sample.at.to_reported(self.shift_ms).div_euclid(1000);
            // Writing to a string never fails.
            let _ = write!(out, ",\"timestamp\":{seconds}000");
        } else {
            out.push_str(",\"timestamp\":null");
        }
        if self.padding > 0 {
            out.push_str(",\"padding\":\"");
            out.extend(std::iter::repeat_n('x', self.padding));
            out.push('"');
        }
        out.push('}');
    }

    fn write_value(
        &self,
        field: ValueField,
        value: f64,
        decimals: usize,
        corruption: Option<SampleCorruption>,
        out: &mut String,
    ) {
        let name: &str = field.into();
        let bad_value = corruption.filter(|corruption| corruption.field == field);
        let nested = self.wrong_type == Some(WrongType::NestedValue);
        // Writing to a string never fails.
        let _ = match bad_value.and_then(SampleCorruption::json) {
            Some("") => Ok(()),
            Some(bad_value) => write!(out, ",\"{name}\":{bad_value}"),
            None => {
                let (value, decimals) = if self.decimals {
                    (value, decimals)
                } else {
                    (value.round(), 0)
                };
                let (before, after) = match self.wrong_type {
                    Some(WrongType::Numbers) => ("", ""),
                    _ if nested && field == ValueField::Bitrate => ("{\"value\":\"", "\"}"),
                    _ => ("\"", "\""),
                };
                write!(out, ",\"{name}\":{before}{value:.decimals$}{after}")
            }
        };
    }
}

#[cfg(test)]
mod tests;
