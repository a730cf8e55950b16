//! Control over HTTP while the simulation runs, under `/_simulator/`: never counted, never
//! blocked, never signed.
//!
//! Bodies are YAML as in a scenario file, and so JSON as well; answers are JSON.

mod read;
mod refused;
mod show;

use serde_json::{Value, json};

use self::read::SOURCE;
use self::refused::Refused;
use super::reaction::Answer;
use super::request::Request;
use super::{Life, Simulator, Trouble};
use crate::yaml::format_duration;

/// What control calls begin with.
pub(super) const PREFIX: &str = "/_simulator";

const HELP: &str = "\
This is a simulated Polyv. Control it while it runs (bodies are YAML or JSON):

GET    /_simulator/channels                    what each channel is doing, and what it remembers
PUT    /_simulator/channels/ID                 add a channel, or put another in its place
DELETE /_simulator/channels/ID                 delete a channel
PUT    /_simulator/channels/ID/life            another life from now on: bitrate_drop
PUT    /_simulator/channels/ID/sample_delay    how late this channel's samples appear: 20s
GET    /_simulator/troubles                    what goes wrong with the API
PUT    /_simulator/troubles                    something else does: [{trouble: hang, for: 30s}]
DELETE /_simulator/troubles                    nothing does any more
PUT    /_simulator/clock_skew                  Polyv's clock minus the right one: 10m, -10m, 0s
PUT    /_simulator/sample_delay                how late samples appear: 20s
DELETE /_simulator/blocks                      unblock everybody, count anew
GET    /_simulator/received?since=0            what was asked, and what was answered

docs/simulator.md explains what can be said.
";

/// Whether a path is one of control's.
pub(super) fn is_control(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Does what a control call says.
pub(super) fn answer(simulator: &Simulator, request: &Request) -> Answer {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Answer::new(200, "text/plain;charset=UTF-8", HELP);
    }
    match dispatch(simulator, request, &parts) {
        Ok(value) => json_answer(200, &value),
        Err(refused) => refused.answer(),
    }
}

fn dispatch(simulator: &Simulator, request: &Request, parts: &[&str]) -> Result<Value, Refused> {
    match (request.method.as_str(), parts) {
        ("GET", ["channels"]) => Ok(show::channels(simulator)),
        ("GET", ["channels", id]) => show::channel(simulator, id),
        ("PUT", ["channels", id]) => {
            simulator.put_channel(id, read::body(request)?)?;
            show::channel(simulator, id)
        }
        ("DELETE", ["channels", id]) => {
            simulator.delete_channel(id)?;
            show::channel(simulator, id)
        }
        ("PUT", ["channels", id, "life"]) => {
            simulator.set_life(id, Life::parse(SOURCE, read::body(request)?)?)?;
            show::channel(simulator, id)
        }
        ("PUT", ["channels", id, "sample_delay"]) => {
            let delay = read::duration(request, "the sample delay")?;
            simulator.set_channel_sample_delay(id, delay)?;
            show::channel(simulator, id)
        }
        ("GET", ["troubles"]) => Ok(show::troubles(simulator)),
        ("PUT", ["troubles"]) => {
            simulator.set_troubles(Trouble::parse_list(SOURCE, read::body(request)?)?);
            Ok(show::troubles(simulator))
        }
        ("DELETE", ["troubles"]) => {
            simulator.clear_troubles();
            Ok(show::troubles(simulator))
        }
        ("PUT", ["clock_skew"]) => {
            let ms = read::signed_duration(request, "the clock skew")?;
            simulator.set_clock_skew(ms);
            Ok(json!({"clock_skew_ms": ms}))
        }
        ("PUT", ["sample_delay"]) => {
            let delay = read::duration(request, "the sample delay")?;
            simulator.set_sample_delay(delay);
            Ok(json!({"sample_delay": format_duration(delay)}))
        }
        ("DELETE", ["blocks"]) => {
            simulator.lift_blocks();
            Ok(json!({}))
        }
        ("GET", ["received"]) => Ok(show::received(simulator, read::since(request)?)),
        _ => Err(methods_of(parts).map_or_else(
            || {
                Refused::NotFound(format!(
                    "there is nothing at {}: see {PREFIX}/",
                    request.path
                ))
            },
            Refused::Method,
        )),
    }
}

/// What can be done at a path, where anything can.
fn methods_of(parts: &[&str]) -> Option<&'static str> {
    Some(match parts {
        ["channels" | "received"] => "GET",
        ["channels", _] | ["troubles"] => "GET, PUT, DELETE",
        ["channels", _, "life" | "sample_delay"] | ["clock_skew" | "sample_delay"] => "PUT",
        ["blocks"] => "DELETE",
        _ => return None,
    })
}

fn json_answer(status: u16, value: &Value) -> Answer {
    Answer::new(status, "application/json", format!("{value:#}\n"))
}
