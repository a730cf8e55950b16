//! What the store holds: channels, and when time alone changes which.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::blocks::Blocks;
use super::census::{Census, Class};
use super::key::ChannelKey;
use super::piece::{ChannelMeta, Piece, Subject};
use super::store::{Exposure, StateTransition};
use super::view::ChannelSnapshot;
use crate::state::{Channel, Rules, Stretch};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};

/// The channels, each rendered as it changes.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rules: Rules,
    /// The host's wall clock minus the monotonic one, in milliseconds.
    pub(super) wall_offset: i64,
    next_key: u64,
    /// Counts changes of channels.
    pub(super) version: u64,
    /// In the order in which they were added.
    pub(super) entries: BTreeMap<ChannelKey, Box<Entry>>,
    /// By the channel's number: a scraper may ask for each one by itself.
    pub(super) by_id: HashMap<Arc<str>, ChannelKey>,
    /// How far accounts' intervals are stretched, where they are.
    stretches: HashMap<Arc<str>, Stretch>,
    /// Their lines.
    pub(super) blocks: Blocks,
    /// When time alone changes which channel next, at the earliest.
    changes: BTreeSet<(MonotonicInstant, ChannelKey)>,
    /// State changes that nobody was told of yet.
    pub(super) turned: Vec<StateTransition>,
    pub(super) census: Census,
}

/// A channel, and what is to be known for showing it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) meta: ChannelMeta,
    pub(super) channel: Channel,
    pub(super) exposure: Exposure,
    /// How far its intervals were stretched when what is shown of it was promised.
    stretch: Stretch,
    /// The table's version when it last changed.
    version: u64,
    /// Whether it had lines when it was rendered last.
    exposed: bool,
    change: Option<MonotonicInstant>,
    /// What it counts as; `None` while it is not counted.
    class: Option<Class>,
}

// === impl Entry ===

impl Entry {
    /// When time alone next changes something that is shown.
    fn next_change(&self, now: TimeSnapshot, rules: &Rules) -> Option<MonotonicInstant> {
        let change = self.channel.next_change(now, rules, self.stretch);
        let hidden = match self.exposure {
            Exposure::Always => None,
            Exposure::WhileRecentlyLive => self.channel.of_interest_until(),
        };
        change
            .into_iter()
            .chain(hidden.filter(|at| *at > now.monotonic))
            .min()
    }

    /// Whether it has series.
    pub(super) fn is_exposed(&self, now: TimeSnapshot) -> bool {
        match self.exposure {
            Exposure::Always => true,
            Exposure::WhileRecentlyLive => self.channel.is_of_interest(now),
        }
    }
}

// === impl Table ===

impl Table {
    pub(super) fn new(rules: Rules, wall_offset: i64) -> Self {
        Self {
            rules,
            wall_offset,
            next_key: 0,
            version: 0,
            entries: BTreeMap::new(),
            by_id: HashMap::new(),
            stretches: HashMap::new(),
            blocks: Blocks::default(),
            changes: BTreeSet::new(),
            turned: Vec::new(),
            census: Census::default(),
        }
    }

    /// Adds a channel that was not asked yet.
    pub(super) fn insert(
        &mut self,
        meta: ChannelMeta,
        exposure: Exposure,
        now: TimeSnapshot,
    ) -> ChannelKey {
        let key = ChannelKey::new(self.next_key);
        self.next_key += 1;
        let id = Arc::clone(&meta.channel.id);
        self.by_id.insert(id, key);
        let entry = Entry {
            stretch: self.stretch(&meta),
            channel: Channel::new(meta.channel.live_interval, now.monotonic),
            meta,
            exposure,
            version: 0,
            exposed: false,
            change: None,
            class: None,
        };
        // Boxed, since a map's nodes are two thirds full.
        self.entries.insert(key, Box::new(entry));
        self.render(key, now);
        key
    }

    pub(super) fn remove(&mut self, key: ChannelKey) {
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        if let Some(change) = entry.change {
            self.changes.remove(&(change, key));
        }
        if let Some(class) = entry.class {
            self.census.remove(&entry.meta.account, class);
        }
        // Another account may have it by now.
        let id = &entry.meta.channel.id;
        if self.by_id.get(id) == Some(&key) {
            self.by_id.remove(id);
        }
        self.blocks.remove(key);
    }

    /// Tells how far an account's intervals are stretched. No channel is looked at for that: more
    /// patience is noticed when less would have ended, and less begins with the next answer.
    pub(super) fn set_interval_scale(&mut self, account: &Arc<str>, stretch: Stretch) {
        if stretch == Stretch::NONE {
            self.stretches.remove(account);
        } else {
            self.stretches.insert(Arc::clone(account), stretch);
        }
    }

