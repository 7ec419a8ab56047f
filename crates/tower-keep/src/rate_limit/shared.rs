use std::{fmt, sync::Arc, task::Waker};

use super::{
    Counts, RateLimitConfig,
    bucket::Bucket,
    config::MAX_LIMITS,
    learn::Learnt,
    line::{Line, Words},
    state::{self, Pace},
};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Relaxed, Release},
        clock,
        sync::{self, Mutex, MutexGuard, RwLock},
    },
    config::Enforce,
    observe::Emitter,
};

pub(super) use clock::nanos_now as now;

/// What all clones of a layer share.
pub(super) struct Shared {
    /// The interval of the first limit if there is nothing else to look at, 0 if there is: it lets the
    /// usual call do one compare-and-swap and no more. Stored and loaded as [`Bucket`] says.
    pub(super) quick: AtomicU64,
    pub(super) buckets: [Bucket; MAX_LIMITS],
    /// Whether the usual call that finds no permit is turned away at once. Relaxed as below.
    turns_away: AtomicBool,
    /// How many of them count; copies of what calls need of `config`. Each is read on its own and pairs
    /// with nothing, so relaxed: a call that arrives during an update goes by the old or the new value.
    limits: AtomicUsize,
    flags: AtomicU8,
    enforce: AtomicU8,
    /// A bit for each limit that counts calls.
    counts_calls: AtomicU8,
    max_wait: AtomicU64,
    warm_up: AtomicU64,
    /// When the warming up began; 0 before the first call. Relaxed as above.
    warm_from: AtomicU64,
    /// Statistics; relaxed, they order nothing.
    pub(super) refused: AtomicU64,
    /// Who waits. Whoever changes a pace, or takes something back, holds this lock.
    line: Mutex<Line>,
    pub(super) learnt: Mutex<Learnt>,
    config: RwLock<RateLimitConfig>,
    pub(super) emitter: Emitter,
}

/// What of a configuration makes calls do more than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const ENABLED: u8 = 1;
    pub(super) const HINTS: u8 = 1 << 1;
    pub(super) const LEARN: u8 = 1 << 2;
    pub(super) const REFUND: u8 = 1 << 3;
    pub(super) const HEADERS: u8 = 1 << 4;

    /// None of them while the layer is switched off.
    fn of(config: &RateLimitConfig) -> Self {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        if !config.enabled {
            return Self(0);
        }
        Self(
            Self::ENABLED
                | bit(config.follow_hints, Self::HINTS)
                | bit(config.learn.is_some(), Self::LEARN)
                | bit(config.refund_refused, Self::REFUND)
                | bit(config.headers, Self::HEADERS),
        )
    }

    pub(super) fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Whether answers matter.
    pub(super) fn attend(self) -> bool {
        self.0 & !Self::ENABLED != 0
    }
}

impl Shared {
    pub(super) fn new(config: RateLimitConfig, emitter: Emitter) -> Arc<Self> {
        let shared = Self {
            quick: AtomicU64::new(0),
            buckets: Default::default(),
            turns_away: AtomicBool::new(false),
            limits: AtomicUsize::new(0),
            flags: AtomicU8::new(0),
            enforce: AtomicU8::new(100),
            counts_calls: AtomicU8::new(0),
            max_wait: AtomicU64::new(0),
            warm_up: AtomicU64::new(0),
            warm_from: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            line: Mutex::default(),
            learnt: Mutex::new(Learnt::NOTHING),
            config: RwLock::new(config.clone()),
            emitter,
        };
        shared.configure(config);
        Arc::new(shared)
    }

    pub(super) fn config(&self) -> RateLimitConfig {
        let config = sync::read(&self.config);
        config.clone()
    }

    #[inline]
    pub(super) fn flags(&self) -> Flags {
        Flags(self.flags.load(Relaxed))
    }

    #[inline]
    pub(super) fn is_off(&self) -> bool {
        !self.flags().has(Flags::ENABLED)
    }

    pub(super) fn enforce(&self) -> Enforce {
        Enforce::percent(self.enforce.load(Relaxed))
    }

    pub(super) fn turns_away(&self) -> bool {
        self.turns_away.load(Relaxed)
    }

    pub(super) fn max_wait(&self) -> u64 {
        self.max_wait.load(Relaxed)
    }

