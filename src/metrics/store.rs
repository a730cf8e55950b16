//! All channels, each with its rendered lines.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::Block;
use super::key::ChannelKey;
use super::piece::{ChannelMeta, Piece};
use super::table::{Entry, Table};
use super::text_format::Format;
use super::view::{ChannelDetail, ChannelSnapshot, StreamHistory};
use crate::state::{Channel, Rules, State, Stretch};
use polyv_client::clock::{MonotonicInstant, TimeSnapshot};

/// When a channel has series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// As long as it is there.
    #[default]
    Always,
    /// From the moment it is live until an hour after.
    WhileRecentlyLive,
}

/// A channel's state changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateTransition {
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
pub struct ChannelStore {
    table: Mutex<Table>,
}

/// Channels that are looked at under one lock.
const AT_A_TIME: usize = 64;
/// Blocks that are collected under one lock, where none of them has to be laid out.
const BLOCKS_AT_A_TIME: usize = 64;
/// So often the blocks are collected anew when a channel is removed meanwhile.
const ATTEMPTS: usize = 3;

// === impl ChannelStore ===

impl ChannelStore {
    /// An empty store. `wall_offset` is the host's wall clock minus the monotonic one, in
    /// milliseconds.
    #[must_use]
    pub fn new(rules: Rules, wall_offset: i64) -> Self {
        Self {
            table: Mutex::new(Table::new(rules, wall_offset)),
        }
    }

    /// Adds a channel that was not asked yet.
    pub fn insert(&self, meta: ChannelMeta, exposure: Exposure, now: TimeSnapshot) -> ChannelKey {
        self.lock().insert(meta, exposure, now)
    }

    /// Removes a channel: it is gone at the next scrape.
    pub fn remove(&self, key: ChannelKey) {
        self.lock().remove(key);
    }

    /// Describes a channel anew; what is known of it stays.
    pub fn update_metadata(
        &self,
        key: ChannelKey,
        meta: ChannelMeta,
        exposure: Exposure,
        now: TimeSnapshot,
    ) {
        let mut table = self.lock();
        if let Some(entry) = table.entries.get_mut(&key) {
            let live_interval = meta.channel.live_interval;
            entry.channel.set_live_interval(live_interval);
            entry.meta = meta;
            entry.exposure = exposure;
            table.render(key, now);
        }
    }

