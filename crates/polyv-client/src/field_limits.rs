//! Length limits of text fields.
//!
//! Polyv's servers are written in Java, whose strings count UTF-16 units: an emoji counts as
//! two.

/// A text that Polyv would reject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// A required text is blank.
    #[error("`{field}` is empty")]
    Empty {
        /// The field's name in Polyv's API.
        field: &'static str,
    },
    /// The text is longer than Polyv accepts.
    #[error(
        "`{field}` has {length} characters (an emoji counts as two); Polyv takes at most {max}"
    )]
    TooLong {
        /// The field's name in Polyv's API.
        field: &'static str,
        /// The text's length in UTF-16 units.
        length: usize,
        /// The greatest length that Polyv accepts.
        max: usize,
    },
}

/// A text's length as Polyv counts it.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Checks a required text.
pub(crate) fn required(field: &'static str, text: &str, max: usize) -> Result<(), InvalidField> {
    let length = utf16_length(text);
    if text.trim().is_empty() {
        Err(InvalidField::Empty { field })
    } else if length > max {
        Err(InvalidField::TooLong { field, length, max })
    } else {
        Ok(())
    }
}

/// Checks an optional text: it may be absent, but not blank, since a blank value must never
/// be sent.
pub(crate) fn optional(
    field: &'static str,
    text: Option<&str>,
    max: usize,
) -> Result<(), InvalidField> {
    text.map_or(Ok(()), |text| required(field, text, max))
}
