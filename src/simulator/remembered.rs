//! What the writing operations have left behind on a channel.

use std::collections::VecDeque;

/// Chat messages and linked ids remembered of each channel; the oldest go first.
const CAPACITY: usize = 1_000;

/// Who can be told of what video moderation finds, in the page's order: the assistant, who
/// monitors, the platform, the presenter. The names are those of `illegalNotify`, without
/// `Enabled`.
pub(super) const NOTIFIABLE: [&str; 4] = ["assistant", "monitor", "platform", "talent"];

/// What the writing operations have left behind on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Whether chat messages are moderated.
    pub chat_moderation: bool,
    /// The settings of video moderation.
    pub video_moderation: VideoModeration,
    /// The ids that coming sessions were linked to, newest last: the last 1,000.
    pub external_session_ids: VecDeque<String>,
    /// The chat messages that were accepted, newest last: the last 1,000.
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
    /// Who is told: some of `assistant`, `monitor`, `platform`, `talent`, in this order.
    pub notified: Vec<&'static str>,
}

/// A chat message that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sender's own id of it.
    pub msg_id: String,
    /// Polyv's id of it.
    pub id: String,
    /// Who is said to have written it.
    pub viewer_id: String,
    /// The writer's name.
    pub nick_name: String,
    /// What it says.
    pub content: String,
    /// The address of the writer's picture.
    pub avatar: Option<String>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// `viewer`, `student` or `slice`.
    pub viewer_type: Option<String>,
}

// === impl Remembered ===

impl Remembered {
    pub(super) fn link(&mut self, external_session_id: &str) {
        remember(
            &mut self.external_session_ids,
            external_session_id.to_owned(),
        );
    }

    pub(super) fn accept(&mut self, message: Message) {
        remember(&mut self.messages, message);
    }

    /// Whether a message with that `msgId` was accepted, as far as is remembered.
    pub(super) fn has_message(&self, msg_id: &str) -> bool {
        self.messages.iter().any(|known| known.msg_id == msg_id)
    }
}

fn remember<T>(all: &mut VecDeque<T>, newest: T) {
    if all.len() >= CAPACITY {
        all.pop_front();
    }
    all.push_back(newest);
}

// === impl VideoModeration ===

impl Default for VideoModeration {
    /// What a channel has that nobody has set up; undocumented.
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
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut remembered = Remembered::default();
        for number in 0..1_005 {
            remembered.link(&number.to_string());
        }
        let ids = remembered.external_session_ids;
        assert_eq!(ids.len(), CAPACITY);
        assert_eq!(ids.front().map(String::as_str), Some("5"));
        assert_eq!(ids.back().map(String::as_str), Some("1004"));
    }
}
