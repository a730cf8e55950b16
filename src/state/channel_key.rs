//! The identity of a channel in the store.

/// Identifies a channel in the store for as long as it is there. Keys are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(u64);

impl ChannelKey {
    /// The key of the channel that was inserted after `index` others.
    pub(crate) const fn from_index(index: u64) -> Self {
        Self(index)
    }

    /// How many channels were inserted before this one.
    pub(crate) const fn index(self) -> u64 {
        self.0
    }
}
