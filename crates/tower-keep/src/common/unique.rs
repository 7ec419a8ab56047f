//! New UUIDs, and their text, with no system call and no lock for each.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

use bytes::Bytes;
use uuid::{Uuid, fmt::Hyphenated};

use super::local::thread_local;

/// A UUID of version 7: the millisecond it was made in, and 74 random bits.
pub(crate) fn uuid() -> Uuid {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock that is set before 1970 has no milliseconds to give.
    let now = now.unwrap_or_default();
    let millis = now.as_secs() * 1000 + u64::from(now.subsec_millis());
    let [high, low] = random();
    const VERSION: u64 = 7 << 12;
    const VARIANT: u64 = 2 << 62;
    Uuid::from_u64_pair(millis << 16 | VERSION | high >> 52, VARIANT | low >> 2)
}

/// Its text, with dashes, shared from the start: a copied slice would allocate once more when it is
/// cloned for the first time.
pub(crate) fn text(uuid: Uuid) -> Bytes {
    let (words, last) = digits(uuid);
    let mut text = [0; Hyphenated::LENGTH];
    let (chunks, rest) = text.as_chunks_mut();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_le_bytes();
    }
    rest.copy_from_slice(&last.to_le_bytes());
    Bytes::from_owner(text)
}

/// The 36 characters of a UUID, 8 in each word and 4 in the last, the first one lowest.
fn digits(uuid: Uuid) -> ([u64; 4], u32) {
    let (high, low) = uuid.as_u64_pair();
    let [a, b] = [(high >> 32) as u32, high as u32].map(hex);
    let [c, d] = [(low >> 32) as u32, low as u32].map(hex);
    const DASH: u64 = b'-' as u64;
    const HALF: u64 = u32::MAX as u64;
    let words = [
        a,
        DASH | (b & HALF) << 8 | DASH << 40 | b >> 32 << 48,
        b >> 48 | DASH << 16 | (c & HALF) << 24 | DASH << 56,
        c >> 32 | d << 32,
    ];
    (words, (d >> 32) as u32)
}

/// The 8 digits of a number, the first one lowest, all at once.
const fn hex(number: u32) -> u64 {
    const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    // A digit of four bits in each byte.
    let mut all = number.swap_bytes() as u64;
    all = (all | all << 16) & 0x0000_ffff_0000_ffff;
    all = (all | all << 8) & 0x00ff_00ff_00ff_00ff;
    all = (all >> 4 | all << 8) & LOW;
    // Of 10 and more, the fifth bit is set when 6 is added.
    let letters = (all + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    all + 0x3030_3030_3030_3030 + letters * (b'a' - b'0' - 10) as u64
}

/// 128 random bits, of a generator in each thread: xoroshiro128++, whose state the system's randomness
/// is in. Good for names, not for secrets.
fn random() -> [u64; 2] {
    thread_local! {
        /// All zeros is no state that the generator comes to.
        static STATE: Cell<[u64; 2]> = const { Cell::new([0; 2]) };
    }
    let mut state = STATE.get();
    if state == [0; 2] {
        state = seed();
    }
    let random = [step(&mut state), step(&mut state)];
    STATE.set(state);
    random
}

fn step([a, b]: &mut [u64; 2]) -> u64 {
    let random = a.wrapping_add(*b).rotate_left(17).wrapping_add(*a);
    *b ^= *a;
    *a = a.rotate_left(49) ^ *b ^ *b << 21;
    *b = b.rotate_left(28);
    random
}

#[cold]
fn seed() -> [u64; 2] {
    // The keys of a hash map are what the standard library gives of the system's randomness.
    let keys = RandomState::new();
    [keys.hash_one(0), keys.hash_one(1) | 1]
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn a_uuid_is_of_version_7_and_of_now() {
        let uuid = uuid();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        let (seconds, _) = uuid.get_timestamp().expect("has a time").to_unix();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        assert!(now.expect("after 1970").as_secs() - seconds <= 1);
    }

    #[test]
    fn no_two_are_alike_in_any_thread() {
        const EACH: usize = 10_000;
        let threads = [(); 4].map(|()| thread::spawn(|| (0..EACH).map(|_| uuid()).collect()));
        let uuids: Vec<Vec<Uuid>> = threads
            .map(|thread| thread.join().expect("no panic"))
            .into();
        let uuids: HashSet<_> = uuids.into_iter().flatten().collect();
        assert_eq!(uuids.len(), 4 * EACH);
        // Each random bit is set in about half of them.
        for bit in (0..62).chain(64..76) {
            let set = uuids.iter().filter(|id| id.as_u128() >> bit & 1 == 1);
            let share = set.count() as f64 / uuids.len() as f64;
            assert!((0.45..0.55).contains(&share), "bit {bit}: {share}");
        }
    }

    #[test]
    fn every_digit_is_written_where_it_belongs() {
        for digit in 0..32 {
            for value in 0..16_u128 {
                let uuid = Uuid::from_u128(value << (4 * digit));
                assert_eq!(text(uuid), uuid.hyphenated().to_string().as_bytes());
            }
        }
    }
}