    pub(super) fn line(&self) -> MutexGuard<'_, Line> {
        sync::lock(&self.line)
    }

    /// Takes over a checked configuration. Permits are kept, and those who wait are booked again.
    pub(super) fn configure(&self, config: RateLimitConfig) {
        let flags = Flags::of(&config);
        let calls = config.limits.iter().enumerate();
        let calls = calls.filter(|(_, limit)| limit.counts == Counts::Calls);
        let calls = calls.fold(0, |bits, (at, _)| bits | 1 << at);
        let warm_up = config.warm_up.map_or(0, clock::whole_nanos);

        let mut line = self.line();
        self.flags.store(flags.0, Relaxed);
        self.enforce.store(config.enforce.as_percent(), Relaxed);
        self.counts_calls.store(calls, Relaxed);
        self.max_wait
            .store(clock::whole_nanos(config.max_wait), Relaxed);
        let turns_away = config.max_wait.is_zero() && config.enforce == Enforce::ALL;
        self.turns_away.store(turns_away, Relaxed);
        let old = std::mem::replace(&mut *sync::write(&self.config), config.clone());
        if config.learn.is_none() {
            *sync::lock(&self.learnt) = Learnt::NOTHING;
        }
        if old.warm_up != config.warm_up || self.limits.load(Relaxed) == 0 {
            self.warm_up.store(warm_up, Relaxed);
        }
        let woken = self.repace(&mut line, &old, &config);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Gives every bucket the pace that follows from configuration and what was learnt.
    pub(super) fn repace(
        &self,
        line: &mut Line,
        old: &RateLimitConfig,
        new: &RateLimitConfig,
    ) -> Vec<Waker> {
        let now = now();
        let share = new.share * sync::lock(&self.learnt).share;
        let (words, paces) = self.load();
        let had = self.limits.load(Relaxed);
        let kept = |at: usize| {
            at < had
                && old.limits.get(at).map(|limit| &limit.name)
                    == new.limits.get(at).map(|limit| &limit.name)
        };
        let mut next = paces;
        for (at, limit) in new.limits.iter().enumerate() {
            // Steps go on from the last one, unless they begin now. Counted from further back, steps of
            // another length would come at any time, and with them permits before their period is over.
            let anchor = if kept(at) && paces[at].step > 0 {
                paces[at].grown(now)
            } else {
                now
            };
            next[at] = limit.rate.pace(share, anchor);
        }
        let limits = new.limits.len();
        let convert = |at: usize, word: u64| match kept(at) {
            true => paces[at].convert(&next[at], word, now),
            false => 0,
        };
        let scale = |at: usize, time: u64| match kept(at) {
            true => {
                let scaled = u128::from(time) * u128::from(next[at].interval)
                    / u128::from(paces[at].interval);
                u64::try_from(scaled).unwrap_or(1 << 55)
            }
            false => 0,
        };
        self.quick.store(0, Release);
        let old_tail = line.tail();
        let (tail, woken) = if line.is_empty() {
            (words, Vec::new())
        } else {
            line.convert(convert, scale);
            self.rebook(line, &next[..limits], now)
        };
        for at in 0..limits {
            self.buckets[at].repace(next[at], |word| {
                if line.is_empty() {
                    convert(at, word)
                } else {
                    tail[at] + scale(at, word.saturating_sub(old_tail[at]))
                }
            });
        }
        self.limits.store(limits, Relaxed);
        self.set_quick(&next[0], new);
        woken
    }

    fn set_quick(&self, first: &Pace, config: &RateLimitConfig) {
        let usual = self.flags().0 == Flags::ENABLED
            && config.limits.len() == 1
            && first.step == 0
            && self.warm_up.load(Relaxed) == 0;
        let interval = if usual { first.interval } else { 0 };
        self.quick.store(interval, Release);
    }

    /// The words and paces of all limits; those that do not count are full.
    pub(super) fn load(&self) -> (Words, [Pace; MAX_LIMITS]) {
        let loaded = self.buckets.each_ref().map(Bucket::load);
        (loaded.map(|one| one.0), loaded.map(|one| one.1))
    }

    /// The same while nothing changes, and how many wait.
    pub(super) fn look(&self) -> (Words, [Pace; MAX_LIMITS], usize) {
        let line = self.line();
        let (words, paces) = self.load();
        (words, paces, line.len())
    }

    pub(super) fn limits(&self) -> usize {
        self.limits.load(Relaxed)
    }

    /// What a call of this cost takes from each limit.
    pub(super) fn costs(&self, cost: u64) -> Words {
        let calls = self.counts_calls.load(Relaxed);
        std::array::from_fn(|at| if calls & 1 << at == 0 { cost } else { 1 })
    }

    /// Changes what is booked for good, and books those who wait again. Returns whom to wake.
    pub(super) fn adjust(
        &self,
        line: &mut Line,
        now: u64,
        change: impl FnOnce(&mut Words, &[Pace]),
    ) -> Vec<Waker> {
        let (words, paces) = self.load();
        let paces = &paces[..self.limits()];
        let (next, woken) = if line.is_empty() {
            let mut next = words;
            change(&mut next, paces);
            (next, Vec::new())
        } else {
            let beyond = line.beyond(&words);
            line.rebase(|base| change(base, paces));
            let (tail, woken) = self.rebook(line, paces, now);
            (sum(tail, beyond), woken)
        };
        self.shift(&words, &next);
        woken
    }

    /// Takes one out of the line who has not started. Returns whom to wake.
    pub(super) fn unbook(&self, line: &mut Line, id: u64) -> Vec<Waker> {
        let (words, paces) = self.load();
        let beyond = line.beyond(&words);
        let Some(left) = line.leave(id) else {
            return Vec::new();
        };
        let (tail, woken) = self.rebook(line, &paces[..self.limits()], now());
        self.shift(&words, &sum(tail, sum(beyond, left)));
        woken
    }

    /// Books those who wait again; nobody waits on while the layer is switched off.
    fn rebook(&self, line: &mut Line, paces: &[Pace], now: u64) -> (Words, Vec<Waker>) {
        let (tail, mut woken) = line.rebook(paces, now);
        if !self.flags().has(Flags::ENABLED) {
            woken.extend(line.release(now));
        }
        (tail, woken)
    }

    /// What each bucket has given back in all.
    pub(super) fn given(&self) -> Words {
        std::array::from_fn(|at| self.buckets.get(at).map_or(0, Bucket::given))
    }

    /// Moves every word by the difference: calls may have taken permits meanwhile.
    fn shift(&self, from: &Words, to: &Words) {
        for (bucket, (from, to)) in self.buckets[..self.limits()]
            .iter()
            .zip(from.iter().zip(to))
        {
            match to.checked_sub(*from) {
                Some(later) => bucket.change(|word| word + later),
                None => bucket.lower(from - to),
            }
        }
    }

    /// How many times its usual price a call costs now.
    pub(super) fn factor(&self, now: u64) -> f64 {
        let warm_up = self.warm_up.load(Relaxed);
        if warm_up == 0 {
            return 1.0;
        }
        let started = match self.warm_from.compare_exchange(0, now, Relaxed, Relaxed) {
            Ok(_) => now,
            Err(started) => started,
        };
        state::warming(started, now, warm_up).unwrap_or_else(|| {
            let _line = self.line();
            // Unless it has begun again meanwhile.
            if self.warm_from.load(Relaxed) == started {
                self.warm_up.store(0, Relaxed);
                self.set_quick(&self.buckets[0].load().1, &self.config());
            }
            1.0
        })
    }

    /// Begins to warm up again.
    pub(super) fn warm_up(&self) {
        let _line = self.line();
        let config = self.config();
        let warm_up = config.warm_up.map_or(0, clock::whole_nanos);
        self.warm_from.store(0, Relaxed);
        self.warm_up.store(warm_up, Relaxed);
        self.set_quick(&self.buckets[0].load().1, &config);
    }

    /// The part of the rate that was learnt.
    pub(super) fn learnt(&self) -> f64 {
        sync::lock(&self.learnt).share
    }

    /// Whether nobody waits, every bucket is full and nothing was learnt: nothing is lost if it is thrown
    /// away.
    pub(super) fn is_idle(&self) -> bool {
        if self.learnt() < 1.0 {
            return false;
        }
        let line = self.line();
        let (words, paces) = self.load();
        let now = now();
        let full = (0..self.limits()).all(|at| paces[at].is_full(words[at], now));
        line.is_empty() && full
    }
}

fn sum(words: Words, more: Words) -> Words {
    std::array::from_fn(|at| words[at] + more[at])
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
