//! A call's way through Polyv: limits, troubles, checks, the operation, and what the answer
//! looks like in the end.

use std::borrow::Cow;

use super::chance::Chance;
use super::checks;
use super::delivery::deliver;
use super::envelope::{Dressing, Envelope, Refusal};
use super::limits::Verdict;
use super::operations::{self, FORM, Operation, Question, Takes};
use super::reaction::{Answer, Reaction};
use super::received::{Received, shorten};
use super::request::{Parameters, Request, Undecodable};
use super::troubles::{self, Met, Spoils, Target, WrongType};
use super::world::{Instant, State, World};
use polyv_client::clock::Timestamp;

/// The longest body that is passed on: nginx's default.
const LONGEST_BODY: usize = 1 << 20;

/// A call on its way.
struct Call<'a> {
    request: &'a Request,
    parameters: Result<&'a Parameters, Undecodable>,
    operation: Option<&'static Operation>,
    envelope: Envelope,
    now: Instant,
    request_id: String,
}

/// What becomes of a call, with the word for the receive log.
type Outcome = (Reaction, &'static str);

/// Polyv's reaction, and what its clock says at that.
pub(super) fn react(world: &World, request: &Request) -> (Reaction, Timestamp) {
    let operation = operations::at(&request.path);
    let parameters = parameters(request, operation);
    let mut state = world.state();
    // Looked up once it is this call's turn, so that the log and the limits see time pass.
    let now = world.now();

    let number = state.log.next();
    let endpoint = operation.map_or(request.path.as_str(), |operation| operation.endpoint);
    let said = |name| parameters.as_ref().ok().and_then(|known| known.get(name));
    let channels = ["channelId", "channelIds", "channels"]
        .into_iter()
        .find_map(said);
    let target = target(world, &mut state, endpoint, said("appId"), channels);
    let met = state.troubles.meet(target, now.moment);
    let skew_ms = state.skew_ms.saturating_add(met.skew_ms);
    let polyv_now = now.media.said_with_skew(skew_ms);

    let call = Call {
        request,
        parameters: parameters.as_ref().map_err(|error| *error),
        operation,
        envelope: Envelope::of_path(&request.path),
        now,
        request_id: request_id(world.settings.seed, number),
    };
    let spoiled = met.spoils.word;
    let (reaction, answered) = call.decide(world, &mut state, &met, skew_ms);
    let answered = match answered {
        "samples" | "no_samples" | "ok" => spoiled.unwrap_or(answered),
        other => other,
    };
    tracing::debug!(endpoint, channel = channels, answered, "call received");
    state.log.push(Received {
        sequence: number,
        polyv: polyv_now,
        moment: now.moment,
        client: request.client,
        endpoint: operation.map_or_else(
            || Cow::Owned(shorten(&request.path)),
            |operation| Cow::Borrowed(operation.endpoint),
        ),
        app_id: said("appId").map(shorten),
        channel_id: channels.map(shorten),
        start_time: said("startTime").and_then(|text| text.parse().ok()),
        end_time: said("endTime").and_then(|text| text.parse().ok()),
        answered,
    });
    (reaction, polyv_now)
}

/// The parameters of the query, and of the form where the operation takes one.
fn parameters(request: &Request, operation: Option<&Operation>) -> Result<Parameters, Undecodable> {
    let query = Parameters::parse(&request.query)?;
    let takes_form = operation.is_some_and(|operation| {
        operation.takes == Takes::Form && operation.method == request.method
    });
    if takes_form && request.media_type() == FORM && request.body.len() <= LONGEST_BODY {
        query.and_form(&request.body)
    } else {
        Ok(query)
    }
}

/// The call as troubles look at it; counts it.
fn target<'a>(
    world: &World,
    state: &mut State,
    endpoint: &'a str,
    app_id: Option<&'a str>,
    channels: Option<&'a str>,
) -> Target<'a> {
    // Counting channel by channel keeps the chance of a channel's next call the same however
    // the calls for others fall in between.
    let first = channels.and_then(|ids| ids.split(',').next());
    let channel = first.and_then(|id| state.channels.by_id.get_mut(id));
    let (count, chance) = match channel {
        Some(channel) => (&mut channel.calls, channel.chance),
        None => (&mut state.stray_calls, Chance::new(world.settings.seed)),
    };
    let number = *count;
    *count += 1;
    Target {
        app_id,
        channels,
        endpoint,
        chance: chance.and_text("call").and(number),
        number,
    }
}

// === impl Call ===

