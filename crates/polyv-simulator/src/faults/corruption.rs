//! Corrupted responses.

use std::time::Duration;

use serde::Deserialize;
use strum::{IntoStaticStr, VariantArray};

use crate::fields::Count;

/// A part of the response with another JSON type than documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrongType {
    /// `"code": "200"`.
    CodeAsText,
    /// The values as JSON numbers.
    Numbers,
    /// A bitrate that is an object.
    NestedValue,
    /// `data` as an object that contains the samples.
    DataObject,
    /// `data` as a text.
    DataText,
    /// `"data": null`.
    DataNull,
    /// `"data": {}`.
    DataEmptyObject,
    /// `"data": ""`.
    DataEmptyText,
    /// A `null` among the samples.
    NullElement,
    /// A text among the samples.
    TextElement,
}

/// Samples with invalid values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BadValues {
    /// One after the other, sample by sample; all kinds if empty.
    pub(crate) defects: Vec<BadValueKind>,
    /// The corrupted fields, in turn; all fields if empty.
    pub(crate) fields: Vec<ValueField>,
    pub(crate) r#as: BadValueForm,
    /// One of this number of samples is corrupted.
    pub(crate) one_in: Option<Count<1_000_000>>,
}

/// The kind of an invalid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BadValueKind {
    Null,
    /// `""`.
    Blank,
    /// `-1`.
    Negative,
    /// `1e400`, which no double can hold.
    Infinite,
    /// `NaN`; always a text, because JSON has no such number.
    NotANumber,
    /// `fast`; always a text.
    Word,
    /// No such member.
    Missing,
    /// `"time": "yesterday"`.
    BadTime,
    /// No time.
    NoTime,
}

/// A value of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, VariantArray, IntoStaticStr)]
pub(crate) enum ValueField {
    #[serde(rename = "bitRate")]
    #[strum(serialize = "bitRate")]
    Bitrate,
    #[serde(rename = "audioFrameRate")]
    #[strum(serialize = "audioFrameRate")]
    Audio,
    #[serde(rename = "videoFrameRate")]
    #[strum(serialize = "videoFrameRate")]
    Video,
}

/// How invalid values are written that can be numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BadValueForm {
    Strings,
    Numbers,
    #[default]
    Both,
}

/// All corruptions of one response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Corruptions {
    /// The JSON ends in the middle; HTTP is intact.
    pub(crate) truncated: bool,
    /// The connection closes before `Content-Length` is reached.
    pub(crate) cut_off: bool,
    pub(crate) wrong_type: Option<WrongType>,
    pub(crate) bad_values: Option<BadValues>,
    /// Samples are dated ahead by this.
    pub(crate) ahead: Duration,
    /// Each sample has this number of stream names.
    pub(crate) many_streams: Option<usize>,
    /// `totalItems` of a list is larger than the list by this.
    pub(crate) missing_items: usize,
    pub(crate) padding: usize,
    pub(crate) sample_padding: usize,
    /// The name of the first fault.
    pub(crate) name: Option<String>,
}

/// An invalid value in one field of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleCorruption {
    pub(crate) kind: BadValueKind,
    pub(crate) field: ValueField,
    as_number: bool,
}

impl WrongType {
    /// Applies the mistake to `data`, if it is one of `data` as a whole.
    pub(crate) fn reshape(self, data: String) -> String {
        let with_first = |element: &str| match data.strip_prefix('[') {
            Some("]") => format!("[{element}]"),
            Some(rest) => format!("[{element},{rest}"),
            None => data.clone(),
        };
        match self {
            Self::DataObject => format!("{{\"contents\":{data}}}"),
            Self::DataText => "\"unexpected\"".to_owned(),
            Self::DataNull => "null".to_owned(),
            Self::DataEmptyObject => "{}".to_owned(),
            Self::DataEmptyText => "\"\"".to_owned(),
            Self::NullElement => with_first("null"),
            Self::TextElement => with_first("\"unexpected\""),
            Self::CodeAsText | Self::Numbers | Self::NestedValue => data,
        }
    }
}

impl Corruptions {
    /// The corruptions, to which the fault of that name adds its own.
    pub(super) fn of(&mut self, fault: &str) -> &mut Self {
        self.name.get_or_insert_with(|| fault.to_owned());
        self
    }
}

impl SampleCorruption {
    /// The JSON in place of the field's value, empty for no such member; `None` if the value is
    /// as it should be.
    pub(crate) fn json(self) -> Option<&'static str> {
        Some(match (self.kind, self.as_number) {
            (BadValueKind::Null, _) => "null",
            (BadValueKind::Blank, _) => "\"\"",
            (BadValueKind::Negative, false) => "\"-1\"",
            (BadValueKind::Negative, true) => "-1",
            (BadValueKind::Infinite, false) => "\"1e400\"",
            (BadValueKind::Infinite, true) => "1e400",
            (BadValueKind::NotANumber, _) => "\"NaN\"",
            (BadValueKind::Word, _) => "\"fast\"",
            (BadValueKind::Missing, _) => "",
            (BadValueKind::BadTime | BadValueKind::NoTime, _) => return None,
        })
    }
}

impl BadValues {
    /// The corruption of the sample with that number, if it has one.
    pub(crate) fn corruption(&self, number: u64) -> Option<SampleCorruption> {
        let one_in = to_u64(self.one_in.map_or(1, |one_in| one_in.0));
        if !number.is_multiple_of(one_in) {
            return None;
        }
        let turn = number / one_in;
        let field_turn = turn / to_u64(all_if_empty(&self.defects).len());
        let form_turn = field_turn / to_u64(all_if_empty(&self.fields).len());
        Some(SampleCorruption {
            kind: in_turn(&self.defects, turn)?,
            field: in_turn(&self.fields, field_turn)?,
            as_number: match self.r#as {
                BadValueForm::Strings => false,
                BadValueForm::Numbers => true,
                BadValueForm::Both => form_turn % 2 == 1,
            },
        })
    }
}

/// The given values; all values of the type if none are given.
fn all_if_empty<T: VariantArray>(values: &[T]) -> &[T] {
    if values.is_empty() {
        T::VARIANTS
    } else {
        values
    }
}

/// The value whose turn it is.
pub(super) fn in_turn<T: VariantArray + Copy>(values: &[T], turn: u64) -> Option<T> {
    let values = all_if_empty(values);
    let index = usize::try_from(turn % to_u64(values.len())).ok()?;
    values.get(index).copied()
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
