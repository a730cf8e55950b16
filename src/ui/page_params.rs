//! The parameters of a page, and the language that they or the browser select.

use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderValue, SET_COOKIE};
use axum::http::{Response, StatusCode};
use maud::Markup;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::context::RenderContext;
use super::language::Language;
use crate::http::pieces::Pieces;
use crate::http::request_context::RequestContext;
use crate::http::respond::{self, HTML};
use crate::http::state::Snapshot;

/// The cookie that remembers the language. All ports of a host share their cookies, so its name
/// has a prefix.
const COOKIE_NAME: &str = "polyv_exporter_lang";

/// The parameters that do not select channels.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PageParams {
    lang: Option<String>,
    /// The page of the table, from 1 on.
    #[serde(deserialize_with = "page_number")]
    pub(super) page: Option<usize>,
    /// The cursor of the last update.
    pub(super) since: Option<String>,
    /// Whether the page is in the background, where only its numbers are needed.
    pub(super) brief: bool,
}

/// Names the wrong parameter, which the error for a number does not.
fn page_number<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(value)?;
    let number = text.parse().map_err(|_| {
        D::Error::custom(format_args!("`page` must be a whole number, not `{text}`"))
    })?;
    Ok(Some(number))
}

// === impl PageParams ===

impl PageParams {
    pub(super) fn context(&self, request: &RequestContext, snapshot: &Snapshot) -> RenderContext {
        let cookies = request.headers.get_all(COOKIE).iter();
        let chosen = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value));
        let accepted = request.header(ACCEPT_LANGUAGE);
        RenderContext {
            language: Language::select(self.lang.as_deref(), chosen, &accepted),
            wall: snapshot.wall,
            polyv: snapshot.now.server_time,
        }
    }

    /// The response with a page; it stores the language if the parameters select one.
    pub(super) fn response(&self, status: StatusCode, page: Markup) -> Response<Pieces> {
        let mut response = respond::with_type(status, HTML, page.into_string().into_bytes());
        if let Some(language) = self.lang.as_deref().and_then(Language::named) {
            let name = language.name();
            let cookie = format!("{COOKIE_NAME}={name}; Path=/; Max-Age=31536000; SameSite=Lax");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
        }
        response
    }
}
