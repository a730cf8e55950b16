//! What all parts of a page are rendered with.

use maud::{Markup, html};

use super::i18n::Messages;
use super::language::Language;
use super::text;
use polyv_client::clock::Timestamp;

/// The language and the time that a page is rendered for.
#[derive(Clone, Copy)]
pub(super) struct RenderContext {
    pub(super) language: Language,
    /// The time by the host's clock.
    pub(super) wall: Timestamp,
    /// The time by Polyv's clock, which samples are dated by.
    pub(super) polyv: Timestamp,
}

// === impl RenderContext ===

impl RenderContext {
    pub(super) fn messages(self) -> &'static Messages {
        self.language.messages()
    }

    /// How long ago a time by the host's clock is: "5 s ago".
    pub(super) fn ago(self, then: Timestamp) -> Markup {
        let messages = self.messages();
        html! {
            time.ago data-t=(then.as_millis() / 1000) datetime=(text::utc(then)) {
                (messages.ago.replace("{}", &text::age(then, self.wall, messages)))
            }
        }
    }

    /// How old something is: "5 s". A table has thousands of these, so the markup is only what
    /// the script needs.
    pub(super) fn age(self, then: Timestamp) -> Markup {
        html! {
            time data-t=(then.as_millis() / 1000) {
                (text::age(then, self.wall, self.messages()))
            }
        }
    }

    /// Converts a sample's time to the host's clock.
    pub(super) fn host_time(self, sample: Timestamp) -> Timestamp {
        sample.plus_millis(self.wall.millis_after(self.polyv))
    }
}
