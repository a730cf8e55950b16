//! All channels, each with its rendered piece.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::piece::{Identity, Piece, Subject};
use crate::channel::{Channel, Rules, State};
use crate::clock::{Moment, Now};

/// Identifies a channel in the store, for as long as it is there; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(u64);

/// A channel's state changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// Which channel.
    pub key: ChannelKey,
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
}

/// The channels: changed by answers, read by scrapes, and in between only by time.
///
/// A std mutex guards them: it is held for the microseconds that one channel takes to render,
/// or to collect the pieces of all, and never across an await.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Rules,
    wall_offset: i64,
    next_key: u64,
    /// In the order in which they were added.
    entries: BTreeMap<ChannelKey, Entry>,
    /// When time alone changes which channel next.
    changes: BTreeSet<(Moment, ChannelKey)>,
    /// State changes that nobody was told of yet.
    turned: Vec<Turned>,
}

#[derive(Debug)]
struct Entry {
    identity: Identity,
    channel: Channel,
    /// How far the channel's intervals are stretched at present.
    stretch: f64,
    piece: Arc<Piece>,
    change: Option<Moment>,
}

// === impl ChannelKey ===

#[cfg(test)]
impl ChannelKey {
    /// A key for tests of those who only pass keys on.
    pub(crate) const fn for_test(key: u64) -> Self {
        Self(key)
    }
}

// === impl Store ===

impl Store {
    /// An empty store. `wall_offset` is the host's wall clock minus the monotonic one, in
    /// milliseconds.
    #[must_use]
    pub fn new(rules: Rules, wall_offset: i64) -> Self {
        Self {
            inner: Mutex::new(Inner {
                rules,
                wall_offset,
                next_key: 0,
                entries: BTreeMap::new(),
                changes: BTreeSet::new(),
                turned: Vec::new(),
            }),
        }
    }

    /// Adds a channel that was not asked yet.
    pub fn insert(&self, identity: Identity, live_interval: Duration, now: Now) -> ChannelKey {
        let mut inner = self.lock();
        let key = ChannelKey(inner.next_key);
        inner.next_key += 1;
        let entry = Entry {
            identity,
            channel: Channel::new(live_interval, now.moment),
            stretch: 1.0,
            piece: Arc::default(),
            change: None,
        };
        inner.entries.insert(key, entry);
        inner.render(key, now);
        key
    }

    /// Removes a channel: it is gone at the next scrape.
    pub fn remove(&self, key: ChannelKey) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.remove(&key)
            && let Some(change) = entry.change
        {
            inner.changes.remove(&(change, key));
        }
    }

    /// Describes a channel anew; what is known of it stays.
    pub fn describe(&self, key: ChannelKey, identity: Identity, live_interval: Duration, now: Now) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(&key) {
            entry.identity = identity;
            entry.channel.set_live_interval(live_interval);
            inner.render(key, now);
        }
    }

    /// What all channels go by.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.lock().rules
    }

    /// Changes what all channels go by.
    pub fn set_rules(&self, rules: Rules, now: Now) {
        let mut inner = self.lock();
        if inner.rules != rules {
            inner.rules = rules;
            inner.render_all(now);
        }
    }

    /// Tells that the host's wall clock was set: every time stamp of ours moves with it.
    pub fn set_wall_offset(&self, wall_offset: i64, now: Now) {
        let mut inner = self.lock();
        if inner.wall_offset != wall_offset {
            inner.wall_offset = wall_offset;
            inner.render_all(now);
        }
    }

    /// Tells how far channels' intervals are stretched at present.
    pub fn set_stretch(&self, keys: impl Iterator<Item = ChannelKey>, stretch: f64, now: Now) {
        let mut inner = self.lock();
        for key in keys {
            if let Some(entry) = inner.entries.get_mut(&key)
                && entry.stretch != stretch
            {
                entry.stretch = stretch;
                inner.render(key, now);
            }
        }
    }

    /// Changes what is known of a channel, and renders it anew. `None` where there is no such
    /// channel any more.
    pub fn update<R>(
        &self,
        key: ChannelKey,
        now: Now,
        change: impl FnOnce(&mut Channel, &Rules) -> R,
    ) -> Option<R> {
        let mut inner = self.lock();
        // What time alone has changed comes first: an answer after a long silence finds the
        // channel unknown.
        inner.expire(now);
        let rules = inner.rules;
        let entry = inner.entries.get_mut(&key)?;
        let from = entry.channel.presence().state();
        let result = change(&mut entry.channel, &rules);
        let to = entry.channel.presence().state();
        if from != to {
            inner.turned.push(Turned { key, from, to });
        }
        inner.render(key, now);
        Some(result)
    }

    /// Reads what is known of a channel.
    pub fn read<R>(&self, key: ChannelKey, read: impl FnOnce(&Channel, &Rules) -> R) -> Option<R> {
        let inner = self.lock();
        let entry = inner.entries.get(&key)?;
        Some(read(&entry.channel, &inner.rules))
    }

    /// Lets time pass: what is not true any more goes. Returns all changes of state, by time
    /// or by answers, since this was last called.
    pub fn expire(&self, now: Now) -> Vec<Turned> {
        let mut inner = self.lock();
        inner.expire(now);
        std::mem::take(&mut inner.turned)
    }

    /// When time alone next changes something.
    #[must_use]
    pub fn next_change(&self) -> Option<Moment> {
        self.lock().changes.first().map(|(moment, _)| *moment)
    }

    /// How many channels there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All pieces as they are true now.
    pub(super) fn pieces(&self, now: Now) -> Vec<Arc<Piece>> {
        let mut inner = self.lock();
        inner.expire(now);
        inner
            .entries
            .values()
            .map(|entry| Arc::clone(&entry.piece))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn expire(&mut self, now: Now) {
        while let Some((moment, key)) = self.changes.first().copied()
            && moment <= now.moment
        {
            self.changes.pop_first();
            let rules = self.rules;
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.change = None;
            let from = entry.channel.presence().state();
            if entry.channel.expire(now, &rules, entry.stretch) {
                let to = entry.channel.presence().state();
                self.turned.push(Turned { key, from, to });
            }
            self.render(key, now);
        }
    }

    fn render_all(&mut self, now: Now) {
        let keys: Vec<_> = self.entries.keys().copied().collect();
        for key in keys {
            self.render(key, now);
        }
    }

    fn render(&mut self, key: ChannelKey, now: Now) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let Entry {
            identity,
            channel,
            stretch,
            ..
        } = entry;
        let piece = Piece::render(&Subject {
            identity,
            channel,
            streams: channel.shown(now, &self.rules, *stretch).collect(),
            wall_offset: self.wall_offset,
        });
        let change = channel.next_change(now, &self.rules, *stretch);
        let before = std::mem::replace(&mut entry.change, change);
        entry.piece = Arc::new(piece);
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
