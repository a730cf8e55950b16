//! Labels that users add to channels.

use std::collections::BTreeMap;

use super::decoder::{Field, Mapping};
use web_config::redact;

/// Labels that the exporter, Prometheus or the alert rules use themselves.
const RESERVED: [&str; 11] = [
    "account",
    "channel_id",
    "channel_name",
    "stream",
    "state",
    "outcome",
    "job",
    "instance",
    "le",
    "alertname",
    "severity",
];

/// Decodes `labels`.
pub(super) fn decode(field: Field<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let map = field.mapping();
    for (location, name, field) in map.iter().flat_map(Mapping::entries) {
        if let Err(why) = check(name) {
            field.fault_at(location, why);
        } else if let Some(value) = field.text() {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    labels
}

fn check(name: &str) -> Result<(), String> {
    let reserved =
        RESERVED.contains(&name) || name.starts_with("__") || name.starts_with("exported_");
    if reserved {
        let plain = name.trim_start_matches('_').trim_start_matches("exported_");
        let plain = if plain.is_empty() { "label" } else { plain };
        return Err(format!(
            "the label `{name}` is reserved; did you mean `my_{plain}` or another name of your \
             own?"
        ));
    }
    let mut valid = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if !valid.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        valid.insert(0, '_');
    }
    if name == valid {
        return Ok(());
    }
    Err(format!(
        "{} can't be a label: letters, digits and `_` only, and no digit first; did you mean \
         `{valid}`?",
        redact(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_names_are_valid() {
        for name in RESERVED
            .into_iter()
            .chain(["__x", "exported_", "exported_id", "__"])
        {
            let why = check(name).unwrap_err();
            let (_, suggested) = why.split_once("did you mean `").unwrap();
            let suggested = suggested.split('`').next().unwrap();
            assert_eq!(check(suggested), Ok(()), "{why}");
        }
    }
}
