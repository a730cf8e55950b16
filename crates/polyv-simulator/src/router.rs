//! A call's path through Polyv: limits, faults, validation, the operation, and the response.

use std::borrow::Cow;

use super::control;
use super::delivery::deliver;
use super::envelope::{Envelope, EnvelopeOptions};
use super::faults::{ActiveFaults, Target, WrongType};
use super::limits::Admission;
use super::operations::{self, Operation, SignedCall};
use super::refusal::Refusal;
use super::request::{Parameters, Request, Undecodable};
use super::request_log::{LoggedRequest, truncate};
use super::request_validation;
use super::response::{ConnectionAction, HttpResponse};
use super::rng::DeterministicRng;
use super::simulator::Simulator;
use super::state::{Inner, SimulatorState};
use super::time::{TimePoint, http_date};

/// The longest body that is passed on: nginx's default.
const MAX_BODY_BYTES: usize = 1 << 20;

/// A call and everything known about it.
struct IncomingCall<'a> {
    request: &'a Request,
    parameters: Result<&'a Parameters, Undecodable>,
    operation: Option<&'static Operation>,
    envelope: Envelope,
    now: TimePoint,
    skew_ms: i64,
    request_id: String,
    faults: ActiveFaults,
    simulation: &'a SimulatorState,
}

/// The result of a call, with the outcome for the request log.
type CallResult = (ConnectionAction, Cow<'static, str>);

impl Simulator {
    /// Handles a request at the current time, without I/O and without waiting.
    ///
    /// ```
    /// use polyv_simulator::{Request, Scenario, Simulator};
    ///
    /// let simulator = Simulator::new(Scenario::default());
    /// let path = "/live/v3/channel/monitor/list-tencent-stream-info?channelId=1000001";
    /// let action = simulator.handle(&Request::get(path));
    /// assert_eq!(
    ///     action.response().unwrap().text(),
    ///     r#"{"code":400,"status":"error","message":"appId is required.","data":""}"#
    /// );
    /// ```
    #[must_use]
    pub fn handle(&self, request: &Request) -> ConnectionAction {
        let (mut action, date_ms) = if control::is_control(&request.path) {
            let response = control::handle(self, request);
            (response.into(), self.polyv_now_ms())
        } else {
            handle_call(&self.state, request)
        };
        if let ConnectionAction::Respond(response) = &mut action {
            response.headers.push(("date", http_date(date_ms)));
        }
        action
    }
}

/// The result of a call, and the time for its `Date` header.
fn handle_call(simulation: &SimulatorState, request: &Request) -> (ConnectionAction, i64) {
    let operation = operations::at(&request.path);
    let mut parameters = Parameters::parse(&request.query);
    let has_form = operation.is_some_and(|operation| operation.has_form(request));
    if has_form && request.body.len() <= MAX_BODY_BYTES {
        parameters = parameters.and_then(|query| query.with_form(&request.body));
    }
    let mut state = simulation.lock();
    // Read under the lock, so that time increases in the log and in the limits.
    let now = simulation.now();

    let sequence = state.log.next();
    let endpoint = operation.map_or(request.path.as_str(), |operation| operation.endpoint);
    let parameter = |name| parameters.as_ref().ok().and_then(|known| known.get(name));
    let channels = ["channelId", "channelIds", "channels"]
        .into_iter()
        .find_map(parameter);
    let seed = simulation.settings.seed;
    let (number, rng) = count_call(seed, &mut state, channels);
    let target = Target {
        app_id: parameter("appId"),
        channels,
        endpoint,
        reused_connection: request.reused_connection,
        rng,
        number,
    };
    let faults = state.faults.matching(target, now.elapsed);
    let skew_ms = state.skew_ms.saturating_add(faults.skew_ms);
    let polyv_now_ms = now.media.to_reported(skew_ms);
    let date_ms = polyv_now_ms.saturating_add(faults.date_skew_ms);

    let call = IncomingCall {
        request,
        parameters: parameters.as_ref().map_err(|error| *error),
        operation,
        envelope: Envelope::of_path(&request.path),
        now,
        skew_ms,
        request_id: request_id(seed, sequence),
        faults,
        simulation,
    };
    let (action, outcome) = call.handle(&mut state);
    tracing::debug!(
        endpoint,
        channel = channels,
        outcome = &*outcome,
        "call received"
    );
    state.log.push(LoggedRequest {
        sequence,
        polyv_ms: polyv_now_ms,
        monotonic_ms: u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX),
        client: request.client,
        endpoint: operation.map_or_else(
            || truncate(&request.path).into(),
            |operation| operation.endpoint.into(),
        ),
        app_id: parameter("appId").map(truncate),
        channel_id: channels.map(truncate),
        start_time: parameter("startTime").and_then(|text| text.parse().ok()),
        end_time: parameter("endTime").and_then(|text| text.parse().ok()),
        outcome,
    });
    (action, date_ms)
}

/// Counts a call: its number among those for its channel, and its generator.
///
/// Calls are counted per channel, so that calls for other channels in between do not change the
/// random numbers of a channel's next call.
fn count_call(seed: u64, state: &mut Inner, channels: Option<&str>) -> (u64, DeterministicRng) {
    let first = channels.and_then(|ids| ids.split(',').next());
    let channel = first.and_then(|id| state.channels.by_id.get_mut(id));
    let (count, rng) = match channel {
        Some(channel) => (&mut channel.calls, channel.rng),
        None => (
            &mut state.calls_without_channel,
            DeterministicRng::new(seed),
        ),
    };
    let number = *count;
    *count += 1;
    (number, rng.with_text("call").with(number))
}

