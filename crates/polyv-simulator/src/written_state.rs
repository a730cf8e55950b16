//! The state that writing operations leave on a channel.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Chat messages and linked ids kept per channel; the oldest are dropped first.
const CAPACITY: usize = 1_000;

/// The roles that video moderation can notify, in the page's order: the assistant, the monitor,
/// the platform, the presenter. The names are those of `illegalNotify`, without `Enabled`.
pub(crate) const NOTIFIABLE_ROLES: [&str; 4] = ["assistant", "monitor", "platform", "talent"];

/// The state that writing operations have left on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WrittenState {
    /// Whether chat messages are moderated.
    pub chat_moderation: bool,
    /// The settings of video moderation.
    #[serde(serialize_with = "serialize_settings")]
    pub video_moderation: VideoModeration,
    /// The ids that coming sessions were linked to, newest last: the last 1,000.
    pub external_session_ids: VecDeque<String>,
    /// The accepted chat messages, newest last: the last 1,000.
    pub messages: VecDeque<Message>,
}

/// The settings of video moderation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoModeration {
    /// Whether it is on.
    pub enabled: bool,
    /// Seconds between two screenshots: 5, 20 or 60.
    pub image_frequency: u64,
    /// `finance_easy`, `finance_normal` or `finance_serious`.
    pub strategy: &'static str,
    /// The notified roles: some of `assistant`, `monitor`, `platform`, `talent`, in this order.
    pub notified: Vec<&'static str>,
}

/// An accepted chat message. It is serialized with Polyv's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The sender's own id of the message.
    pub msg_id: String,
    /// Polyv's id of the message.
    pub id: String,
    /// The author's id.
    pub viewer_id: String,
    /// The author's name.
    pub nick_name: String,
    /// The text.
    pub content: String,
    /// The address of the author's picture.
    pub avatar: Option<String>,
    /// The session of the message.
    pub session_id: Option<String>,
    /// `viewer`, `student` or `slice`.
    pub viewer_type: Option<String>,
}

impl WrittenState {
    pub(crate) fn link(&mut self, external_session_id: &str) {
        let id = external_session_id.to_owned();
        push_bounded(&mut self.external_session_ids, id);
    }

    pub(crate) fn accept(&mut self, message: Message) {
        push_bounded(&mut self.messages, message);
    }

    /// Whether a message with that `msgId` is among those kept.
    pub(crate) fn has_message(&self, msg_id: &str) -> bool {
        self.messages.iter().any(|known| known.msg_id == msg_id)
    }
}

fn push_bounded<T>(all: &mut VecDeque<T>, newest: T) {
    if all.len() >= CAPACITY {
        all.pop_front();
    }
    all.push_back(newest);
}

impl VideoModeration {
    /// The settings in Polyv's format.
    pub(crate) fn to_json(&self) -> Value {
        let letter = |on| if on { "Y" } else { "N" };
        let notify = NOTIFIABLE_ROLES.into_iter().map(|role| {
            let notified = letter(self.notified.contains(&role));
            (format!("{role}Enabled"), notified.into())
        });
        json!({
            "moderationEnabled": letter(self.enabled),
            "imageFrequency": self.image_frequency,
            "moderationStrategy": self.strategy,
            "illegalNotify": notify.collect::<Map<String, Value>>(),
        })
    }
}

fn serialize_settings<S: serde::Serializer>(
    settings: &VideoModeration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    settings.to_json().serialize(serializer)
}

impl Default for VideoModeration {
    /// The settings of a channel that has never been set up; undocumented.
    fn default() -> Self {
        Self {
            enabled: false,
            image_frequency: 60,
            strategy: "finance_normal",
            notified: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_ids_are_bounded_and_the_oldest_is_dropped() {
        let mut state = WrittenState::default();
        for number in 0..1_005 {
            state.link(&number.to_string());
        }
        let ids = state.external_session_ids;
        assert_eq!(ids.len(), CAPACITY);
        assert_eq!(ids.front().map(String::as_str), Some("5"));
        assert_eq!(ids.back().map(String::as_str), Some("1004"));
    }
}
