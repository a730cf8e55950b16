//! Deterministic pseudo-random numbers.
//!
//! Each number is a hash of the scenario's seed and of its purpose, so that the same request gets
//! the same response at any time and in any order.

/// A hash state and the number derived from it. (`SplitMix64`'s finalizer: fast, and every bit of
/// the input affects every bit of the output.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeterministicRng(u64);

impl DeterministicRng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed).with(0)
    }

    /// The generator for a numbered part.
    pub(crate) const fn with(self, part: u64) -> Self {
        let mut z = (self.0 ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(z ^ (z >> 31))
    }

    /// The generator for a time.
    pub(crate) const fn with_signed(self, part: i64) -> Self {
        self.with(part.cast_unsigned())
    }

    /// The generator for a name.
    pub(crate) fn with_text(self, text: &str) -> Self {
        // FNV-1a, then mixed.
        let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        self.with(hash)
    }

    /// 64 bits.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// A whole number from 0 to `below` - 1 (0 where there is none).
    pub(crate) const fn below(self, below: u64) -> u64 {
        match self.0.checked_rem(below) {
            Some(number) => number,
            None => 0,
        }
    }

    /// A number from 0 to just under 1.
    pub(crate) const fn share(self) -> f64 {
        // 52 random bits behind the exponent of 1.0 make a number from 1 to just under 2.
        f64::from_bits(0x3FF0_0000_0000_0000 | (self.0 >> 12)) - 1.0
    }

    /// A number from -1 to just under 1.
    pub(crate) const fn symmetric(self) -> f64 {
        self.share() * 2.0 - 1.0
    }

    /// A number of the standard normal distribution (Box and Muller's method).
    pub(crate) fn normal(self) -> f64 {
        let radius = (-2.0 * (1.0 - self.with(1).share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.with(2).share()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_input_gives_the_same_number() {
        let rng = DeterministicRng::new(1).with_text("3880533");
        assert_eq!(rng.with(5), rng.with(5));
        assert_ne!(rng.with(5), rng.with(6));
        assert_ne!(DeterministicRng::new(1), DeterministicRng::new(2));
        assert_ne!(
            DeterministicRng::new(1).with_text("a"),
            DeterministicRng::new(1).with_text("b")
        );
    }

    #[test]
    fn shares_fill_their_range_evenly() {
        let shares: Vec<f64> = (0..10_000)
            .map(|n| DeterministicRng::new(7).with(n).share())
            .collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        let mean = shares.iter().sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
        let symmetric: Vec<f64> = (0..10_000)
            .map(|n| DeterministicRng::new(7).with(n).symmetric())
            .collect();
        assert!(symmetric.iter().all(|number| (-1.0..1.0).contains(number)));
    }

    #[test]
    fn normal_numbers_have_the_standard_distribution() {
        let numbers: Vec<f64> = (0..20_000)
            .map(|n| DeterministicRng::new(3).with(n).normal())
            .collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((0.95..1.05).contains(&variance), "{variance}");
    }
}
