use fastrand::Rng;

/// Chance that can be repeated: the same seed and name give the same numbers, in every run.
///
/// Each part of a simulation draws from a stream of its own, so that what one part draws does not
/// depend on what another did: two contenders meet the same calls at the same moments.
#[derive(Clone, Debug)]
pub struct Random(Rng);

impl Random {
    /// The stream with this name.
    #[must_use]
    pub fn named(seed: u64, name: &str) -> Self {
        // FNV-1a: the same in every build, unlike the hasher of std.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(Rng::with_seed(hash))
    }

    /// From 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    /// True for this share of the draws.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// One of so many.
    ///
    /// # Panics
    /// If there is none.
    pub fn below(&mut self, many: usize) -> usize {
        self.0.usize(..many)
    }

    /// A standard normal number (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
