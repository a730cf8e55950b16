//! What the gateway does instead of passing a call on.

use std::time::Duration;

use bytes::Bytes;

use super::bomb;
use crate::simulator::envelope::{Envelope, Refusal};
use crate::simulator::limits::BlockForm;
use crate::simulator::reaction::{Answer, Delivery, Reaction};

/// Something that is done instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instead {
    Hang,
    Reset,
    /// HTTP 502 with HTML.
    BadGateway,
    /// HTTP 200 with HTML.
    Html,
    /// `qps exceeds number of calls`.
    Throttled,
    /// As if the client were blocked.
    Block(BlockForm),
    /// Whatever the scenario says.
    Literal {
        status: u16,
        content_type: String,
        body: String,
    },
    /// A megabyte of gzip that is a gigabyte of JSON.
    GzipBomb,
    /// A body that never ends.
    Endless {
        chunk: usize,
        pause: Duration,
    },
    /// HTTP 302.
    Redirect {
        to: String,
    },
    /// The message `redirect` with the address in the data.
    EnvelopedRedirect {
        to: String,
    },
}

impl Instead {
    /// What happens on the connection. `refuse` makes an answer of a refusal.
    pub(crate) fn reaction(
        &self,
        envelope: Envelope,
        request_id: &str,
        refuse: impl FnOnce(&Refusal) -> Answer,
    ) -> Reaction {
        Reaction::Answer(match self {
            Self::Hang => return Reaction::Hang,
            Self::Reset => return Reaction::Reset,
            Self::Block(form) => return blocked(*form),
            Self::BadGateway => Answer::bare(502, "Bad Gateway"),
            Self::Html => Answer::new(
                200,
                "text/html;charset=UTF-8",
                "<!DOCTYPE html>\n<html><body><h1>系统维护中</h1></body></html>\n",
            ),
            Self::Throttled => refuse(&Refusal::throttled()),
            Self::Literal {
                status,
                content_type,
                body,
            } => Answer::new(*status, content_type, body.clone()),
            Self::GzipBomb => {
                Answer::json(200, bomb::bytes()).with_header("content-encoding", "gzip")
            }
            Self::Endless { chunk, pause } => endless(envelope, *chunk, *pause),
            Self::Redirect { to } => Answer::bare(302, "Found").with_header("location", to.clone()),
            Self::EnvelopedRedirect { to } => Answer::json(200, envelope.redirect(to, request_id)),
        })
    }
}

/// What a blocked client sees.
pub(crate) fn blocked(form: BlockForm) -> Reaction {
    match form {
        BlockForm::Reset => Reaction::Reset,
        BlockForm::Timeout => Reaction::Hang,
        BlockForm::Status(status) => {
            let (code, reason) = status.code_and_reason();
            Reaction::Answer(Answer::bare(code, reason))
        }
    }
}

/// A success whose samples never end.
fn endless(envelope: Envelope, chunk: usize, pause: Duration) -> Answer {
    const SAMPLE: &str = "{\"streamUrl\":\"recordf\",\"bitRate\":\"1157120\",\
         \"audioFrameRate\":\"46\",\"videoFrameRate\":\"13\",\
         \"time\":\"2023-04-07 09:45:24.443\",\"timestamp\":null},";
    let whole = envelope.success("[]", "endless", super::super::envelope::Dressing::default());
    let beginning = whole.split_once("[]").map_or("", |(before, _)| before);
    let repeated: String = SAMPLE.chars().cycle().take(chunk.max(1)).collect();
    let mut answer = Answer::json(200, format!("{beginning}["));
    answer.delivery = Delivery::Endless {
        chunk: Bytes::from(repeated),
        pause,
    };
    answer
}
