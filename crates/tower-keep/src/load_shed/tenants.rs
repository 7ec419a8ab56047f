//! Who has used how much of the places lately: a table of fixed size, without a lock.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU64,
    sync::LazyLock,
    time::Duration,
};

use super::{LoadShedConfig, seen::Level};
use crate::common::{
    atomic::{AtomicU64, Relaxed},
    clock::whole_nanos,
};

/// Somebody who shares the service with others: a customer, a user, an address.
///
/// What it is made from is not kept, only a number that stands for it in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(NonZeroU64);

impl Tenant {
    /// The tenant that `key` stands for: a name, a header's bytes, an address.
    #[must_use]
    pub fn of(key: impl Hash) -> Self {
        // Seeded by the system, so that nobody can choose a key to be taken for somebody else.
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(NonZeroU64::new(SEED.hash_one(key)).unwrap_or(NonZeroU64::MAX))
    }
}

/// How long each tenant has held places, the older half of it forgotten every half-life.
///
/// A tenant has one of [`WAYS`] places in the table, found by its number. Where they are taken, it
/// takes that of the one who has used least. So the heavy ones are known whoever else comes, and
/// millions of tenants take no more room than a few.
///
/// All access is relaxed: the words are statistics of their own and publish nothing. When two change a
/// place at one moment, what one adds may be counted for the other.
pub(super) struct Tenants {
    slots: Box<[Slot]>,
    /// In nanoseconds.
    half_life: AtomicU64,
}

#[derive(Default)]
struct Slot {
    /// The tenant's number, 0 if there is none.
    tenant: AtomicU64,
    /// [`Usage`], packed.
    usage: AtomicU64,
}

/// So much held time, in microseconds, as of this tick.
#[derive(Clone, Copy)]
struct Usage {
    tick: u64,
    micros: u64,
}

impl Usage {
    fn unpack(word: u64) -> Self {
        Self {
            tick: word >> MICROS_BITS,
            micros: word & MOST_MICROS,
        }
    }

    fn pack(self) -> u64 {
        (self.tick % TICKS) << MICROS_BITS | self.micros.min(MOST_MICROS)
    }

    /// What is left of it at a later tick.
    fn at(self, tick: u64) -> Self {
        let age = tick.wrapping_sub(self.tick) % TICKS;
        // Ahead of us is a straggler's neighbour, not somebody from long ago.
        let age = if age > TICKS - STRAGGLER { 0 } else { age };
        let left = (-(age as f64) / PER_HALF_LIFE as f64).exp2();
        Self {
            tick: tick % TICKS,
            micros: (self.micros as f64 * left) as u64,
        }
    }
}

impl Tenants {
    pub(super) fn new(config: &LoadShedConfig) -> Self {
        let slots = config.max_tenants.div_ceil(WAYS) * WAYS;
        Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            half_life: AtomicU64::new(whole_nanos(config.tenant_half_life)),
        }
    }

    pub(super) fn configure(&self, config: &LoadShedConfig) {
        let half_life = whole_nanos(config.tenant_half_life);
        self.half_life.store(half_life, Relaxed);
    }

    fn tick(&self, now: Duration) -> u64 {
        let half_life = Duration::from_nanos(self.half_life.load(Relaxed));
        let tick = (half_life / PER_HALF_LIFE).max(Duration::from_millis(1));
        (now.as_millis() / tick.as_millis()) as u64
    }

    /// The step of a tenant in its priority: 31 for the light, less for every doubling of what it has
    /// used.
    pub(super) fn step(&self, tenant: Tenant, now: Duration) -> u8 {
        let found = self.find(tenant);
        let used = found.map_or(0, |slot| slot.usage_at(self.tick(now)).micros);
        step_of(used)
    }

    /// A tenant has held a place for so long.
    pub(super) fn add(&self, tenant: Tenant, held: Duration, now: Duration) {
        let tick = self.tick(now);
        let held = u64::try_from(held.as_micros()).unwrap_or(MOST_MICROS);
        let Some(slot) = self.find(tenant).or_else(|| self.take(tenant, tick)) else {
            return;
        };
        let _ = slot.usage.fetch_update(Relaxed, Relaxed, |word| {
            let usage = Usage::unpack(word).at(tick);
            let micros = usage.micros.saturating_add(held);
            Some(Usage { micros, ..usage }.pack())
        });
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        let taken = |slot: &&Slot| slot.tenant.load(Relaxed) != 0;
        self.slots.iter().filter(taken).count()
    }

    fn ways(&self, tenant: Tenant) -> &[Slot] {
        let sets = (self.slots.len() / WAYS) as u64;
        let set = (tenant.0.get() % sets) as usize;
        &self.slots[set * WAYS..][..WAYS]
    }

    fn find(&self, tenant: Tenant) -> Option<&Slot> {
        let number = tenant.0.get();
        let ways = self.ways(tenant).iter();
        ways.clone()
            .find(|slot| slot.tenant.load(Relaxed) == number)
    }

    /// Takes the place of the lightest. `None` if somebody else was faster: this once does not count.
    fn take(&self, tenant: Tenant, tick: u64) -> Option<&Slot> {
        let lightest =
            self.ways(tenant)
                .iter()
                .min_by_key(|slot| match slot.tenant.load(Relaxed) {
                    0 => None,
                    _ => Some(slot.usage_at(tick).micros),
                })?;
        let before = lightest.tenant.load(Relaxed);
        lightest
            .tenant
            .compare_exchange(before, tenant.0.get(), Relaxed, Relaxed)
            .ok()?;
        lightest.usage.store(0, Relaxed);
        Some(lightest)
    }
}

impl Slot {
    fn usage_at(&self, tick: u64) -> Usage {
        Usage::unpack(self.usage.load(Relaxed)).at(tick)
    }
}

/// Less than 64 µs is as good as nothing; 38 hours are as much as can be.
fn step_of(micros: u64) -> u8 {
    let doublings = u64::BITS - (micros >> 6).leading_zeros();
    let most = u32::from(Level::STEPS - 1);
    (most - doublings.min(most)) as u8
}

const WAYS: usize = 8;
const PER_HALF_LIFE: u32 = 8;
const MICROS_BITS: u32 = 40;
/// 12 days.
const MOST_MICROS: u64 = (1 << MICROS_BITS) - 1;
/// How many ticks there are before they come round again: half a year of the default's.
const TICKS: u64 = 1 << (u64::BITS - MICROS_BITS);
const STRAGGLER: u64 = 1024;