impl IncomingCall<'_> {
    fn handle(&self, state: &mut Inner) -> CallResult {
        let limits = &self.simulation.settings.limits;
        let client = self.request.client;
        let admission = state.limits.admit(client, self.now.elapsed, limits);
        if admission == Admission::BlockBegins {
            tracing::info!(%client, "over the request limit: blocked");
        }
        if admission != Admission::Admitted {
            return (limits.r#as.action(), "blocked".into());
        }
        let (mut action, outcome) = self.handle_admitted(state).unwrap_or_else(|refusal| {
            let response = self.refusal(&refusal);
            (response.into(), refusal.outcome().into())
        });
        if let ConnectionAction::Respond(response) = &mut action {
            response.delay = self.faults.delay;
        }
        (action, outcome)
    }

    /// Handles a call within the limit for its client.
    fn handle_admitted(&self, state: &mut Inner) -> Result<CallResult, Refusal> {
        if let Some(rate) = self.simulation.settings.limits.soft {
            let app_id = self.parameters.ok().and_then(|known| known.get("appId"));
            let app_id = app_id.unwrap_or_default();
            if !state.limits.admits_account(app_id, self.now.elapsed, rate) {
                return Err(Refusal::Throttled);
            }
        }
        let readable = match (self.parameters, self.operation) {
            _ if self.request.body.len() > MAX_BODY_BYTES => {
                Err((413, "Request Entity Too Large", "too_large"))
            }
            (Err(Undecodable), _) => Err((400, "Bad Request", "undecodable")),
            // The response of Polyv's gateway is undocumented.
            (_, None) => Err((404, "Not Found", "not_found")),
            (Ok(parameters), Some(operation)) => Ok((parameters, operation)),
        };
        if let Some(fault) = &self.faults.replacement {
            if fault.takes_effect()
                && let Ok((parameters, operation)) = readable
            {
                // The response is replaced in any case.
                let _ = self.perform(state, parameters, operation);
            }
            let action = fault.replacement(self.envelope, &self.request_id)?;
            return Ok((action, fault.name.clone().into()));
        }
        match readable {
            Ok((parameters, operation)) => self.perform(state, parameters, operation),
            Err((status, reason, outcome)) => {
                Ok((HttpResponse::bare(status, reason).into(), outcome.into()))
            }
        }
    }

    /// Checks the call and carries it out.
    fn perform(
        &self,
        state: &mut Inner,
        parameters: &Parameters,
        operation: &Operation,
    ) -> Result<CallResult, Refusal> {
        let settings = &self.simulation.settings;
        let corruptions = &self.faults.corruptions;
        operation.check(self.request)?;
        let account = request_validation::authenticate(
            parameters,
            operation.required,
            &self.simulation.accounts,
            self.now.media.to_reported(self.skew_ms),
            settings.invalid_signature_code.0,
        )?;
        let request = SignedCall {
            account,
            parameters,
            body: &self.request.body,
            now: self.now.media,
            skew_ms: self.skew_ms,
            settings,
            corruptions,
        };
        if let Some((refusal, fault)) = &self.faults.refusal {
            if fault.takes_effect() {
                let _ = (operation.perform)(&request, &mut state.channels);
            }
            return Err(refusal.clone());
        }
        let success = (operation.perform)(&request, &mut state.channels)?;
        let data = match corruptions.wrong_type {
            Some(wrong_type) => wrong_type.reshape(success.data),
            None => success.data,
        };
        let options = EnvelopeOptions {
            code_as_text: corruptions.wrong_type == Some(WrongType::CodeAsText),
            padding: corruptions.padding,
        };
        let body = self.envelope.success(&data, &self.request_id, options);
        let outcome = match &corruptions.name {
            Some(name) => name.clone().into(),
            None => success.outcome.into(),
        };
        Ok((self.deliver(200, body).into(), outcome))
    }

    fn refusal(&self, refusal: &Refusal) -> HttpResponse {
        let settings = &self.simulation.settings;
        let status = match refusal.code() {
            // Not every code that a scenario invents is an HTTP status.
            code @ 200..=599 if settings.http_status_is_code => code,
            _ => 200,
        };
        let empty_data = settings.refusal_data;
        let body = self.envelope.failure(refusal, &self.request_id, empty_data);
        self.deliver(status, body)
    }

    fn deliver(&self, status: u16, body: String) -> HttpResponse {
        let gzip = self.simulation.settings.gzip;
        deliver(gzip, self.request, status, body, &self.faults.corruptions)
    }
}

/// A request id in the format of the pages' samples.
fn request_id(seed: u64, number: u64) -> String {
    let rng = DeterministicRng::new(seed)
        .with_text("request")
        .with(number);
    format!(
        "{:016x}{:016x}.{}.{:017}",
        rng.with(1).bits(),
        rng.with(2).bits(),
        rng.with(3).below(200),
        16_000_000_000_000_000 + rng.with(4).below(1_000_000_000_000_000)
    )
}
