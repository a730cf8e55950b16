//! Who a channel is in the store.

use super::block::SLOTS;

/// Identifies a channel in the store, for as long as it is there; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey(u64);

impl ChannelKey {
    /// The key of whoever came after so many others.
    pub(super) const fn new(before: u64) -> Self {
        Self(before)
    }

    /// In which block its lines are.
    pub(super) const fn block(self) -> u64 {
        self.0 / SLOTS
    }

    /// At which place there.
    #[allow(clippy::cast_possible_truncation)] // there are 64
    pub(super) const fn slot(self) -> u8 {
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
