//! Reading JSON bodies as strictly as the pages describe them.

use serde_json::{Map, Value};

use crate::simulator::envelope::Refusal;

/// The members of a JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

/// The body as JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::parameters())
}

/// The length as Polyv's Java servers count it: in UTF-16 units.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

// === impl Members ===

impl<'a> Members<'a> {
    /// The members of what has to be an object.
    pub(super) fn of(value: &'a Value) -> Result<Self, Refusal> {
        value.as_object().map(Self).ok_or_else(Refusal::parameters)
    }

    /// A member that is there; `null` is not.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A member that has to be there.
    pub(super) fn required(self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name)
            .filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
            .ok_or_else(|| Refusal::missing(name))
    }

    /// A text of at most so many UTF-16 units, if it is there.
    pub(super) fn text(self, name: &str, most: usize) -> Result<Option<&'a str>, Refusal> {
        self.get(name)
            .map(|value| bounded(value, name, most))
            .transpose()
    }

    /// A text that has to be there and say something.
    pub(super) fn required_text(self, name: &str, most: usize) -> Result<&'a str, Refusal> {
        bounded(self.required(name)?, name, most)
    }

    /// `Y` or `N`, if it is there.
    pub(super) fn switch(self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name).map(switch).transpose()
    }

    /// `Y` or `N`, which has to be there.
    pub(super) fn required_switch(self, name: &str) -> Result<bool, Refusal> {
        switch(self.required(name)?)
    }

    /// One of several texts, which has to be there.
    pub(super) fn required_word(
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

fn bounded<'a>(value: &'a Value, name: &str, most: usize) -> Result<&'a str, Refusal> {
    let text = value.as_str().ok_or_else(Refusal::parameters)?;
    if length(text) > most {
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

/// A number, or a text that is one: the pages' samples write numbers as texts.
pub(super) fn whole_number(value: &Value) -> Result<u64, Refusal> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if digits(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(Refusal::parameters)
}
