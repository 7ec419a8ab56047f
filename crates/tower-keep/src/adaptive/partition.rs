use std::collections::BTreeMap;

use serde::Serialize;

use crate::common::{
    atomic::{AcqRel, Acquire, AtomicU8, AtomicU32, AtomicU64, Relaxed},
    permits::{Counts, Queue},
};

/// The part of a limit that a call belongs to, if any.
pub(super) type Tag = Option<usize>;

/// Parts of a limit, each with a share that nobody else can keep from it.
///
/// Whatever a partition does not use is anybody's. If it wants its share back while others have it, it
/// gets it at once: the calls in flight are above the limit then, until one of the others ends.
pub(super) struct Partitions(Box<[Partition]>);

struct Partition {
    name: Box<str>,
    /// Of the limit.
    percent: AtomicU8,
    /// The same in places. Both are read on their own and pair with nothing.
    share: AtomicU32,
    /// [`Counts`], packed. Acquire-release, as those of the places, and changed before them when a call
    /// leaves and after them when one comes, so that a place is never thought free that is not.
    counts: AtomicU64,
}

/// A part of the limit at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionSnapshot {
    /// Its name.
    pub name: String,
    /// The places that are its own.
    pub share: usize,
    /// Its calls in flight.
    pub in_flight: usize,
    /// Its calls that wait.
    pub waiting: usize,
}

impl Partition {
    fn share_of(&self, limit: u32) -> u32 {
        let share = u64::from(limit) * u64::from(self.percent.load(Relaxed)) / 100;
        u32::try_from(share).unwrap_or(u32::MAX).max(1)
    }
}

impl Partitions {
    pub(super) fn new(percentages: &BTreeMap<String, u8>) -> Self {
        let partition = |(name, percent): (&String, &u8)| Partition {
            name: name.as_str().into(),
            percent: AtomicU8::new(*percent),
            share: AtomicU32::new(1),
            counts: AtomicU64::new(0),
        };
        Self(percentages.iter().map(partition).collect())
    }

    pub(super) fn find(&self, name: &str) -> Tag {
        self.0.iter().position(|one| &*one.name == name)
    }

    /// Takes other percentages for the same names.
    pub(super) fn configure(&self, percentages: &BTreeMap<String, u8>) {
        for one in &self.0 {
            if let Some(percent) = percentages.get(&*one.name) {
                one.percent.store(*percent, Relaxed);
            }
        }
    }

    /// The limit has changed.
    pub(super) fn divide(&self, limit: u32) {
        for one in &self.0 {
            one.share.store(one.share_of(limit), Relaxed);
        }
    }

    /// Whether they have what they should have of this limit.
    pub(super) fn are_divided(&self, limit: u32) -> bool {
        let is = |one: &Partition| one.share.load(Relaxed) == one.share_of(limit);
        self.0.iter().all(is)
    }

    /// Takes a place of its own, if one is left and none of its calls waits for it.
    pub(super) fn claim(&self, tag: Tag) -> bool {
        self.change(tag, |one, counts| {
            let is_free = counts.waiting == 0 && counts.running < one.share.load(Relaxed);
            is_free.then(|| Counts {
                running: counts.running + 1,
                ..counts
            })
        })
    }

    /// A call has a place that is anybody's.
    pub(super) fn runs(&self, tag: Tag) {
        self.change(tag, |_, counts| {
            Some(Counts {
                running: counts.running + 1,
                ..counts
            })
        });
    }

    pub(super) fn waits(&self, tag: Tag) {
        self.change(tag, |_, counts| {
            Some(Counts {
                waiting: counts.waiting + 1,
                ..counts
            })
        });
    }

    pub(super) fn waits_no_more(&self, tag: Tag) {
        self.change(tag, |_, counts| {
            Some(Counts {
                waiting: counts.waiting - 1,
                ..counts
            })
        });
    }

    /// A call that waited runs, on a place that is anybody's.
    pub(super) fn moves_up(&self, tag: Tag) {
        self.change(tag, |_, counts| counts.promote(u32::MAX));
    }

    pub(super) fn leaves(&self, tag: Tag) {
        self.change(tag, |_, counts| {
            Some(Counts {
                running: counts.running - 1,
                ..counts
            })
        });
    }

    /// Whose turn it is: the first with a place of its own, and else the first of all if one is free.
    pub(super) fn turn(&self, queue: &Queue<Tag>, is_free: bool) -> Option<usize> {
        let own = |tag| self.change(tag, |one, counts| counts.promote(one.share.load(Relaxed)));
        if !self.0.is_empty()
            && let Some(next) = queue.position(|tag| own(*tag))
        {
            return Some(next);
        }
        let first = queue.first().filter(|_| is_free)?;
        self.moves_up(*first);
        Some(0)
    }

    pub(super) fn snapshot(&self) -> Vec<PartitionSnapshot> {
        let snapshot = |one: &Partition| {
            let counts = Counts::unpack(one.counts.load(Relaxed));
            PartitionSnapshot {
                name: one.name.to_string(),
                share: one.share.load(Relaxed) as usize,
                in_flight: counts.running as usize,
                waiting: counts.waiting as usize,
            }
        };
        self.0.iter().map(snapshot).collect()
    }

    /// Changes the counts of a partition; `false` if there is none or nothing to change.
    fn change(&self, tag: Tag, change: impl Fn(&Partition, Counts) -> Option<Counts>) -> bool {
        let Some(one) = tag.and_then(|tag| self.0.get(tag)) else {
            return false;
        };
        one.counts
            .fetch_update(AcqRel, Acquire, |word| {
                change(one, Counts::unpack(word)).map(Counts::pack)
            })
            .is_ok()
    }
}
