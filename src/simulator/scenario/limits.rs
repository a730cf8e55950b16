//! Reading `limits:`.

use super::keys;
use crate::simulator::limits::{BlockForm, BlockStatus, HardLimit, Limits, Rate};
use crate::yaml::{Mapping, Node, Reader, Value};

/// The forms of a block, as `as:` names them.
pub(super) const FORMS: [(&str, BlockForm); 5] = [
    ("reset", BlockForm::Reset),
    ("timeout", BlockForm::Timeout),
    ("403", BlockForm::Status(BlockStatus::Forbidden)),
    ("405", BlockForm::Status(BlockStatus::MethodNotAllowed)),
    ("429", BlockForm::Status(BlockStatus::TooManyRequests)),
];

pub(super) fn read(reader: &mut Reader, node: &Node) -> Limits {
    if matches!(&node.value, Value::Scalar { text, .. } if text == "none") {
        return Limits {
            hard: None,
            soft: None,
        };
    }
    let mut hard = HardLimit::default();
    let mut soft = None;
    if let Some(mut keys) = reader.mapping(node, "`limits` (where it is not `none`)") {
        rate(reader, &mut keys, &mut hard.rate);
        keys::duration(reader, &mut keys, "for", &mut hard.block_for);
        keys::choice(reader, &mut keys, "as", &FORMS, &mut hard.form);
        if let Some(node) = keys.get("soft")
            && let Some(mut keys) = reader.mapping(node, "`soft`")
        {
            let soft = soft.insert(Rate {
                requests: 40,
                per: std::time::Duration::from_secs(1),
            });
            rate(reader, &mut keys, soft);
            keys.finish(reader);
        }
        keys.finish(reader);
    }
    Limits {
        hard: Some(hard),
        soft,
    }
}

fn rate(reader: &mut Reader, keys: &mut Mapping<'_>, rate: &mut Rate) {
    let expected = "a whole number";
    keys::parsed(reader, keys, "requests", expected, &mut rate.requests);
    if let Some(per) = keys::positive_duration(reader, keys, "per") {
        rate.per = per;
    }
}
