//! JSON bodies, as strict as the pages describe them.

use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::request::Parameters;

/// The members of a JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

/// The body as JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::InvalidParameter)
}

/// The length in UTF-16 units, as Polyv's Java servers count.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A number that is written with digits only.
pub(super) fn digits(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The ids of a parameter such as `2624138,2614940`, at most `max` of them.
///
/// The refusal of longer lists and of invalid ids is undocumented; as readings, the messages that
/// the global errors list for a wrong length and for a text that is not a number.
pub(super) fn channel_ids(
    parameters: &Parameters,
    name: &str,
    max: usize,
) -> Result<Vec<u64>, Refusal> {
    let ids: Vec<u64> = parameters
        .get(name)
        .unwrap_or_default()
        .split(',')
        .map(digits)
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::NotDigits(name.to_owned()))?;
    if ids.len() > max {
        return Err(Refusal::WrongLength(name.to_owned()));
    }
    Ok(ids)
}

impl<'a> Members<'a> {
    /// The members of an object.
    pub(super) fn of(value: &'a Value) -> Result<Self, Refusal> {
        value.as_object().map(Self).ok_or(Refusal::InvalidParameter)
    }

    /// A member that is not `null`.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A required member that is not blank.
    pub(super) fn required(self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name)
            .filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
            .ok_or_else(|| Refusal::MissingParameter(name.to_owned()))
    }

    /// An optional text of at most `max` UTF-16 units.
    pub(super) fn text(self, name: &str, max: usize) -> Result<Option<String>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if length(text) > max => {
                Err(Refusal::WrongLength(name.to_owned()))
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refusal::InvalidParameter),
        }
    }

    /// A required text that is not blank.
    pub(super) fn required_text(self, name: &str, max: usize) -> Result<String, Refusal> {
        self.required(name)?;
        Ok(self.text(name, max)?.unwrap_or_default())
    }

    /// An optional text that is one of `words`.
    pub(super) fn word(
        self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let word = words.iter().copied().find(|word| value == word);
        word.map(Some).ok_or(Refusal::InvalidParameter)
    }

    /// A required text that is one of `words`.
    pub(super) fn required_word(
        self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, Refusal> {
        self.required(name)?;
        Ok(self.word(name, words)?.unwrap_or_default())
    }
}

/// A number, or a text with a number: the pages' samples write numbers as texts.
pub(super) fn whole_number(value: &Value) -> Result<u64, Refusal> {
    let number = value.as_u64().or_else(|| digits(value.as_str()?));
    number.ok_or(Refusal::InvalidParameter)
}
