//! JSON bodies, as strict as the pages describe them.

use serde_json::{Map, Value};

use crate::envelope::Refusal;

/// The members of a JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'a>(&'a Map<String, Value>);

/// The body as JSON.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::parameters())
}

/// The length in UTF-16 units, as Polyv's Java servers count.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

impl<'a> Members<'a> {
    /// The members of an object.
    pub(crate) fn of(value: &'a Value) -> Result<Self, Refusal> {
        value.as_object().map(Self).ok_or_else(Refusal::parameters)
    }

    /// A member that is not `null`.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A required member.
    pub(crate) fn required(self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name)
            .filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
            .ok_or_else(|| Refusal::missing(name))
    }

    /// An optional text of at max `max` UTF-16 units.
    pub(crate) fn text(self, name: &str, max: usize) -> Result<Option<&'a str>, Refusal> {
        self.get(name)
            .map(|value| bounded(value, name, max))
            .transpose()
    }

    /// A required text that is not blank.
    pub(crate) fn required_text(self, name: &str, max: usize) -> Result<&'a str, Refusal> {
        bounded(self.required(name)?, name, max)
    }

    /// An optional `Y` or `N`.
    pub(crate) fn switch(self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name).map(switch).transpose()
    }

    /// A required `Y` or `N`.
    pub(crate) fn required_switch(self, name: &str) -> Result<bool, Refusal> {
        switch(self.required(name)?)
    }

    /// A required text that is one of `words`.
    pub(crate) fn required_word(
        self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, Refusal> {
        let value = self.required(name)?.as_str();
        let mut words = words.iter().copied();
        words
            .find(|word| value == Some(*word))
            .ok_or_else(Refusal::parameters)
    }
}

fn bounded<'a>(value: &'a Value, name: &str, max: usize) -> Result<&'a str, Refusal> {
    let text = value.as_str().ok_or_else(Refusal::parameters)?;
    if length(text) > max {
        return Err(Refusal::length(name));
    }
    Ok(text)
}

fn switch(value: &Value) -> Result<bool, Refusal> {
    match value.as_str() {
        Some("Y") => Ok(true),
        Some("N") => Ok(false),
        _ => Err(Refusal::parameters()),
    }
}

/// A number, or a text with a number: the pages' samples write numbers as texts.
pub(crate) fn whole_number(value: &Value) -> Result<u64, Refusal> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if digits(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(Refusal::parameters)
}
