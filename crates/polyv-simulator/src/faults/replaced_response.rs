//! Responses that the gateway sends instead of passing a call on.

use std::time::Duration;

use super::action::FaultAction;
use super::fault::Fault;
use super::gzip_bomb;
use crate::envelope::{Envelope, EnvelopeOptions};
use crate::refusal::Refusal;
use crate::response::{ConnectionAction, Delivery, HttpResponse};

const SAMPLE: &str = "{\"streamUrl\":\"recordf\",\"bitRate\":\"1157120\",\
     \"audioFrameRate\":\"46\",\"videoFrameRate\":\"13\",\
     \"time\":\"2023-04-07 09:45:24.443\",\"timestamp\":null},";

impl Fault {
    /// The action on the connection of a fault that replaces the response.
    pub(crate) fn replacement(
        &self,
        envelope: Envelope,
        request_id: &str,
    ) -> Result<ConnectionAction, Refusal> {
        let response = match &self.action {
            FaultAction::Hang {} => return Ok(ConnectionAction::Hang),
            FaultAction::Reset {} => return Ok(ConnectionAction::Reset),
            FaultAction::StaleConnection {} => return Ok(ConnectionAction::Close),
            FaultAction::Block { r#as } => return Ok(r#as.unwrap_or_default().action()),
            FaultAction::Throttled {} => return Err(Refusal::Throttled),
            FaultAction::Html {} => HttpResponse::new(
                200,
                "text/html;charset=UTF-8",
                "<!DOCTYPE html>\n<html><body><h1>系统维护中</h1></body></html>\n",
            ),
            FaultAction::Answer {
                status,
                body,
                content_type,
                retry_after,
            } => {
                let mut response = HttpResponse::new(
                    status.unwrap_or(200),
                    content_type.as_deref().unwrap_or(HttpResponse::JSON),
                    body.clone().unwrap_or_default(),
                );
                let retry_after = retry_after.clone().map(|value| ("retry-after", value));
                response.headers.extend(retry_after);
                response
            }
            FaultAction::Redirect { to } => HttpResponse::bare(302, "Found")
                .with_header("location", to.as_deref().unwrap_or("/redirected")),
            FaultAction::EnvelopedRedirect { to } => {
                let to = to.as_deref().unwrap_or("https://redirected.invalid/");
                HttpResponse::json(200, envelope.redirect(to, request_id))
            }
            FaultAction::GzipBomb {} => {
                HttpResponse::json(200, gzip_bomb::bytes()).with_header("content-encoding", "gzip")
            }
            FaultAction::Endless { chunk, pause } => {
                let chunk = chunk.map_or(65_536, |chunk| chunk.0);
                let complete = envelope.success("[", "endless", EnvelopeOptions::default());
                let beginning = complete.split_inclusive('[').next().unwrap_or_default();
                HttpResponse {
                    delivery: Delivery::Endless {
                        chunk: SAMPLE
                            .chars()
                            .cycle()
                            .take(chunk)
                            .collect::<String>()
                            .into(),
                        pause: pause.map_or(Duration::from_millis(10), |pause| pause.0),
                    },
                    ..HttpResponse::json(200, beginning.to_owned())
                }
            }
            // `BadGateway`; the others are never the action of a replaced response.
            _ => HttpResponse::bare(502, "Bad Gateway"),
        };
        Ok(response.into())
    }
}
