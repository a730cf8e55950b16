//! Numbers as Polyv sends them: documented as integers, sent as strings, by the v4 sibling
//! with decimals. All of that is read, and what is none of it spoils its own field only.

use serde_json::value::RawValue;

/// A numeric field of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum NumericField {
    /// Not there, `null`, or a blank string.
    Missing,
    /// A finite number. Whether it makes sense is not decided here.
    Number(f64),
    /// Something else; what it was, cut short, for the log.
    Unreadable(String),
}

/// How much of an unreadable value is kept for the log.
const EXCERPT: usize = 40;

// === impl NumericField ===

impl NumericField {
    /// Reads a field from its JSON text, so that `1e400` — which no JSON library gives as a
    /// number — spoils the field and not the answer.
    #[must_use]
    pub fn parse_json(raw: Option<&RawValue>) -> Self {
        let Some(raw) = raw.map(RawValue::get) else {
            return Self::Missing;
        };
        match raw.as_bytes().first() {
            Some(b'"') => match text_of(raw) {
                Some(text) if text.trim().is_empty() => Self::Missing,
                Some(text) => Self::parse(&text),
                None => Self::unreadable(raw),
            },
            Some(b'n') => Self::Missing,
            _ => Self::parse(raw),
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }

    fn parse(text: &str) -> Self {
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::unreadable(text),
        }
    }

    fn unreadable(text: &str) -> Self {
        Self::Unreadable(excerpt(text))
    }
}

/// The content of a JSON string, without a copy where nothing is escaped.
pub(super) fn text_of(raw: &str) -> Option<std::borrow::Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(std::borrow::Cow::Owned)
    } else {
        Some(std::borrow::Cow::Borrowed(inner))
    }
}

/// The first few characters of something unreadable.
pub(super) fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> NumericField {
        NumericField::parse_json(Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn numbers_are_read_as_strings_and_as_numbers_whole_and_decimal() {
        for (json, number) in [
            (r#""1157120""#, 1_157_120.0),
            ("1157120", 1_157_120.0),
            (r#""1176815.9""#, 1_176_815.9),
            ("15.016666", 15.016_666),
            (r#"" 46 ""#, 46.0),
            (r#""0""#, 0.0),
            ("-1", -1.0),
            ("1.5e3", 1500.0),
            (r#""\u0034\u0036""#, 46.0),
        ] {
            assert_eq!(decode(json), NumericField::Number(number), "{json}");
        }
    }

    #[test]
    fn nothing_is_missing_and_rubbish_is_unreadable() {
        for json in ["null", r#""""#, r#"" ""#] {
            assert_eq!(decode(json), NumericField::Missing, "{json}");
        }
        assert_eq!(NumericField::parse_json(None), NumericField::Missing);
        for json in [
            "1e400",
            r#""1e400""#,
            r#""NaN""#,
            r#""inf""#,
            r#""-Infinity""#,
            "true",
            "[1]",
            r#"{"a":1}"#,
            r#""1,157""#,
            r#""fast""#,
        ] {
            assert!(
                matches!(decode(json), NumericField::Unreadable(_)),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_kept_of_rubbish_is_short() {
        let json = format!("\"{}\"", "码".repeat(10_000));
        let NumericField::Unreadable(kept) = decode(&json) else {
            panic!("that is no number");
        };
        assert_eq!(kept.chars().count(), EXCERPT + 1);
    }
}
