//! Reading single keys into a value that has a default.

use std::str::FromStr;
use std::time::Duration;

use crate::yaml::{Mapping, Node, Reader, parse_duration};

/// Something that is parsed from a scalar; `expected` says what it should be.
pub(super) fn parsed<T: FromStr>(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    expected: &str,
    into: &mut T,
) {
    if let Some(node) = keys.get(key)
        && let Some(value) = reader.parsed(node, &format!("`{key}`"), expected)
    {
        *into = value;
    }
}

pub(super) fn truth(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    into: &mut bool,
) {
    if let Some(node) = keys.get(key)
        && let Some(value) = reader.truth(node, &format!("`{key}`"))
    {
        *into = value;
    }
}

pub(super) fn text(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    into: &mut String,
) {
    if let Some(node) = keys.get(key)
        && let Some(value) = reader.text(node, &format!("`{key}`"))
    {
        value.clone_into(into);
    }
}

pub(super) fn duration(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    into: &mut Duration,
) {
    if let Some(value) = optional_duration(reader, keys, key) {
        *into = value;
    }
}

pub(super) fn optional_duration(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
) -> Option<Duration> {
    let node = keys.get(key)?;
    reader.duration(node, &format!("`{key}`"))
}

/// A duration that is not 0.
pub(super) fn positive_duration(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
) -> Option<Duration> {
    let node = keys.get(key)?;
    let duration = reader.duration(node, &format!("`{key}`"))?;
    if duration.is_zero() {
        let message = format!("`{key}` must be at least a millisecond");
        reader.fault(node.place, message);
        return None;
    }
    Some(duration)
}

/// A number from 0 on that is one: `inf` and `nan` parse as well, and mean nothing here.
pub(super) fn amount(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    into: &mut f64,
) {
    bounded(reader, keys, key, f64::MAX, "a number from 0 on", into);
}

/// A number from 0 to 1.
pub(super) fn share(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    into: &mut f64,
) {
    bounded(reader, keys, key, 1.0, "a number from 0 to 1", into);
}

fn bounded(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    most: f64,
    expected: &str,
    into: &mut f64,
) {
    let Some(node) = keys.get(key) else { return };
    let Some(value) = reader.parsed::<f64>(node, &format!("`{key}`"), expected) else {
        return;
    };
    if (0.0..=most).contains(&value) {
        *into = value;
    } else {
        let message = format!("`{key}` must be {expected}, not `{value}`");
        reader.fault(node.place, message);
    }
}

/// A whole number from 1 to `most`.
pub(super) fn count(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    most: usize,
    into: &mut usize,
) {
    let Some(node) = keys.get(key) else { return };
    let expected = format!("a whole number from 1 to {most}");
    match reader.parsed(node, &format!("`{key}`"), &expected) {
        Some(value) if (1..=most).contains(&value) => *into = value,
        Some(value) => {
            let message = format!("`{key}` must be {expected}, not `{value}`");
            reader.fault(node.place, message);
        }
        None => {}
    }
}

/// One of several words.
pub(super) fn choice<T: Clone>(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    words: &[(&str, T)],
    into: &mut T,
) {
    if let Some(node) = keys.get(key)
        && let Some(value) = word(reader, node, &format!("`{key}`"), words)
    {
        *into = value;
    }
}

/// The meaning of a scalar that is one of several words.
pub(super) fn word<T: Clone>(
    reader: &mut Reader,
    node: &Node,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let text = reader.text(node, what)?;
    let meaning = words.iter().find(|(known, _)| *known == text);
    if meaning.is_none() {
        let message = if let Some(meant) = closest(text, words) {
            format!("{what} cannot be `{text}`; did you mean `{meant}`?")
        } else {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            format!("{what} must be one of {}, not `{text}`", known.join(", "))
        };
        reader.fault(node.place, message);
    }
    meaning.map(|(_, value)| value.clone())
}

/// The word that was probably meant, if one was.
fn closest<'k, T>(text: &str, words: &[(&'k str, T)]) -> Option<&'k str> {
    words
        .iter()
        .map(|(word, _)| (strsim::damerau_levenshtein(text, word), *word))
        .filter(|(distance, word)| *distance <= word.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A list of words; nothing given means all of them.
pub(super) fn words<T: Copy>(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    known: &[(&str, T)],
) -> Vec<T> {
    let given: Vec<T> = match keys.get(key) {
        Some(node) => reader
            .list(node, &format!("`{key}`"))
            .iter()
            .filter_map(|item| word(reader, item, &format!("an item of `{key}`"), known))
            .collect(),
        None => Vec::new(),
    };
    if given.is_empty() {
        known.iter().map(|(_, value)| *value).collect()
    } else {
        given
    }
}

/// A list of texts.
pub(super) fn texts(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
) -> Vec<(String, Node)> {
    let Some(node) = keys.get(key) else {
        return Vec::new();
    };
    reader
        .list(node, &format!("`{key}`"))
        .iter()
        .filter_map(|item| {
            let text = reader.text(item, &format!("an item of `{key}`"))?;
            Some((text.to_owned(), item.clone()))
        })
        .collect()
}

/// A text that must be there and say something.
pub(super) fn required_text(
    reader: &mut Reader,
    keys: &mut Mapping<'_>,
    key: &'static str,
    whose: &str,
) -> Option<String> {
    let Some(node) = keys.get(key) else {
        let message = format!("{whose} needs `{key}`");
        reader.fault(keys.place(), message);
        return None;
    };
    let text = reader.text(node, &format!("`{key}`"))?;
    if text.trim().is_empty() {
        reader.fault(node.place, format!("`{key}` is empty"));
        return None;
    }
    Some(text.to_owned())
}

/// A duration that may have a minus before it, in milliseconds.
pub(crate) fn signed_duration_ms(reader: &mut Reader, node: &Node, what: &str) -> Option<i64> {
    let text = reader.text(node, what)?;
    let (sign, amount) = match text.strip_prefix('-') {
        Some(amount) => (-1, amount),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    match parse_duration(amount) {
        Ok(duration) => Some(sign * super::super::time::signed_millis(duration)),
        Err(expected) => {
            reader.fault(node.place, format!("{what} must be {expected}"));
            None
        }
    }
}
