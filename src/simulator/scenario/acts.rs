//! Reading what a trouble does: the keys that only it has.

use std::time::Duration;

use super::limits::FORMS;
use super::{keys, signed_duration_ms};
use crate::simulator::envelope::Refusal;
use crate::simulator::limits::BlockForm;
use crate::simulator::troubles::{
    Act, BadValues, Defect, Effect, Form, Instead, Latency, Spoil, ValueField, WrongType,
};
use crate::yaml::{Mapping, Reader};

/// The troubles at the gateway that may as well meet the answer on its way back.
const LOSES_ANSWERS: [&str; 7] = [
    "hang",
    "reset",
    "bad_gateway",
    "html",
    "answer",
    "gzip_bomb",
    "endless",
];

/// What the trouble of that name does; `None` where it lacks what it needs, which then is on
/// record.
pub(super) fn read_act(reader: &mut Reader, entry: &mut Mapping<'_>, name: &str) -> Option<Act> {
    Some(match name {
        "latency" => Act::Delay(read_latency(reader, entry)),
        "clock_skew" => {
            let Some(node) = entry.get("by") else {
                reader.fault(entry.place(), "`clock_skew` needs `by`, such as `by: 10m`");
                return None;
            };
            let ms = signed_duration_ms(reader, node, "`by`")?;
            Act::Skew { ms }
        }
        "error_500" => {
            let mut message = "undefined error".to_owned();
            keys::text(reader, entry, "message", &mut message);
            let refusal = Refusal::of_the_server(message, "error_500");
            Act::Refuse(refusal, read_effect(reader, entry))
        }
        "forbidden" => Act::Refuse(Refusal::forbidden(), Effect::None),
        "rejected" => {
            let mut message = "param validate error".to_owned();
            let mut code = 400;
            keys::text(reader, entry, "message", &mut message);
            keys::parsed(reader, entry, "code", "a whole number", &mut code);
            let refusal = Refusal {
                code,
                ..Refusal::of_the_question(message, "rejected")
            };
            Act::Refuse(refusal, Effect::None)
        }
        _ => match read_spoil(reader, entry, name) {
            Some(spoil) => Act::Spoil(spoil),
            None => {
                let instead = read_instead(reader, entry, name)?;
                let effect = if LOSES_ANSWERS.contains(&name) {
                    read_effect(reader, entry)
                } else {
                    Effect::None
                };
                Act::Instead(instead, effect)
            }
        },
    })
}

fn read_effect(reader: &mut Reader, entry: &mut Mapping<'_>) -> Effect {
    let mut effect = Effect::None;
    let words = [("none", Effect::None), ("taken", Effect::Taken)];
    keys::choice(reader, entry, "effect", &words, &mut effect);
    effect
}

fn read_latency(reader: &mut Reader, entry: &mut Mapping<'_>) -> Latency {
    let mut latency = Latency {
        median: Duration::from_millis(300),
        p99: Duration::from_secs(1),
    };
    if let Some(median) = keys::positive_duration(reader, entry, "median") {
        latency.median = median;
        latency.p99 = latency.p99.max(median);
    }
    if let Some(p99) = keys::positive_duration(reader, entry, "p99") {
        latency.p99 = p99;
        if p99 < latency.median {
            reader.fault(entry.place(), "`p99` must not be shorter than `median`");
        }
    }
    latency
}

fn read_instead(reader: &mut Reader, entry: &mut Mapping<'_>, name: &str) -> Option<Instead> {
    let redirected = |reader: &mut Reader, entry: &mut Mapping<'_>, to: &str| {
        let mut to = to.to_owned();
        keys::text(reader, entry, "to", &mut to);
        to
    };
    Some(match name {
        "hang" => Instead::Hang,
        "reset" => Instead::Reset,
        "block" => {
            let mut form = BlockForm::Reset;
            keys::choice(reader, entry, "as", &FORMS, &mut form);
            Instead::Block(form)
        }
        "throttled" => Instead::Throttled,
        "bad_gateway" => Instead::BadGateway,
        "html" => Instead::Html,
        "answer" => read_literal(reader, entry),
        "redirect" => Instead::Redirect {
            to: redirected(reader, entry, "/redirected"),
        },
        "enveloped_redirect" => Instead::EnvelopedRedirect {
            to: redirected(reader, entry, "https://redirected.invalid/"),
        },
        "gzip_bomb" => Instead::GzipBomb,
        "endless" => {
            let (mut chunk, mut pause) = (65_536, Duration::from_millis(10));
            keys::count(reader, entry, "chunk", 1 << 20, &mut chunk);
            keys::duration(reader, entry, "pause", &mut pause);
            Instead::Endless { chunk, pause }
        }
        _ => return None,
    })
}

fn read_literal(reader: &mut Reader, entry: &mut Mapping<'_>) -> Instead {
    let mut status = 200;
    let mut content_type = "application/json;charset=UTF-8".to_owned();
    let mut body = String::new();
    if let Some(node) = entry.get("status")
        && let Some(given) = reader.parsed(node, "`status`", "a number from 200 to 599")
    {
        status = given;
        if !(200..=599).contains(&given) {
            reader.fault(node.place, "`status` must be a number from 200 to 599");
        }
    }
    if let Some(node) = entry.get("content_type")
        && let Some(given) = reader.text(node, "`content_type`")
    {
        given.clone_into(&mut content_type);
        if hyper::header::HeaderValue::from_str(given).is_err() {
            reader.fault(node.place, "`content_type` must be printable ASCII");
        }
    }
    keys::text(reader, entry, "body", &mut body);
    Instead::Literal {
        status,
        content_type,
        body,
    }
}

fn read_spoil(reader: &mut Reader, entry: &mut Mapping<'_>, name: &str) -> Option<Spoil> {
    let bytes = |reader: &mut Reader, entry: &mut Mapping<'_>, default| {
        let mut bytes = default;
        keys::count(reader, entry, "bytes", 256 << 20, &mut bytes);
        bytes
    };
    Some(match name {
        "truncated_json" => Spoil::TruncatedJson,
        "cut_off" => Spoil::CutOff,
        "wrong_types" => Spoil::WrongTypes(keys::words(reader, entry, "what", &WrongType::ALL)),
        "bad_values" => Spoil::BadValues(read_bad_values(reader, entry)),
        "future" => {
            let mut by = Duration::from_secs(600);
            keys::duration(reader, entry, "by", &mut by);
            Spoil::Future { by }
        }
        "many_streams" => {
            let mut count = 20;
            keys::count(reader, entry, "count", 1_000, &mut count);
            Spoil::ManyStreams { count }
        }
        "huge" => Spoil::Huge {
            bytes: bytes(reader, entry, 5 << 20),
        },
        "huge_samples" => Spoil::HugeSamples {
            bytes: bytes(reader, entry, 4_096),
        },
        _ => return None,
    })
}

fn read_bad_values(reader: &mut Reader, entry: &mut Mapping<'_>) -> BadValues {
    let mut form = Form::Both;
    let mut one_in = 1;
    let forms = [
        ("strings", Form::Strings),
        ("numbers", Form::Numbers),
        ("both", Form::Both),
    ];
    keys::choice(reader, entry, "as", &forms, &mut form);
    keys::count(reader, entry, "one_in", 1_000_000, &mut one_in);
    BadValues {
        defects: keys::words(reader, entry, "defects", &Defect::ALL),
        fields: keys::words(reader, entry, "fields", &ValueField::ALL),
        form,
        one_in,
    }
}
