//! Scalars of the scenario file that have a format or a range of their own.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::time::signed_millis;

/// A duration such as `15s` or `1h30m`, of at least `MIN_MS` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MinDuration<const MIN_MS: u64>(pub(crate) Duration);

/// A duration such as `15s` or `1h30m`.
pub(crate) type HumanDuration = MinDuration<0>;
/// A duration of at least a millisecond.
pub(crate) type PositiveDuration = MinDuration<1>;

/// A duration with an optional sign, such as `-10m`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SignedDuration(pub(crate) i64);

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Share(pub(crate) f64);

/// A finite number from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Amount(pub(crate) f64);

/// A whole number from 1 to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "usize")]
pub(crate) struct Count<const MAX: usize>(pub(crate) usize);

/// A text, which may be written as a number: `"403"` or `403`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "TextOrNumber")]
pub(crate) struct Text(pub(crate) String);

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "this must be a text or a number")]
enum TextOrNumber {
    Number(u64),
    Text(String),
}

impl<const MIN_MS: u64> TryFrom<String> for MinDuration<MIN_MS> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let duration = parse_duration(&text)?;
        if duration < Duration::from_millis(MIN_MS) {
            return Err(format!("`{text}` is shorter than {MIN_MS}ms"));
        }
        Ok(Self(duration))
    }
}

impl TryFrom<String> for SignedDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sign, amount) = match text.strip_prefix('-') {
            Some(amount) => (-1, amount),
            None => (1, text.strip_prefix('+').unwrap_or(&text)),
        };
        Ok(Self(sign * signed_millis(parse_duration(amount)?)))
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration such as `15s` or `1h30m`: {error}"))
}

/// Writes a duration as scenario files do: `1m30s`.
pub(crate) fn format_duration(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace(' ', "")
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a number from 0 to 1"))
        }
    }
}

impl TryFrom<f64> for Amount {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value >= 0.0 {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a number from 0 on"))
        }
    }
}

impl<const MAX: usize> TryFrom<usize> for Count<MAX> {
    type Error = String;

    fn try_from(value: usize) -> Result<Self, String> {
        if (1..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is not a whole number from 1 to {MAX}"))
        }
    }
}

impl From<TextOrNumber> for Text {
    fn from(value: TextOrNumber) -> Self {
        match value {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

/// Deserializes a text that is not blank.
pub(crate) fn non_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("this must not be empty"));
    }
    Ok(text.into())
}

/// Deserializes a mapping, or a single name that stands for a mapping with only `key`.
pub(crate) fn name_or_fields<'de, D, T>(deserializer: D, key: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(NameOrFields {
        key,
        target: PhantomData,
    })
}

struct NameOrFields<T> {
    key: &'static str,
    target: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for NameOrFields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name or a mapping with `{}`", self.key)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        T::deserialize(MapDeserializer::new([(self.key, name)].into_iter()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
