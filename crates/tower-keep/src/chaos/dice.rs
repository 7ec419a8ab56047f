//! Choices that can be repeated, whoever makes them.

/// A number that looks random for the `nth` choice: the finalizer of [SplitMix64], so that any thread
/// can make any choice without a generator that all of them would have to share.
///
/// [SplitMix64]: https://doi.org/10.1145/2714064.2660195
pub(super) fn roll(seed: u64, nth: u64) -> u64 {
    let mut z = seed.wrapping_add(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number as a share of all numbers: from 0.0 to just below 1.0.
pub(super) fn share(number: u64) -> f64 {
    // As many bits as a float holds exactly.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// One of `many`.
pub(super) fn pick(number: u64, many: usize) -> usize {
    (share(number) * many as f64) as usize
}
