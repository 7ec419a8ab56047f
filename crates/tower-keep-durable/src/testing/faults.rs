use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use super::faulty_delivery::FaultyEnd;
use crate::{
    Bus, Event,
    bus::{Backend, Boxed, BusError, Delivery, Source, Subscription, Types},
};

/// How often a bus does what a bus may do, in parts of a hundred. The same seed and the same calls
/// give the same faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Where the dice start.
    pub seed: u64,
    /// A call fails, before or after it has had its effect.
    pub fail: u8,
    /// An event is stored once more, somewhere behind itself.
    pub duplicate: u8,
    /// A delivery is put back with a short delay before anyone sees it.
    pub refuse: u8,
    /// A delivery is lost on its way and comes again when the bus finds out.
    pub lose: u8,
    /// A delivery is held up.
    pub delay: u8,
    /// How long at most, for whatever is late: 20 ms.
    pub late: Duration,
}

impl Faults {
    /// A tenth of everything goes wrong.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            fail: 10,
            duplicate: 10,
            refuse: 10,
            lose: 5,
            delay: 10,
            late: Duration::from_millis(20),
        }
    }
}

impl Bus {
    /// The same bus with faults: events of different keys are stored in another order, some twice,
    /// and calls fail. The order of a key stays, and nothing is lost: that is what a bus promises.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self::new(Faulty {
            bus: self,
            dice: Dice {
                random: Arc::new(Mutex::new(fastrand::Rng::with_seed(faults.seed))),
                faults: Arc::new(faults),
            },
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Dice {
    random: Arc<Mutex<fastrand::Rng>>,
    pub(super) faults: Arc<Faults>,
}

impl Dice {
    pub(super) fn fall(&self, percent: u8) -> bool {
        self.below(100) < usize::from(percent)
    }

    fn below(&self, end: usize) -> usize {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.usize(..end.max(1))
    }

    fn late(&self) -> Duration {
        self.faults.late * u32::try_from(self.below(100)).unwrap_or_default() / 100
    }

    /// The events in another order and some twice, each key still in order.
    fn shuffle(&self, events: &[Event]) -> Vec<Event> {
        let mut keys: BTreeMap<&str, VecDeque<&Event>> = BTreeMap::new();
        for event in events {
            let key = event.key().unwrap_or_else(|| event.id());
            keys.entry(key).or_default().push_back(event);
        }
        for events in keys.values_mut() {
            for at in 0..events.len() {
                if self.fall(self.faults.duplicate) {
                    let event = events[at];
                    let behind = at + 1 + self.below(events.len() - at);
                    events.insert(behind, event);
                }
            }
        }
        let mut shuffled = Vec::new();
        let mut keys: Vec<_> = keys.into_values().collect();
        while !keys.is_empty() {
            let at = self.below(keys.len());
            match keys[at].pop_front() {
                Some(event) => shuffled.push(event.clone()),
                None => drop(keys.swap_remove(at)),
            }
        }
        shuffled
    }
}

pub(super) fn broken(what: &str) -> BusError {
    BusError::unavailable(format!("injected: {what}"))
}

#[derive(Debug)]
struct Faulty {
    bus: Bus,
    dice: Dice,
}

impl Backend for Faulty {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async move {
            let fail = self.dice.faults.fail;
            if self.dice.fall(fail / 2) {
                return Err(broken("not sent"));
            }
            let mut shuffled = self.dice.shuffle(events);
            let breaks = self.dice.fall(fail.div_ceil(2));
            if breaks {
                shuffled.truncate(self.dice.below(shuffled.len() + 1));
            }
            self.bus.publish(&shuffled).await?;
            if breaks {
                return Err(broken("no answer"));
            }
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async move {
            if self.dice.fall(self.dice.faults.fail) {
                return Err(broken("no connection"));
            }
            let subscription = self.bus.subscribe(group, types).await?;
            let dice = self.dice.clone();
            Ok(Box::new(FaultySource { subscription, dice }) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(self.bus.ping())
    }
}

struct FaultySource {
    subscription: Subscription,
    dice: Dice,
}

impl Source for FaultySource {
    fn next(&mut self) -> Boxed<'_, Result<Delivery, BusError>> {
        Box::pin(async {
            let faults = Arc::clone(&self.dice.faults);
            loop {
                if self.dice.fall(faults.fail) {
                    return Err(broken("connection lost"));
                }
                let delivery = self.subscription.next().await?;
                if self.dice.fall(faults.refuse) {
                    delivery.nack(self.dice.late()).await?;
                } else if self.dice.fall(faults.lose) {
                    drop(delivery);
                } else {
                    if self.dice.fall(faults.delay) {
                        sleep(self.dice.late()).await;
                    }
                    return Ok(FaultyEnd::around(delivery, self.dice.clone()));
                }
            }
        })
    }
}

impl fmt::Debug for FaultySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultySource").finish_non_exhaustive()
    }
}
