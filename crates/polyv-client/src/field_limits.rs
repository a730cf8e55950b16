//! How long texts may be.
//!
//! Polyv's servers are Java, whose strings count UTF-16 units: an emoji is two.

/// A text that Polyv would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// Nothing where something has to be.
    #[error("`{field}` is empty")]
    Empty {
        /// Its name, as Polyv writes it.
        field: &'static str,
    },
    /// Longer than Polyv takes.
    #[error(
        "`{field}` has {length} characters (an emoji counts as two); Polyv takes at most {most}"
    )]
    TooLong {
        /// Its name, as Polyv writes it.
        field: &'static str,
        /// Its length in UTF-16 units.
        length: usize,
        /// The longest that Polyv takes.
        most: usize,
    },
}

/// A text's length as Polyv counts it.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Checks a text that has to be there.
pub(super) fn required(field: &'static str, text: &str, most: usize) -> Result<(), InvalidField> {
    if text.trim().is_empty() {
        return Err(InvalidField::Empty { field });
    }
    let length = length(text);
    if length > most {
        return Err(InvalidField::TooLong {
            field,
            length,
            most,
        });
    }
    Ok(())
}

/// Checks a text that may be left out, but not be blank: a blank one must never be sent.
pub(super) fn given(
    field: &'static str,
    text: Option<&str>,
    most: usize,
) -> Result<(), InvalidField> {
    text.map_or(Ok(()), |text| required(field, text, most))
}

/// A text from outside, short enough for a message.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let mut chars = text.chars().filter(|c| !c.is_control());
    let mut short: String = chars.by_ref().take(MOST).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
