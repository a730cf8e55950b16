//! Reading `troubles:`: what each is called, whom it meets and when. What it does is read by
//! [`super::acts`].

use std::time::Duration;

use serde_json::Value as Json;

use super::acts::read_act;
use super::{Scenario, keys};
use crate::simulator::operations;
use crate::simulator::troubles::{Schedule, Scope, TimeWindow, Trouble};
use crate::yaml::{Mapping, Node, Reader, Value};

/// The troubles' names.
pub(super) const NAMES: [&str; 24] = [
    "latency",
    "clock_skew",
    "hang",
    "reset",
    "block",
    "throttled",
    "bad_gateway",
    "html",
    "answer",
    "redirect",
    "enveloped_redirect",
    "gzip_bomb",
    "endless",
    "error_500",
    "forbidden",
    "rejected",
    "truncated_json",
    "cut_off",
    "wrong_types",
    "bad_values",
    "future",
    "many_streams",
    "huge",
    "huge_samples",
];

/// The troubles of a list. Those of a `scenario` may only name what is in it.
pub(crate) fn read_troubles(
    reader: &mut Reader,
    node: &Node,
    scenario: Option<&Scenario>,
) -> Vec<Trouble> {
    reader
        .list(node, "`troubles`")
        .iter()
        .filter_map(|item| read_trouble(reader, item, scenario))
        .collect()
}

fn read_trouble(reader: &mut Reader, node: &Node, scenario: Option<&Scenario>) -> Option<Trouble> {
    let words = NAMES.map(|name| (name, name));
    if let Value::Scalar { .. } = node.value {
        // A name alone: everything, all the time, with the defaults.
        keys::word(reader, node, "a trouble", &words)?;
        let lone = Node {
            place: node.place,
            value: Value::Map(vec![crate::yaml::Entry {
                key: "trouble".to_owned(),
                place: node.place,
                value: node.clone(),
            }]),
        };
        return read_trouble(reader, &lone, scenario);
    }
    let mut entry = reader.mapping(node, "a trouble")?;
    let Some(name) = entry.get("trouble") else {
        let message = format!("a trouble needs `trouble`, one of {}", NAMES.join(", "));
        reader.fault(node.place, message);
        return None;
    };
    let name = keys::word(reader, name, "`trouble`", &words)?;
    let scope = read_scope(reader, &mut entry, scenario);
    let mut share = 1.0;
    keys::share(reader, &mut entry, "share", &mut share);
    let schedule = read_schedule(reader, &mut entry);
    let act = read_act(reader, &mut entry, name);
    entry.finish(reader);
    Some(Trouble {
        name,
        scope,
        share,
        schedule,
        act: act?,
        written: to_json(node),
    })
}

fn read_scope(reader: &mut Reader, entry: &mut Mapping<'_>, scenario: Option<&Scenario>) -> Scope {
    let mut scope = Scope::default();
    if let Some(node) = entry.get("account")
        && let Some(app_id) = reader.text(node, "`account`")
    {
        let known = |scenario: &Scenario| {
            let mut accounts = scenario.accounts.iter();
            accounts.any(|account| account.app_id == app_id)
        };
        if !scenario.is_none_or(known) {
            let message = format!("there is no account with the app id `{app_id}`");
            reader.fault(node.place, message);
        }
        scope.account = Some(app_id.to_owned());
    }
    for (id, node) in keys::texts(reader, entry, "channels") {
        let known = |scenario: &Scenario| scenario.channels.iter().any(|known| known.id == id);
        if !scenario.is_none_or(known) {
            reader.fault(node.place, format!("there is no channel `{id}`"));
        }
        scope.channels.push(id);
    }
    for (name, node) in keys::texts(reader, entry, "endpoints") {
        if !operations::endpoints().any(|known| known == name) {
            let known: Vec<&str> = operations::endpoints().collect();
            let message = format!("there is no endpoint `{name}`; known: {}", known.join(", "));
            reader.fault(node.place, message);
        }
        scope.endpoints.push(name);
    }
    scope
}

fn read_schedule(reader: &mut Reader, entry: &mut Mapping<'_>) -> Schedule {
    let mut after = Duration::ZERO;
    keys::duration(reader, entry, "after", &mut after);
    let lasts = keys::positive_duration(reader, entry, "for");
    let every = keys::positive_duration(reader, entry, "every");
    let window = match (lasts, every) {
        (None, None) => TimeWindow::ForGood,
        (Some(lasts), None) => TimeWindow::Once(lasts),
        (Some(lasts), Some(every)) if lasts <= every => TimeWindow::Every { lasts, every },
        (Some(_), Some(_)) => {
            reader.fault(entry.place(), "`for` must not be longer than `every`");
            TimeWindow::ForGood
        }
        (None, Some(_)) => {
            reader.fault(entry.place(), "`every` needs a `for` as well");
            TimeWindow::ForGood
        }
    };
    Schedule { after, window }
}

/// What was written, as JSON.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar {
            text,
            quoted: false,
        } => {
            // A number or a truth value where JSON reads it as one, else a text.
            serde_json::from_str(text)
                .ok()
                .filter(|value: &Json| !value.is_object() && !value.is_array())
                .unwrap_or_else(|| Json::from(text.as_str()))
        }
        Value::Scalar { text, .. } => Json::from(text.as_str()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), to_json(&entry.value)))
                .collect(),
        ),
    }
}
