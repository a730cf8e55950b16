//! Labels that users put on channels.

use std::collections::BTreeMap;

use crate::yaml::{Node, Reader};

/// Labels that the exporter, Prometheus or the alert rules use for something else.
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

/// Reads `labels`.
pub(super) fn read(node: &Node, reader: &mut Reader) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(map) = reader.mapping(node, "`labels`") else {
        return labels;
    };
    for entry in map.entries() {
        let name = entry.key.as_str();
        if let Err(why) = check(name) {
            reader.fault(entry.place, why);
            continue;
        }
        let what = format!("the label `{name}`");
        if let Some(value) = reader.text(&entry.value, &what) {
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
    let mut bytes = name.bytes();
    let valid = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if valid {
        return Ok(());
    }
    let meant: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    Err(format!(
        "`{name}` can't be a label: letters, digits and `_` only, and no digit first; did you \
         mean `{meant}`?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_instead_may_be_used() {
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
