//! All channels, each with its rendered lines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::block::{Block, Placed, SLOTS};
use super::census::{Census, Class};
use super::piece::{Identity, Piece, Subject};
use super::text::Format;
use super::view::{Detail, StreamHistory, View};
use crate::channel::{Channel, Rules, State};
use crate::clock::{Moment, Now};

/// Identifies a channel in the store, for as long as it is there; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(u64);

/// When a channel has series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// As long as it is there.
    #[default]
    Always,
    /// From the moment it is live until an hour after.
    Broadcasts,
}

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
/// or a few blocks of them to lay out, and never across an await.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Rules,
    wall_offset: i64,
    next_key: u64,
    /// Counts changes of channels.
    version: u64,
    /// In the order in which they were added.
    entries: BTreeMap<ChannelKey, Box<Entry>>,
    /// By the channel's number: a scraper may ask for each one by itself.
    by_id: HashMap<Arc<str>, ChannelKey>,
    /// Their lines as they were read last, by the number of the block.
    blocks: BTreeMap<u64, Laid>,
    /// Counts channels that were removed.
    removals: u64,
    /// When time alone changes which channel next.
    changes: BTreeSet<(Moment, ChannelKey)>,
    /// State changes that nobody was told of yet.
    turned: Vec<Turned>,
    census: Census,
}

#[derive(Debug)]
struct Entry {
    identity: Arc<Identity>,
    channel: Channel,
    exposure: Exposure,
    /// The store's version when it last changed.
    version: u64,
    /// How far the channel's intervals are stretched at present.
    stretch: f64,
    /// Its lines, where they are not in their block yet.
    fresh: Option<Piece>,
    /// Whether it had lines when it was rendered last.
    exposed: bool,
    change: Option<Moment>,
    /// What it counts as; `None` while it is not counted.
    class: Option<Class>,
}

/// A block, as it was last laid out.
#[derive(Debug, Default)]
struct Laid {
    block: Arc<Block>,
    /// Whether a channel of it has changed, or is gone.
    outdated: bool,
}

/// Channels that are looked at under one lock.
const AT_A_TIME: usize = 64;
/// Blocks that are collected under one lock, where none of them has to be laid out.
const BLOCKS_AT_A_TIME: usize = 64;
/// So often the blocks are collected anew when a channel is removed meanwhile.
const ATTEMPTS: usize = 3;

// === impl ChannelKey ===

impl ChannelKey {
    /// In which block its lines are.
    const fn block(self) -> u64 {
        self.0 / SLOTS
    }

