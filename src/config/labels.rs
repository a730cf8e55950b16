//! Labels that users add to channels.

use std::collections::BTreeMap;

use super::decoder::{Field, Mapping};
use web_config::redact;

/// Labels that the exporter, Prometheus, its discovery in Kubernetes or the alert rules use
/// themselves.
const RESERVED: [&str; 17] = [
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
    "node",
    "pod",
    "container",
    "endpoint",
    "namespace",
    "service",
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
    if is_reserved(name) {
        let suggestion = suggest(name);
        return Err(format!(
            "the label `{name}` is reserved; did you mean `{suggestion}` or another name of your \
             own?"
        ));
    }
    let suggestion = suggest(name);
    if name == suggestion {
        return Ok(());
    }
    Err(format!(
        "{} can't be a label: letters, digits and `_` only, and no digit first; did you mean \
         `{suggestion}`?",
        redact(name)
    ))
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("__") || name.starts_with("exported_")
}

/// The valid name closest to `name`.
fn suggest(name: &str) -> String {
    let mut valid = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if valid.is_empty() || valid.starts_with(|c: char| c.is_ascii_digit()) {
        valid.insert(0, '_');
    }
    if !is_reserved(&valid) {
        return valid;
    }
    let plain = valid
        .trim_start_matches('_')
        .trim_start_matches("exported_");
    let plain = if plain.is_empty() { "label" } else { plain };
    format!("my_{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_names_are_valid() {
        let others = [
            "__x",
            "exported_",
            "exported_id",
            "__",
            "",
            "机房",
            "机",
            "机房_a",
            "7",
            "7-8",
            "a b",
            "-job",
            "exported.id",
            " exported_",
            "__exported_",
            "🎥🎥",
            "le\n",
        ];
        for name in RESERVED.into_iter().chain(others) {
            let why = check(name).unwrap_err();
            let (_, suggested) = why.split_once("did you mean `").unwrap();
            let suggested = suggested.split('`').next().unwrap();
            assert_eq!(check(suggested), Ok(()), "{why}");
        }
        for name in ["hall", "_", "node_name", "le_", "Pod"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }
}
