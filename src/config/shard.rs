//! Distribution of channels among several exporters.
//!
//! Rendezvous hashing: a channel has a weight for each shard and belongs to the shard with the highest
//! one. Shards need no coordination, and adding or removing one moves only its own channels. The
//! weights must be the same in all versions and on all platforms, because shards may be updated one
//! after the other. `docs/scale.md` documents them.

use std::fmt;

/// An exporter's share of the channels: shard `index` of `total`.
///
/// ```
/// use polyv_exporter::config::Shard;
///
/// let shards: Vec<_> = (0..3).filter_map(|index| Shard::new(index, 3).ok()).collect();
/// let owners: Vec<_> = shards.iter().filter(|shard| shard.owns("3880533")).collect();
/// assert_eq!(owners.len(), 1);
/// assert!(Shard::ALL.owns("3880533"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

/// The numbers of a shard that does not exist, with a sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidShard(String);

/// Each channel costs a hash for each shard, and Polyv's rate limit is too low for more shards.
pub const MAX_SHARDS: u32 = 1000;

// === impl Shard ===

impl Shard {
    /// The only shard, which owns every channel.
    pub const ALL: Self = Self { index: 0, total: 1 };

    /// Shard `index`, counted from 0, of `total`.
    ///
    /// # Errors
    /// There is no such shard.
    pub fn new(index: u32, total: u32) -> Result<Self, InvalidShard> {
        if !(1..=MAX_SHARDS).contains(&total) {
            return Err(InvalidShard(format!(
                "there can be 1 to {MAX_SHARDS} shards, not {total}"
            )));
        }
        if index >= total {
            let (last, count) = (total - 1, if total == 1 { "shard" } else { "shards" });
            return Err(InvalidShard(format!(
                "there is no shard {index} of {total} {count}: they are numbered from 0 to {last}"
            )));
        }
        Ok(Self { index, total })
    }

    /// The number of shards.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.total
    }

    /// Whether this is the only shard.
    #[must_use]
    pub const fn is_all(self) -> bool {
        self.total == 1
    }

    /// Whether this shard owns a channel. Exactly one shard of each `total` does.
    #[must_use]
    pub fn owns(self, channel_id: &str) -> bool {
        if self.is_all() {
            return true;
        }
        let seed = fnv1a(channel_id.as_bytes());
        let own = weight(seed, self.index);
        // The first of equal weights wins.
        (0..self.index).all(|other| weight(seed, other) < own)
            && (self.index + 1..self.total).all(|other| weight(seed, other) <= own)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.index, self.total)
    }
}

/// A channel's weight for a shard: the number at the shard's index in the sequence of `SplitMix64`,
/// seeded with the hash of the channel's id.
fn weight(seed: u64, index: u32) -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let steps = u64::from(index) + 1;
    let mut z = seed.wrapping_add(GAMMA.wrapping_mul(steps));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a with 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The shard that owns a channel.
    fn owner(id: &str, total: u32) -> u32 {
        let owners: Vec<u32> = (0..total)
            .filter(|index| Shard::new(*index, total).unwrap().owns(id))
            .collect();
        assert_eq!(owners.len(), 1, "channel {id}, {total} shards");
        owners[0]
    }

    #[test]
    fn hashes_match_published_vectors() {
        // Vectors of draft-eastlake-fnv.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        // The output of splitmix64.c with this seed.
        let first: Vec<u64> = (0..5).map(|index| weight(1_234_567, index)).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
        assert_eq!(weight(0, 0), 0xe220_a839_7b1d_cdaf);
    }

    /// The examples of `docs/scale.md`: shards of two versions have to agree.
    #[test]
    fn documented_owners_never_change() {
        let page = include_str!("../../docs/scale.md");
        let (_, table) = page
            .split_once("| channel | of 2 | of 3 | of 4 | of 32 |")
            .unwrap();
        let mut rows = 0;
        for row in table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'))
        {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            for (total, documented) in [2, 3, 4, 32].into_iter().zip(&cells[1..]) {
                let id = cells[0].trim_matches('`');
                assert_eq!(owner(id, total).to_string(), *documented, "{row}");
            }
            rows += 1;
        }
        assert!(rows >= 8, "{rows}");
        // Pins the page as well.
        assert_eq!((owner("3880533", 3), owner("3880534", 32)), (2, 20));
    }

    #[test]
    fn channels_are_spread_evenly() {
        // Consecutive numbers, as an account has them, and few in total.
        for (total, channels) in [
            (2, 1000_u32),
            (3, 600),
            (3, 30_000),
            (8, 8000),
            (32, 32_000),
        ] {
            let mut counts = vec![0_u32; total as usize];
            for n in 0..channels {
                counts[owner(&(3_880_000 + n).to_string(), total) as usize] += 1;
            }
            let mean = f64::from(channels) / f64::from(total);
            // Five standard deviations of a random distribution.
            let bound = 5.0 * mean.sqrt();
            for count in &counts {
                assert!(
                    (f64::from(*count) - mean).abs() < bound,
                    "{total}: {counts:?}"
                );
            }
        }
    }

    #[test]
    fn invalid_shards_are_rejected() {
        for (index, total) in [(0, 0), (1, 1), (3, 3), (7, 3), (0, MAX_SHARDS + 1)] {
            assert!(Shard::new(index, total).is_err(), "{index} of {total}");
        }
        assert_eq!(Shard::new(0, 1), Ok(Shard::ALL));
        assert!(Shard::new(MAX_SHARDS - 1, MAX_SHARDS).is_ok());
    }

    proptest! {
        #[test]
        fn channel_has_one_owner_and_moves_only_to_a_new_shard(
            id in "[0-9]{1,20}",
            total in 1_u32..40,
        ) {
            let before = owner(&id, total);
            let after = owner(&id, total + 1);
            prop_assert!(after == before || after == total);
        }
    }

    #[test]
    fn new_shard_takes_its_share() {
        for total in [1, 2, 3, 7, 31] {
            let channels = 20_000;
            let moved = (0..channels)
                .map(|n| (1_000_000 + n * 7).to_string())
                .filter(|id| owner(id, total) != owner(id, total + 1))
                .count();
            #[allow(clippy::cast_precision_loss)] // at most 20,000
            let share = moved as f64 / f64::from(channels);
            let expected = 1.0 / f64::from(total + 1);
            assert!((share - expected).abs() < 0.02, "{total}: {share}");
        }
    }
}
