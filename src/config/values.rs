//! Parsers of scalar values. An error is the rest of a sentence that begins with the key, such as
//! `must be a number`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::duration::{format_duration, parse_duration};
use web_config::redact;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// An error about a text that is not what was expected.
pub(super) fn expected<T>(what: impl Display, text: &str) -> Result<T, String> {
    Err(format!("must be {what}, not {}", redact(text)))
}

/// A text that is not blank.
pub(super) fn non_blank(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    let parsed = choice(&[("true", true), ("false", false)])(text);
    let meant = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => "true",
        "false" | "no" | "off" | "0" => "false",
        _ => return parsed,
    };
    parsed.map_err(|why| format!("{why}: did you mean `{meant}`?"))
}

/// One of several words.
pub(super) fn choice<T: Copy>(words: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            expected(words.join(" or "), text)
        }
    }
}

/// A positive number.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => expected("a number above 0, without a unit", text),
    }
}

/// A whole number from 1 to `max`.
pub(super) fn count<T>(max: T) -> impl Fn(&str) -> Result<T, String>
where
    T: From<u8> + FromStr + PartialOrd + Display,
{
    move |text| match text.parse::<T>() {
        Ok(number) if number >= T::from(1) && number <= max => Ok(number),
        _ => expected(format!("a whole number between 1 and {max}"), text),
    }
}

/// A duration within a range.
pub(super) fn within(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let duration = parse_duration(text).map_err(|expected| format!("must be {expected}"))?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (min, max) = (
            format_duration(*range.start()),
            format_duration(*range.end()),
        );
        expected(format!("between {min} and {max}"), text)
    }
}

/// An interval between two polls.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    within(SECOND..=HOUR)(text)
}
