//! The routes of control.

use serde_json::{Value, json};

use super::error::ControlError;
use super::render;
use crate::channel_script::ChannelScript;
use crate::document;
use crate::faults::Fault;
use crate::fields::{Amount, HumanDuration, SignedDuration, Text, format_duration};
use crate::request::{Parameters, Request};
use crate::response::HttpResponse;
use crate::simulator::Simulator;

/// The prefix of control paths.
const PREFIX: &str = "/_simulator";

/// The name of a control call's body in errors.
const BODY: &str = "body";

const HELP: &str = "\
This is a simulated Polyv. Control it while it runs (bodies are YAML or JSON):

GET    /_simulator/channels                    what each channel is doing, and its written state
PUT    /_simulator/channels/ID                 add a channel, or replace the one with that id
DELETE /_simulator/channels/ID                 delete a channel
PUT    /_simulator/channels/ID/life            start another script now: bitrate_drop
PUT    /_simulator/channels/ID/sample_delay    how late this channel's samples appear: 20s
PUT    /_simulator/channels/ID/cdn             the CDN: tencent, alibaba, other
PUT    /_simulator/channels/ID/ingest_node     the node that receives the push: 203.0.113.7
PUT    /_simulator/channels/ID/lost_frames     the share of lost frames that is reported: 0.05
PUT    /_simulator/channels/ID/viewers         the usual number of viewers: 1200
PUT    /_simulator/channels/ID/planned         the planned sessions: [{start: 10m, duration: 2h}]
GET    /_simulator/troubles                    the API's faults
PUT    /_simulator/troubles                    replace them: [{trouble: hang, for: 30s}]
DELETE /_simulator/troubles                    remove them
PUT    /_simulator/clock_skew                  Polyv's clock minus the right one: 10m, -10m, 0s
PUT    /_simulator/sample_delay                how late samples appear: 20s
DELETE /_simulator/blocks                      unblock all clients and reset the counters
GET    /_simulator/received?since=0            the received requests and their outcomes

docs/simulator.md is the manual.
";

/// Whether a path belongs to control.
pub(crate) fn is_control(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Carries out a control call.
pub(crate) fn handle(simulator: &Simulator, request: &Request) -> HttpResponse {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if segments.is_empty() {
        return HttpResponse::new(200, "text/plain;charset=UTF-8", HELP);
    }
    match dispatch(simulator, request, &segments) {
        Ok(value) => HttpResponse::pretty_json(200, &value),
        Err(error) => error.into_response(),
    }
}

fn dispatch(
    simulator: &Simulator,
    request: &Request,
    segments: &[&str],
) -> Result<Value, ControlError> {
    let body = || {
        std::str::from_utf8(&request.body)
            .map_err(|_| ControlError::new(400, "the body is not UTF-8"))
    };
    let duration = || Ok::<_, ControlError>(document::parse::<HumanDuration>(BODY, body()?)?.0);
    match (request.method.as_str(), segments) {
        ("GET", ["channels"]) => return Ok(render::channels(simulator)),
        ("PUT", ["channels", id]) => simulator.put_channel(id, body()?)?,
        ("DELETE", ["channels", id]) => simulator.delete_channel(id)?,
        ("PUT", ["channels", id, "life"]) => {
            simulator.set_script(id, ChannelScript::parse(BODY, body()?)?)?;
        }
        ("PUT", ["channels", id, "sample_delay"]) => {
            simulator.set_channel_sample_delay(id, duration()?)?;
        }
        ("PUT", ["channels", id, "cdn"]) => {
            simulator.set_cdn(id, document::parse(BODY, body()?)?)?;
        }
        ("PUT", ["channels", id, "ingest_node"]) => {
            simulator.set_ingest_node(id, &document::parse::<Text>(BODY, body()?)?.0)?;
        }
        ("PUT", ["channels", id, "lost_frames"]) => {
            simulator.set_lost_frames(id, document::parse::<Amount>(BODY, body()?)?.0)?;
        }
        ("PUT", ["channels", id, "viewers"]) => {
            simulator.set_viewers(id, document::parse::<Amount>(BODY, body()?)?.0)?;
        }
        ("PUT", ["channels", id, "planned"]) => simulator.set_planned(id, body()?)?,
        ("GET", ["channels", _] | ["troubles"]) => {}
        ("PUT", ["troubles"]) => simulator.set_faults(Fault::parse_list(BODY, body()?)?),
        ("DELETE", ["troubles"]) => simulator.clear_faults(),
        ("PUT", ["clock_skew"]) => {
            let skew: SignedDuration = document::parse(BODY, body()?)?;
            simulator.set_clock_skew(skew.0);
            return Ok(json!({"clock_skew_ms": skew.0}));
        }
        ("PUT", ["sample_delay"]) => {
            let delay = duration()?;
            simulator.set_sample_delay(delay);
            return Ok(json!({"sample_delay": format_duration(delay)}));
        }
        ("DELETE", ["blocks"]) => {
            simulator.unblock_clients();
            return Ok(json!({}));
        }
        ("GET", ["received"]) => return Ok(render::requests(simulator, since(request)?)),
        _ => return Err(no_such_route(&request.path, segments)),
    }
    match segments {
        ["channels", id, ..] => render::channel(simulator, id),
        _ => Ok(render::faults(simulator)),
    }
}

fn no_such_route(path: &str, segments: &[&str]) -> ControlError {
    ControlError::method_not_allowed(match segments {
        ["channels" | "received"] => "GET",
        ["channels", _] | ["troubles"] => "GET, PUT, DELETE",
        [
            "channels",
            _,
            "life" | "sample_delay" | "cdn" | "ingest_node" | "lost_frames" | "viewers" | "planned",
        ]
        | ["clock_skew" | "sample_delay"] => "PUT",
        ["blocks"] => "DELETE",
        _ => {
            let message = format!("there is nothing at {path}: see {PREFIX}/");
            return ControlError::new(404, &message);
        }
    })
}

/// The sequence number of `?since=`; 0 by default.
fn since(request: &Request) -> Result<u64, ControlError> {
    Parameters::parse(&request.query)
        .ok()
        .and_then(|parameters| parameters.get("since").unwrap_or("0").parse().ok())
        .ok_or_else(|| ControlError::new(400, "`since` must be a sequence number"))
}