    /// What all channels go by.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.lock().rules
    }

    /// Changes what all channels go by.
    pub fn set_rules(&self, rules: Rules, now: TimeSnapshot) {
        let mut table = self.lock();
        if table.rules != rules {
            table.rules = rules;
            table.render_all(now);
        }
    }

    /// Tells that the host's wall clock was set: every time stamp of ours moves with it.
    pub fn set_wall_offset(&self, wall_offset: i64, now: TimeSnapshot) {
        let mut table = self.lock();
        if table.wall_offset != wall_offset {
            table.wall_offset = wall_offset;
            table.render_all(now);
        }
    }

    /// Tells how far an account's intervals are stretched at present: so much longer silence is
    /// borne. What was to be true until a certain time stays so, where intervals become shorter.
    pub fn set_interval_scale(&self, account: &Arc<str>, stretch: Stretch) {
        self.lock().set_interval_scale(account, stretch);
    }

    /// Changes what is known of a channel, and renders it anew. `None` where there is no such
    /// channel any more.
    pub fn update<R>(
        &self,
        key: ChannelKey,
        now: TimeSnapshot,
        change: impl FnOnce(&mut Channel, &Rules) -> R,
    ) -> Option<R> {
        self.lock().update(key, now, change)
    }

    /// Reads what is known of a channel.
    pub fn read<R>(&self, key: ChannelKey, read: impl FnOnce(&Channel, &Rules) -> R) -> Option<R> {
        let table = self.lock();
        let entry = table.entries.get(&key)?;
        Some(read(&entry.channel, &table.rules))
    }

    /// Lets time pass: what is not true any more goes. Returns all changes of state, by time
    /// or by answers, since this was last called.
    pub fn expire(&self, now: TimeSnapshot) -> Vec<StateTransition> {
        let mut table = self.lock();
        table.expire(now);
        std::mem::take(&mut table.turned)
    }

    /// When time alone next changes something.
    #[must_use]
    pub fn next_change(&self) -> Option<MonotonicInstant> {
        self.lock().next_change()
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
    pub(super) fn blocks(&self, now: TimeSnapshot) -> Vec<Arc<Block>> {
        for _ in 0..ATTEMPTS {
            if let Some(blocks) = self.blocks_one_by_one(now) {
                return blocks;
            }
        }
        let mut table = self.lock();
        table.expire(now);
        let numbers: Vec<_> = table.blocks.numbers(0).collect();
        let laid = numbers
            .into_iter()
            .map(|number| table.blocks.lay_out(number));
        laid.map(|(block, _)| block).collect()
    }

    /// `None` where a channel was removed meanwhile: one that has come back since, by another
    /// key, would be there twice.
    fn blocks_one_by_one(&self, now: TimeSnapshot) -> Option<Vec<Arc<Block>>> {
        let mut all = Vec::new();
        let mut from = 0;
        let mut removals = None;
        loop {
            let mut table = self.lock();
            table.expire(now);
            if *removals.get_or_insert(table.blocks.removals()) != table.blocks.removals() {
                return None;
            }
            let some = table.blocks.numbers(from).take(BLOCKS_AT_A_TIME);
            let some: Vec<u64> = some.collect();
            if some.is_empty() {
                return Some(all);
            }
            for number in some {
                let (block, worked) = table.blocks.lay_out(number);
                all.push(block);
                from = number + 1;
                if worked {
                    break;
                }
            }
        }
    }

    /// Writes how many channels the accounts have, as it is true now.
    pub(super) fn write_census(&self, format: Format, now: TimeSnapshot, out: &mut String) {
        let mut table = self.lock();
        table.expire(now);
        table.census.write(format, out);
    }

    /// A channel's lines as they are true now. `None` where there is no such channel any more, or
    /// none that has series.
    pub(super) fn piece(&self, key: ChannelKey, now: TimeSnapshot) -> Option<Piece> {
        let mut table = self.lock();
        table.expire(now);
        let entry = table.entries.get(&key).filter(|e| e.is_exposed(now))?;
        Some(Piece::render(&table.subject(entry, now)))
    }

    /// Grows with every change of any channel.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// All channels as they are now. Answers are not kept waiting: it looks at a few at a time,
    /// so some may be a little newer than others.
    #[must_use]
    pub fn snapshots(&self, now: TimeSnapshot) -> Vec<ChannelSnapshot> {
        let mut snapshots = Vec::new();
        self.scan(now, |table, key, entry| {
            if entry.is_exposed(now) {
                snapshots.push(table.view(key, entry, now));
            }
            true
        });
        snapshots
    }

    /// Finds a channel by its number. Numbers are unique over all accounts.
    #[must_use]
    pub fn find(&self, channel_id: &str) -> Option<ChannelKey> {
        self.lock().by_id.get(channel_id).copied()
    }

    /// A channel with all that is remembered of it. `None` where there is no such channel any
    /// more.
    #[must_use]
    pub fn detail(&self, key: ChannelKey, now: TimeSnapshot) -> Option<ChannelDetail> {
        let mut table = self.lock();
        table.expire(now);
        let entry = table.entries.get(&key).filter(|e| e.is_exposed(now))?;
        let view = table.view(key, entry, now);
        Some(ChannelDetail::new(
            view,
            &table.subject(entry, now),
            &table.rules,
        ))
    }

    /// A channel's streams' last half hour; empty where there is no such channel any more.
    #[must_use]
    pub fn histories(&self, key: ChannelKey) -> Vec<StreamHistory> {
        let table = self.lock();
        let Some(entry) = table.entries.get(&key) else {
            return Vec::new();
        };
        StreamHistory::of(&entry.channel, &table.rules)
    }

    /// Looks at channels in their order, a few under each lock, until `look` has seen enough.
    fn scan(&self, now: TimeSnapshot, mut look: impl FnMut(&Table, ChannelKey, &Entry) -> bool) {
        let mut next = Some(ChannelKey::new(0));
        while let Some(from) = next.take() {
            let mut table = self.lock();
            table.expire(now);
            for (n, (key, entry)) in table.entries.range(from..).enumerate() {
                if n == AT_A_TIME {
                    next = Some(*key);
                    break;
                }
                if !look(&table, *key, entry) {
                    return;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