impl Call<'_> {
    fn decide(&self, world: &World, state: &mut State, met: &Met, skew_ms: i64) -> Outcome {
        if let Some(limit) = world.limits.hard {
            let client = self.request.client;
            match state.gate.admit(client, self.now.moment, limit) {
                Verdict::Admitted => {}
                Verdict::Blocked { form, begins } => {
                    if begins {
                        tracing::info!(%client, "over the request limit: blocked");
                    }
                    return (troubles::blocked(form), "blocked");
                }
            }
        }
        let (mut reaction, answered) = self.behind_the_limit(world, state, met, skew_ms);
        if let Reaction::Answer(answer) = &mut reaction {
            answer.after = met.delay;
        }
        (reaction, answered)
    }

    fn behind_the_limit(
        &self,
        world: &World,
        state: &mut State,
        met: &Met,
        skew_ms: i64,
    ) -> Outcome {
        let refuse = |refusal: &Refusal| self.refusal(world, refusal, &met.spoils);
        let app_id = self.parameters.ok().and_then(|known| known.get("appId"));
        if let Some(rate) = world.limits.soft {
            let app_id = app_id.unwrap_or_default();
            if !state.gate.admit_softly(app_id, self.now.moment, rate) {
                let refusal = Refusal::throttled();
                return (Reaction::Answer(refuse(&refusal)), refusal.word);
            }
        }
        if let Some((instead, name)) = &met.instead {
            if met.instead_takes_effect
                && !self.is_too_long()
                && let (Ok(parameters), Some(operation)) = (self.parameters, self.operation)
            {
                // Whatever it would have been answered: nobody hears of it.
                let _ = self.ask(world, state, met, skew_ms, parameters, operation);
            }
            let reaction = instead.reaction(self.envelope, &self.request_id, refuse);
            return (reaction, name);
        }
        if self.is_too_long() {
            let answer = Answer::bare(413, "Request Entity Too Large");
            return (answer.into(), "too_large");
        }
        let Ok(parameters) = self.parameters else {
            return (Answer::bare(400, "Bad Request").into(), "undecodable");
        };
        let Some(operation) = self.operation else {
            // What Polyv's gateway says here is undocumented.
            return (Answer::bare(404, "Not Found").into(), "not_found");
        };
        match self.ask(world, state, met, skew_ms, parameters, operation) {
            Ok((answer, answered)) => (answer.into(), answered),
            Err(refusal) => (refuse(&refusal).into(), refusal.word),
        }
    }

    fn ask(
        &self,
        world: &World,
        state: &mut State,
        met: &Met,
        skew_ms: i64,
        parameters: &Parameters,
        operation: &Operation,
    ) -> Result<(Answer, &'static str), Refusal> {
        if self.request.method != operation.method {
            // A reading: in Spring's words, and in the envelope, since an HTTP 405 without one
            // is what a block may look like.
            let message = format!("Request method '{}' not supported", self.request.method);
            return Err(Refusal::of_the_question(message, "wrong_method"));
        }
        operation.takes.check(self.request)?;
        let now = self.now.media;
        let polyv_now = now.said_with_skew(skew_ms);
        let account =
            checks::authenticate(parameters, operation.required, &world.accounts, polyv_now)
                .map_err(|refusal| refusal.with_signature_code(&world.settings))?;
        let question = Question {
            account,
            parameters,
            body: &self.request.body,
            now,
            skew_ms,
            settings: &world.settings,
            spoils: &met.spoils,
        };
        if let Some(refusal) = &met.refusal {
            if met.refusal_takes_effect {
                let _ = (operation.answer)(&question, &mut state.channels);
            }
            return Err(refusal.clone());
        }
        let success = (operation.answer)(&question, &mut state.channels)?;
        let data = match met.spoils.wrong_type {
            Some(wrong_type) => wrong_type.reshape(success.data),
            None => success.data,
        };
        let dressing = Dressing {
            code_as_text: met.spoils.wrong_type == Some(WrongType::CodeAsText),
            padding: met.spoils.padding,
        };
        let body = operation
            .envelope
            .success(&data, &self.request_id, dressing);
        let answer = deliver(&world.settings, self.request, 200, body, &met.spoils);
        Ok((answer, success.word))
    }

    fn is_too_long(&self) -> bool {
        self.request.body.len() > LONGEST_BODY
    }

    fn refusal(&self, world: &World, refusal: &Refusal, spoils: &Spoils) -> Answer {
        let settings = &world.settings;
        let status = match refusal.code {
            // Not every code that a scenario invents is an HTTP status.
            code @ 200..=599 if settings.http_status_is_code => code,
            _ => 200,
        };
        let nothing = settings.refusal_data;
        let body = self.envelope.failure(refusal, &self.request_id, nothing);
        deliver(settings, self.request, status, body, spoils)
    }
}

impl From<Answer> for Reaction {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// A request id in the form of the pages' samples.
fn request_id(seed: u64, number: u64) -> String {
    let chance = Chance::new(seed).and_text("request").and(number);
    format!(
        "{:016x}{:016x}.{}.{:017}",
        chance.and(1).bits(),
        chance.and(2).bits(),
        chance.and(3).below(200),
        16_000_000_000_000_000 + chance.and(4).below(1_000_000_000_000_000)
    )
}
