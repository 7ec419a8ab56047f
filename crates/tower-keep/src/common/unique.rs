//! New UUIDs, and their text, with no system call, no lock and hardly an allocation for each.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    time::SystemTime,
};

use bytes::{Bytes, BytesMut};
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

/// Its text, with dashes, in memory that is shared with other texts.
///
/// A block holds the texts of one thread one after the other, and is used again once all of them are gone;
/// a text that is kept for long keeps its block, about a kilobyte.
pub(crate) fn text(uuid: Uuid) -> Bytes {
    const BLOCK: usize = 28 * Hyphenated::LENGTH;
    thread_local! {
        static REST: Cell<Option<BytesMut>> = const { Cell::new(None) };
    }
    let text = write(uuid);
    // A thread that is being torn down has no block any more.
    let mut rest = REST.try_with(Cell::take).ok().flatten().unwrap_or_default();
    if rest.capacity() < text.len() {
        rest.reserve(BLOCK);
    }
    rest.extend_from_slice(&text);
    let text = rest.split();
    let _ = REST.try_with(|place| place.set(Some(rest)));
    text.freeze()
}

/// The text: 32 digits and 4 dashes.
fn write(uuid: Uuid) -> [u8; Hyphenated::LENGTH] {
    /// Where the digits of each byte are.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; Hyphenated::LENGTH];
    for (byte, place) in uuid.as_bytes().iter().zip(PLACES) {
        [text[place], text[place + 1]] = DIGITS[usize::from(*byte)];
    }
    text
}

/// The two digits of every byte.
pub(crate) static DIGITS: [[u8; 2]; 256] = {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        digits[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    digits
};

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
    fn texts_stay_what_they_are_while_others_are_made() {
        let uuids: Vec<_> = (0..100).map(|_| uuid()).collect();
        let texts: Vec<_> = uuids.iter().map(|uuid| text(*uuid)).collect();
        for (text, uuid) in texts.iter().zip(uuids) {
            assert_eq!(text, uuid.hyphenated().to_string().as_bytes());
        }
    }
}
