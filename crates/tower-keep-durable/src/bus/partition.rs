use crate::Event;

/// Which of `partitions` an event travels in, from 0: its key decides, or its id if it has none.
///
/// FNV-1a, the same in every release and process, since those share what is stored.
#[must_use]
pub fn partition_of(event: &Event, partitions: u32) -> u32 {
    let key = event.key().unwrap_or_else(|| event.id());
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Folded: the low bits alone are weak for short keys that differ in the last letter.
    let folded = hash ^ (hash >> 32);
    u32::try_from(folded % u64::from(partitions.max(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(key: &str) -> Event {
        Event::new("/t", "t", json!(null)).keyed(key)
    }

    #[test]
    fn it_never_changes() {
        // What is stored depends on it: never change these numbers.
        let found = ["", "a", "order-7", "Zürich"].map(|key| partition_of(&event(key), 16));
        assert_eq!(found, [1, 0, 4, 9]);
        assert_eq!(partition_of(&event("a"), 0), 0);
    }

    #[test]
    fn keys_spread() {
        let mut counts = [0; 16];
        for n in 0..1600 {
            counts[partition_of(&event(&format!("order-{n}")), 16) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (60..140).contains(count)),
            "{counts:?}"
        );
    }
}
