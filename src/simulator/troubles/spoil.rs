//! Answers that are built, but wrongly.

use std::time::Duration;

/// One way in which an answer is spoiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// The body ends in the middle; HTTP is content with it.
    TruncatedJson,
    /// The connection closes before all that `Content-Length` promised has come.
    CutOff,
    /// One of these, call by call in turn.
    WrongTypes(Vec<WrongType>),
    BadValues(BadValues),
    /// Samples are dated ahead.
    Future {
        by: Duration,
    },
    /// Every sample comes under that many stream names.
    ManyStreams {
        count: usize,
    },
    /// The body is at least that much longer.
    Huge {
        bytes: usize,
    },
    /// Each sample is that much longer.
    HugeSamples {
        bytes: usize,
    },
}

/// What has another JSON type than documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongType {
    /// `"code": "200"`.
    CodeAsText,
    /// The values as JSON numbers.
    Numbers,
    /// A bitrate that is an object.
    NestedValue,
    /// `data` as an object that has the samples inside.
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

/// Samples with a value that none should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadValues {
    /// One after the other, sample by sample.
    pub(crate) defects: Vec<Defect>,
    /// The values that are spoiled, in turn.
    pub(crate) fields: Vec<ValueField>,
    pub(crate) form: Form,
    /// One in so many samples is spoiled.
    pub(crate) one_in: usize,
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    Null,
    /// `""`.
    Blank,
    /// `-1`.
    Negative,
    /// `1e400`, which no double holds.
    Infinite,
    /// `NaN`; always a text, since JSON has no such number.
    NotANumber,
    /// `fast`; always a text.
    Word,
    /// The member is not there.
    Missing,
    /// `"time": "yesterday"`.
    BadTime,
    /// The sample has no time.
    NoTime,
}

/// A value of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueField {
    Bitrate,
    Audio,
    Video,
}

/// How bad values are written where they can be numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Strings,
    Numbers,
    Both,
}

/// All that spoils one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spoils {
    pub(crate) truncated: bool,
    pub(crate) cut_off: bool,
    pub(crate) wrong_type: Option<WrongType>,
    pub(crate) bad_values: Option<BadValues>,
    pub(crate) ahead: Duration,
    pub(crate) many_streams: Option<usize>,
    pub(crate) padding: usize,
    pub(crate) sample_padding: usize,
    /// The first one's name.
    pub(crate) word: Option<&'static str>,
}

/// A defect in one field of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) defect: Defect,
    pub(crate) field: ValueField,
    pub(crate) as_number: bool,
}

// === impl Spoils ===

impl Spoils {
    pub(super) fn add(&mut self, spoil: &Spoil, call: u64, name: &'static str) {
        self.word.get_or_insert(name);
        match spoil {
            Spoil::TruncatedJson => self.truncated = true,
            Spoil::CutOff => self.cut_off = true,
            Spoil::WrongTypes(types) => self.wrong_type = in_turn(types, call),
            Spoil::BadValues(values) => self.bad_values = Some(values.clone()),
            Spoil::Future { by } => self.ahead += *by,
            Spoil::ManyStreams { count } => self.many_streams = Some(*count),
            Spoil::Huge { bytes } => self.padding += bytes,
            Spoil::HugeSamples { bytes } => self.sample_padding += bytes,
        }
    }
}

// === impl WrongType ===

impl WrongType {
    pub(crate) const ALL: [(&str, Self); 10] = [
        ("code_as_text", Self::CodeAsText),
        ("numbers", Self::Numbers),
        ("nested_value", Self::NestedValue),
        ("data_object", Self::DataObject),
        ("data_text", Self::DataText),
        ("data_null", Self::DataNull),
        ("data_empty_object", Self::DataEmptyObject),
        ("data_empty_text", Self::DataEmptyText),
        ("null_element", Self::NullElement),
        ("text_element", Self::TextElement),
    ];

    /// `data` with that type's mistake, where it is one of the data as a whole.
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

// === impl Defect ===

impl Defect {
    pub(crate) const ALL: [(&str, Self); 9] = [
        ("null", Self::Null),
        ("blank", Self::Blank),
        ("negative", Self::Negative),
        ("infinite", Self::Infinite),
        ("not_a_number", Self::NotANumber),
        ("word", Self::Word),
        ("missing", Self::Missing),
        ("bad_time", Self::BadTime),
        ("no_time", Self::NoTime),
    ];
}

// === impl ValueField ===

impl ValueField {
    pub(crate) const ALL: [(&str, Self); 3] = [
        ("bitRate", Self::Bitrate),
        ("audioFrameRate", Self::Audio),
        ("videoFrameRate", Self::Video),
    ];
}

// === impl BadValues ===

impl BadValues {
    /// What is wrong with the sample of that number, if anything is.
    pub(crate) fn damage(&self, number: u64) -> Option<Damage> {
        let one_in = u64::try_from(self.one_in).unwrap_or(u64::MAX);
        if number.checked_rem(one_in)? != 0 {
            return None;
        }
        let turn = number.checked_div(one_in)?;
        let fields_turn = turn.checked_div(length(&self.defects))?;
        let form_turn = fields_turn.checked_div(length(&self.fields))?;
        Some(Damage {
            defect: in_turn(&self.defects, turn)?,
            field: in_turn(&self.fields, fields_turn)?,
            as_number: match self.form {
                Form::Strings => false,
                Form::Numbers => true,
                Form::Both => form_turn % 2 == 1,
            },
        })
    }
}

/// The item whose turn it is.
fn in_turn<T: Copy>(items: &[T], turn: u64) -> Option<T> {
    let index = turn.checked_rem(length(items))?;
    items.get(usize::try_from(index).ok()?).copied()
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