    /// How far a channel's intervals are stretched. One that is expected to be live waits for
    /// nobody.
    fn stretch(&self, meta: &ChannelMeta) -> Stretch {
        let stretch = self.stretches.get(&meta.account);
        let stretch = stretch.copied().unwrap_or_default();
        if meta.channel.expect.live {
            let all = stretch.all;
            return Stretch { all, idle: all };
        }
        stretch
    }

    /// Changes what is known of a channel, and renders it anew.
    pub(super) fn update<R>(
        &mut self,
        key: ChannelKey,
        now: TimeSnapshot,
        change: impl FnOnce(&mut Channel, &Rules) -> R,
    ) -> Option<R> {
        // What time alone has changed comes first: an answer after a long silence finds the
        // channel unknown.
        self.expire(now);
        let stretch = self.stretch(&self.entries.get(&key)?.meta);
        let rules = self.rules;
        let entry = self.entries.get_mut(&key)?;
        let from = entry.channel.presence().state();
        let answered = entry.channel.last_success();
        let result = change(&mut entry.channel, &rules);
        let to = entry.channel.presence().state();
        entry.stretch = if entry.channel.last_success() == answered {
            entry.stretch.max(stretch)
        } else {
            stretch
        };
        if from != to {
            self.turned.push(StateTransition { key, from, to });
        }
        self.render(key, now);
        Some(result)
    }

    /// When time alone next changes something, at the earliest.
    pub(super) fn next_change(&self) -> Option<MonotonicInstant> {
        self.changes.first().map(|(moment, _)| *moment)
    }

    /// Lets time pass: what is not true any more goes.
    pub(super) fn expire(&mut self, now: TimeSnapshot) {
        while let Some((moment, key)) = self.changes.first().copied()
            && moment <= now.monotonic
        {
            self.changes.pop_first();
            let Some(entry) = self.entries.get(&key) else {
                continue;
            };
            let stretch = self.stretch(&entry.meta);
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.stretch = entry.stretch.max(stretch);
            entry.change = None;
            let from = entry.channel.presence().state();
            if entry.channel.expire(now, &self.rules, entry.stretch) {
                let to = entry.channel.presence().state();
                self.turned.push(StateTransition { key, from, to });
            }
            self.render(key, now);
        }
    }

    /// What a channel's lines are made of.
    pub(super) fn subject<'a>(&'a self, entry: &'a Entry, now: TimeSnapshot) -> Subject<'a> {
        let stretch = entry.stretch;
        Subject {
            meta: &entry.meta,
            channel: &entry.channel,
            reported: entry.channel.reported_status(now, &self.rules, stretch),
            streams: entry.channel.shown(now, &self.rules, stretch).collect(),
            wall_offset: self.wall_offset,
        }
    }

    pub(super) fn view(
        &self,
        key: ChannelKey,
        entry: &Entry,
        now: TimeSnapshot,
    ) -> ChannelSnapshot {
        let meta = entry.meta.clone();
        let subject = self.subject(entry, now);
        ChannelSnapshot::new(key, entry.version, meta, &subject, now)
    }

    pub(super) fn render_all(&mut self, now: TimeSnapshot) {
        let keys: Vec<_> = self.entries.keys().copied().collect();
        for key in keys {
            self.render(key, now);
        }
    }

    /// Renders a channel anew, and plans when time alone next changes it.
    pub(super) fn render(&mut self, key: ChannelKey, now: TimeSnapshot) {
        let Some(entry) = self.entries.get(&key) else {
            return;
        };
        let subject = self.subject(entry, now);
        let class = Class::of(entry.channel.presence().state(), subject.reported);
        let exposed = entry.is_exposed(now);
        let piece = if exposed {
            Piece::render(&subject)
        } else {
            Piece::default()
        };
        let change = entry.next_change(now, &self.rules);
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        self.version += 1;
        entry.version = self.version;
        let counted = entry.class.replace(class);
        if counted != Some(class) {
            let account = &entry.meta.account;
            if let Some(counted) = counted {
                self.census.remove(account, counted);
            }
            self.census.add(account, class);
        }
        // One that has no lines, and had none, has nothing new to say.
        let was_exposed = std::mem::replace(&mut entry.exposed, exposed);
        if exposed || was_exposed {
            self.blocks.put(key, piece);
        }
        let before = std::mem::replace(&mut entry.change, change);
        if before != change {
            if let Some(before) = before {
                self.changes.remove(&(before, key));
            }
            if let Some(change) = change {
                self.changes.insert((change, key));
            }
        }
    }
}