    /// At which place there.
    #[allow(clippy::cast_possible_truncation)] // there are 64
    const fn slot(self) -> u8 {
        (self.0 % SLOTS) as u8
    }
}

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
                version: 0,
                entries: BTreeMap::new(),
                by_id: HashMap::new(),
                blocks: BTreeMap::new(),
                removals: 0,
                changes: BTreeSet::new(),
                turned: Vec::new(),
                census: Census::default(),
            }),
        }
    }

    /// Adds a channel that was not asked yet.
    pub fn insert(
        &self,
        identity: Identity,
        live_interval: Duration,
        exposure: Exposure,
        now: Now,
    ) -> ChannelKey {
        let mut inner = self.lock();
        let key = ChannelKey(inner.next_key);
        inner.next_key += 1;
        inner.by_id.insert(Arc::clone(&identity.channel_id), key);
        let entry = Entry {
            identity: Arc::new(identity),
            channel: Channel::new(live_interval, now.moment),
            exposure,
            version: 0,
            stretch: 1.0,
            fresh: None,
            exposed: false,
            change: None,
            class: None,
        };
        // Boxed, since a map's nodes are two thirds full.
        inner.entries.insert(key, Box::new(entry));
        inner.render(key, now);
        key
    }

    /// Removes a channel: it is gone at the next scrape.
    pub fn remove(&self, key: ChannelKey) {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.remove(&key) else {
            return;
        };
        if let Some(change) = entry.change {
            inner.changes.remove(&(change, key));
        }
        if let Some(class) = entry.class {
            inner.census.remove(&entry.identity.account, class);
        }
        // Another account may have it by now.
        let id = &entry.identity.channel_id;
        if inner.by_id.get(id) == Some(&key) {
            inner.by_id.remove(id);
        }
        inner.removals += 1;
        inner.outdate(key);
    }

    /// Describes a channel anew; what is known of it stays.
    pub fn describe(
        &self,
        key: ChannelKey,
        identity: Identity,
        live_interval: Duration,
        exposure: Exposure,
        now: Now,
    ) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(&key) {
            entry.identity = Arc::new(identity);
            entry.exposure = exposure;
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

    /// Tells how far channels' intervals are stretched at present. Answers are not kept waiting:
    /// a few channels are told at a time.
    pub fn set_stretch(&self, keys: impl Iterator<Item = ChannelKey>, stretch: f64, now: Now) {
        let mut keys = keys.peekable();
        while keys.peek().is_some() {
            let mut inner = self.lock();
            for key in keys.by_ref().take(AT_A_TIME) {
                inner.set_stretch(key, stretch, now);
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

    /// The lines of all channels as they are true now. Answers are not kept waiting: a few
    /// blocks are collected at a time, so some channels may be a little newer than others.
    pub(super) fn blocks(&self, now: Now) -> Vec<Arc<Block>> {
        for _ in 0..ATTEMPTS {
            if let Some(blocks) = self.blocks_one_by_one(now) {
                return blocks;
            }
        }
        let mut inner = self.lock();
        inner.expire(now);
        let numbers: Vec<_> = inner.blocks.keys().copied().collect();
        let laid = numbers.into_iter().map(|number| inner.lay_out(number));
        laid.map(|(block, _)| block).collect()
    }

    /// `None` where a channel was removed meanwhile: one that has come back since, by another
    /// key, would be there twice.
    fn blocks_one_by_one(&self, now: Now) -> Option<Vec<Arc<Block>>> {
        let mut all = Vec::new();
        let mut from = 0;
        let mut removals = None;
        loop {
            let mut inner = self.lock();
            inner.expire(now);
            if *removals.get_or_insert(inner.removals) != inner.removals {
                return None;
            }
            let some = inner.blocks.range(from..).take(BLOCKS_AT_A_TIME);
            let some: Vec<u64> = some.map(|(number, _)| *number).collect();
            if some.is_empty() {
                return Some(all);
            }
            for number in some {
                let (block, worked) = inner.lay_out(number);
                all.push(block);
                from = number + 1;
                if worked {
                    break;
                }
            }
        }
    }

    /// Writes how many channels the accounts have, as it is true now.
    pub(super) fn write_census(&self, format: Format, now: Now, out: &mut String) {
        let mut inner = self.lock();
        inner.expire(now);
        inner.census.write(format, out);
    }

    /// A channel's lines as they are true now. `None` where there is no such channel any more, or
    /// none that has series.
    pub(super) fn piece(&self, key: ChannelKey, now: Now) -> Option<Piece> {
        let mut inner = self.lock();
        inner.expire(now);
        let entry = inner.entries.get(&key).filter(|e| e.is_exposed(now))?;
        Some(Piece::render(&inner.subject(entry, now)))
    }

    /// Grows with every change of any channel.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// All channels as they are now. Answers are not kept waiting: it looks at a few at a time,
    /// so some may be a little newer than others.
    #[must_use]
    pub fn views(&self, now: Now) -> Vec<View> {
        let mut views = Vec::new();
        self.scan(now, |inner, key, entry| {
            if entry.is_exposed(now) {
                views.push(inner.view(key, entry, now));
            }
            true
        });
        views
    }

    /// Finds a channel by its number. Numbers are unique over all accounts.
    #[must_use]
    pub fn find(&self, channel_id: &str) -> Option<ChannelKey> {
        self.lock().by_id.get(channel_id).copied()
    }

    /// A channel with all that is remembered of it. `None` where there is no such channel any
    /// more.
    #[must_use]
    pub fn detail(&self, key: ChannelKey, now: Now) -> Option<Detail> {
        let mut inner = self.lock();
        inner.expire(now);
        let entry = inner.entries.get(&key).filter(|e| e.is_exposed(now))?;
        let view = inner.view(key, entry, now);
        Some(Detail::new(view, &inner.subject(entry, now), &inner.rules))
    }

    /// A channel's streams' last half hour; empty where there is no such channel any more.
    #[must_use]
    pub fn histories(&self, key: ChannelKey) -> Vec<StreamHistory> {
        let inner = self.lock();
        let Some(entry) = inner.entries.get(&key) else {
            return Vec::new();
        };
        StreamHistory::of(&entry.channel, &inner.rules)
    }

    /// Looks at channels in their order, a few under each lock, until `look` has seen enough.
    fn scan(&self, now: Now, mut look: impl FnMut(&Inner, ChannelKey, &Entry) -> bool) {
        let mut next = Some(ChannelKey(0));
        while let Some(from) = next.take() {
            let mut inner = self.lock();
            inner.expire(now);
            for (n, (key, entry)) in inner.entries.range(from..).enumerate() {
                if n == AT_A_TIME {
                    next = Some(*key);
                    break;
                }
                if !look(&inner, *key, entry) {
                    return;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Entry {
    /// When time alone next changes something that is shown.
    fn next_change(&self, now: Now, rules: &Rules) -> Option<Moment> {
        let change = self.channel.next_change(now, rules, self.stretch);
        let hidden = match self.exposure {
            Exposure::Always => None,
            Exposure::Broadcasts => self.channel.of_interest_until(),
        };
        change
            .into_iter()
            .chain(hidden.filter(|at| *at > now.moment))
            .min()
    }

    /// Whether it has series.
    fn is_exposed(&self, now: Now) -> bool {
        match self.exposure {
            Exposure::Always => true,
            Exposure::Broadcasts => {
                let until = self.channel.of_interest_until();
                self.channel.presence().state() == State::Live
                    || until.is_some_and(|until| now.moment < until)
            }
        }
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

    fn subject<'a>(&'a self, entry: &'a Entry, now: Now) -> Subject<'a> {
        Subject {
            identity: &entry.identity,
            channel: &entry.channel,
            reported: entry
                .channel
                .reported_status(now, &self.rules, entry.stretch),
            streams: entry
                .channel
                .shown(now, &self.rules, entry.stretch)
                .collect(),
            wall_offset: self.wall_offset,
        }
    }

    fn view(&self, key: ChannelKey, entry: &Entry, now: Now) -> View {
        let identity = Arc::clone(&entry.identity);
        let subject = self.subject(entry, now);
        View::new(key, entry.version, identity, &subject, now)
    }

    fn render_all(&mut self, now: Now) {
        let keys: Vec<_> = self.entries.keys().copied().collect();
        for key in keys {
            self.render(key, now);
        }
    }

    fn set_stretch(&mut self, key: ChannelKey, stretch: f64, now: Now) {
        let rules = self.rules;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if entry.stretch == stretch {
            return;
        }
        // More patience shows a stream or a status that less does not, and no other way round;
        // all other lines stay as they are.
        let shown = |entry: &Entry| {
            let Entry {
                channel, stretch, ..
            } = entry;
            let reported = channel.reported_status(now, &rules, *stretch);
            (channel.count_shown(now, &rules, *stretch), reported)
        };
        let before = shown(entry);
        entry.stretch = stretch;
        if shown(entry) == before {
            self.plan(key, now);
        } else {
            self.render(key, now);
        }
    }

    /// A block as it is now, and whether it had to be laid out for that.
    fn lay_out(&mut self, number: u64) -> (Arc<Block>, bool) {
        let laid = self.blocks.entry(number).or_default();
        if !laid.outdated {
            return (Arc::clone(&laid.block), false);
        }
        let keys = || ChannelKey(number * SLOTS)..ChannelKey((number + 1) * SLOTS);
        let channels = self.entries.range(keys()).map(|(key, entry)| Placed {
            slot: key.slot(),
            fresh: entry.fresh.as_ref(),
        });
        let block = Arc::new(laid.block.renewed(&channels.collect::<Vec<_>>()));
        laid.block = Arc::clone(&block);
        laid.outdated = false;
        for (_, entry) in self.entries.range_mut(keys()) {
            entry.fresh = None;
        }
        (block, true)
    }

    /// Tells that a channel's block is not what it says any more.
    fn outdate(&mut self, key: ChannelKey) {
        let number = key.block();
        let keys = ChannelKey(number * SLOTS)..ChannelKey((number + 1) * SLOTS);
        if self.entries.range(keys).next().is_none() {
            self.blocks.remove(&number);
        } else {
            self.blocks.entry(number).or_default().outdated = true;
        }
    }

    fn render(&mut self, key: ChannelKey, now: Now) {
        let Some(entry) = self.entries.get(&key) else {
            return;
        };
        let reported = entry
            .channel
            .reported_status(now, &self.rules, entry.stretch);
        let class = Class::of(entry.channel.presence().state(), reported);
        let exposed = entry.is_exposed(now);
        let piece = if exposed {
            Piece::render(&self.subject(entry, now))
        } else {
            Piece::default()
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        self.version += 1;
        entry.version = self.version;
        let counted = entry.class.replace(class);
        if counted != Some(class) {
            let account = &entry.identity.account;
            if let Some(counted) = counted {
                self.census.remove(account, counted);
            }
            self.census.add(account, class);
        }
        // One that has no lines, and had none, has nothing new to say.
        let was_exposed = std::mem::replace(&mut entry.exposed, exposed);
        if exposed || was_exposed {
            entry.fresh = Some(piece);
            self.outdate(key);
        }
        self.plan(key, now);
    }

    /// Plans when time alone next changes a channel.
    fn plan(&mut self, key: ChannelKey, now: Now) {
        let rules = self.rules;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let change = entry.next_change(now, &rules);
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
