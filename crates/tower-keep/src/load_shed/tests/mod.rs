//! The queue, the levels and the table of tenants against what they promise.

mod parts;

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    LoadShedConfig, Reason, Tenant,
    arrival::{Admission, Call},
    overload::Overload,
    pace::Pace,
    seen::{Level, Seen},
    shared::Shared,
    state::{Caller, Queue, Terms, share_of},
    tenants::Tenants,
    wait::Wait,
};
use crate::{common::clock, context::Priority};

const TERMS: Terms = Terms {
    max_queue: 6,
    target: Duration::from_millis(5),
    interval: Duration::from_millis(100),
};

const MILLI: Duration = Duration::from_millis(1);

fn caller(level: u8, chance: f64) -> Caller {
    Caller {
        level: Level::of(level),
        chance,
        deadline: None,
    }
}

/// A step in the life of a queue.
#[derive(Clone, Debug)]
enum Step {
    Pass(u32),
    Arrive {
        level: u8,
        chance: f64,
        patience: Option<u32>,
    },
    Place,
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let arrive = (any::<u8>(), 0.0..1.0, proptest::option::of(1..300_u32)).prop_map(
        |(level, chance, patience)| Step::Arrive {
            level,
            chance,
            patience,
        },
    );
    let step = prop_oneof![
        2 => (1..60_u32).prop_map(Step::Pass),
        6 => arrive,
        2 => Just(Step::Place),
        1 => (0..8_usize).prop_map(Step::Leave),
    ];
    proptest::collection::vec(step, 1..120)
}

/// Who waits, written down in the plainest way.
#[derive(Clone, Debug)]
struct Noted {
    id: usize,
    class: usize,
    end: Instant,
    deadline: Option<Instant>,
}

struct Model {
    queue: Queue<usize>,
    noted: Vec<Noted>,
    empty_at: Instant,
    now: Instant,
    ids: usize,
}

impl Model {
    fn new(now: Instant) -> Self {
        Self {
            queue: Queue::new(),
            noted: Vec::new(),
            empty_at: now,
            now,
            ids: 0,
        }
    }

    /// Whether it is congested, which is a matter of the intervals before; but where somebody has been
    /// waiting all through the last one, it is.
    fn is_congested(&mut self) -> bool {
        self.queue.look(&TERMS, self.now);
        if self.noted.is_empty() {
            self.empty_at = self.now;
        }
        let congested = self.queue.is_congested();
        assert!(congested || self.now - self.empty_at < TERMS.interval);
        congested
    }

    fn forget(&mut self, id: usize) -> Noted {
        let at = self.noted.iter().position(|noted| noted.id == id);
        let noted = self.noted.remove(at.expect("it was in the queue, once"));
        if self.noted.is_empty() {
            self.empty_at = self.now;
        }
        noted
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Pass(millis) => self.now += MILLI * millis,
                Step::Arrive {
                    level,
                    chance,
                    patience,
                } => {
                    let deadline = patience.map(|millis| self.now + MILLI * millis);
                    let caller = Caller {
                        deadline,
                        ..caller(level, chance)
                    };
                    let _ = self.arrive(&caller);
                }
                Step::Place => self.place(),
                Step::Leave(nth) => self.leave(nth),
            }
            assert_eq!(self.queue.len(), self.noted.len());
            assert!(self.noted.len() <= TERMS.max_queue);
        }
    }

    fn arrive(&mut self, caller: &Caller) -> Result<(), Reason> {
        let congested = self.is_congested();
        self.queue.meet(caller, &TERMS, self.now);
        self.queue.may_wait(caller, &TERMS, self.now)?;
        let full = self.noted.len() == TERMS.max_queue;
        let (end, evicted) = self.queue.push(caller, self.ids, &TERMS, self.now);
        let waits = [TERMS.interval, TERMS.target].map(|wait| {
            let end = self.now + wait;
            caller.deadline.map_or(end, |at| at.min(end))
        });
        assert!(end == waits[0] || (congested && end == waits[1]));
        assert_eq!(evicted.is_some(), full);
        if let Some(evicted) = evicted {
            let least = self.noted.iter().map(|noted| noted.class).min();
            let out = self.forget(evicted);
            assert_eq!(
                Some(out.class),
                least,
                "nobody who matters more leaves for it"
            );
            assert!(out.class <= caller.level.class());
        }
        self.noted.push(Noted {
            id: self.ids,
            class: caller.level.class(),
            end,
            deadline: caller.deadline,
        });
        self.ids += 1;
        Ok(())
    }

    fn place(&mut self) {
        let congested = self.is_congested();
        let in_time = |noted: &&Noted| noted.deadline.is_none_or(|deadline| deadline > self.now);
        let in_time: Vec<_> = self.noted.iter().filter(in_time).cloned().collect();
        let most = in_time.iter().map(|noted| noted.class).max();
        let mut of_most = in_time.iter().filter(|noted| Some(noted.class) == most);
        let expected = if congested {
            of_most.next_back()
        } else {
            of_most.next()
        };
        let expected = expected.map(|noted| noted.id);
        let mut shed = Vec::new();
        let next = self.queue.next(&TERMS, self.now, &mut shed);
        assert_eq!(next, expected, "congested: {congested}");
        next.map(|id| self.forget(id));
        for (id, reason) in shed {
            let out = self.forget(id);
            match reason {
                Reason::Delay => assert!(out.end <= self.now),
                Reason::Deadline => assert!(out.deadline.is_some_and(|at| at <= self.now)),
                other => panic!("shed for {other:?}"),
            }
        }
    }

    fn leave(&mut self, nth: usize) {
        let Some(noted) = self.noted.get(nth).cloned() else {
            return;
        };
        let is_it = |id: &usize| *id == noted.id;
        let removed =
            self.queue
                .remove(noted.class, nth.is_multiple_of(2), is_it, &TERMS, self.now);
        assert_eq!(removed, Some(noted.id));
        self.forget(noted.id);
        let again = self
            .queue
            .remove(noted.class, nth.is_multiple_of(2), is_it, &TERMS, self.now);
        assert_eq!(again, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_queue_does_what_the_plain_model_does(steps in steps()) {
        Model::new(clock::now()).run(&steps);
    }

    /// The same past twice, and then one who matters less, or one who matters more.
    #[test]
    fn who_matters_more_is_let_in_wherever_one_who_matters_less_is(
        steps in steps(),
        levels in (any::<u8>(), any::<u8>()),
        chances in (0.0..1.0, 0.0..1.0),
        share in 0.0..1.0,
    ) {
        let now = clock::now();
        let [less, more] = [levels.0.min(levels.1), levels.0.max(levels.1)];
        prop_assume!(less < more);
        let [mut one, mut other] = [Model::new(now), Model::new(now)];
        one.run(&steps);
        other.run(&steps);
        // Both have come before it is decided, so that both are judged by the same past.
        let [less, more] = [caller(less, chances.0), caller(more, chances.1)];
        for model in [&mut one, &mut other] {
            for caller in [&less, &more] {
                model.queue.meet(caller, &TERMS, model.now);
            }
        }
        if one.queue.bear(&less, share, false).is_ok() {
            prop_assert_eq!(other.queue.bear(&more, share, false), Ok(()));
        }
        let (at, now) = (one.now, other.now);
        if one.queue.may_wait(&less, &TERMS, at).is_ok() {
            prop_assert_eq!(other.queue.may_wait(&more, &TERMS, now), Ok(()));
        }
    }

    #[test]
    fn a_share_of_the_recent_calls_is_shed_from_below(
        seen in proptest::collection::vec(any::<u8>(), 1..3000),
        share in 0.0..1.0,
        pairs in proptest::collection::vec((any::<u8>(), 0.0..1.0, any::<u8>(), 0.0..1.0), 20),
    ) {
        let mut levels = Seen::new();
        seen.iter().for_each(|level| levels.note(Level::of(*level)));
        for (one, chance, other, other_chance) in pairs {
            let is_shed = levels.is_in_least(share, Level::of(one), chance);
            let other_is_shed = levels.is_in_least(share, Level::of(other), other_chance);
            if one < other && other_is_shed {
                prop_assert!(is_shed, "{one} goes on, {other} does not");
            }
        }
        if seen.len() < 2048 {
            // The chances of those of one level are spread evenly.
            let (mut all, mut before) = ([0.0; 256], [0.0; 256]);
            seen.iter().for_each(|level| all[usize::from(*level)] += 1.0);
            let shed = seen.iter().filter(|level| {
                let at = usize::from(**level);
                before[at] += 1.0;
                levels.is_in_least(share, Level::of(**level), (before[at] - 1.0) / all[at])
            });
            let wanted = share * seen.len() as f64;
            prop_assert!((shed.count() as f64 - wanted).abs() <= 1.0);
        }
    }

    #[test]
    fn the_table_is_as_large_as_it_was_and_knows_the_heavy(
        strangers in proptest::collection::vec((any::<u64>(), 1..50_u64), 0..2000),
    ) {
        let config = LoadShedConfig { max_tenants: 64, ..LoadShedConfig::new(1) };
        let tenants = Tenants::new(&config);
        let heavy = Tenant::of("heavy");
        tenants.add(heavy, Duration::from_secs(60), Duration::ZERO);
        for (key, millis) in &strangers {
            tenants.add(Tenant::of(key), MILLI * *millis as u32, Duration::ZERO);
            prop_assert!(tenants.len() <= 64);
        }
        let light = Tenant::of("never seen");
        let step = |tenant| tenants.step(tenant, Duration::ZERO);
        prop_assert_eq!(step(light), Level::STEPS - 1);
        for (key, _) in &strangers {
            prop_assert!(step(heavy) < step(Tenant::of(key)));
        }
    }
}

#[test]
fn use_is_forgotten_by_half_and_adds_up() {
    let tenants = Tenants::new(&LoadShedConfig::new(1));
    let [one, two] = ["one", "two"].map(Tenant::of);
    let at = Duration::from_secs;
    assert_eq!(tenants.step(one, at(0)), 31);
    tenants.add(one, at(8), at(0));
    tenants.add(two, at(2), at(0));
    let [heavy, light] = [one, two].map(|tenant| tenants.step(tenant, at(0)));
    assert_eq!(light - heavy, 2, "four times as much is two steps");
    tenants.add(two, at(6), at(0));
    assert_eq!(tenants.step(two, at(0)), heavy);
    // Three half-lives.
    assert_eq!(tenants.step(one, at(30)), heavy + 3);
    assert_eq!(tenants.step(one, at(10_000)), 31);
    assert_eq!(tenants.len(), 2);
}

#[test]
fn a_tenth_of_a_full_table_does_not_share_a_place() {
    let config = LoadShedConfig {
        max_tenants: 1,
        ..LoadShedConfig::new(1)
    };
    let tenants = Tenants::new(&config);
    for key in 0..100_000_u32 {
        tenants.add(Tenant::of(key), MILLI, Duration::ZERO);
    }
    assert_eq!(tenants.len(), 8, "the ways of one set");
}

#[test]
fn pressure_asks_for_a_share_that_is_never_all() {
    for (pressure, share) in [
        (0.0, 0.0),
        (0.8, 0.0),
        (0.9, 0.475),
        (1.0, 0.95),
        (7.0, 0.95),
        (f64::NAN, 0.0),
    ] {
        assert!((share_of(pressure, 0.8) - share).abs() < 1e-9, "{pressure}");
    }
}

#[test]
fn a_guess_is_made_while_the_queue_moves_and_not_kept() {
    let mut pace = Pace::default();
    let start = clock::now();
    assert_eq!(pace.wait(0, start), None);
    for n in 0..10 {
        pace.started(start + MILLI * 10 * n);
    }
    let now = start + MILLI * 90;
    assert_eq!(pace.wait(0, now), Some(MILLI * 10));
    assert_eq!(pace.wait(4, now), Some(MILLI * 50));
    assert_eq!(pace.wait(0, now + MILLI * 4), Some(MILLI * 6));
    assert_eq!(pace.wait(0, now + MILLI * 600), None, "long ago");
    pace.pause();
    assert_eq!(pace.wait(0, now), None);
}

#[test]
fn a_call_that_cannot_start_before_its_deadline_does_not_wait() {
    let mut queue = Queue::new();
    let start = clock::now();
    let ordinary = Level::new(Priority::default(), 31);
    let waits = |patience: Option<Duration>, now| Caller {
        level: ordinary,
        chance: 0.5,
        deadline: patience.map(|patience| now + patience),
    };
    // One starts every 10 ms, and three more wait.
    let mut shed = Vec::new();
    for n in 0..8 {
        let now = start + MILLI * 10 * n;
        queue.push(&waits(None, now), n, &TERMS, now);
        if n >= 3 {
            queue.next(&TERMS, now, &mut shed);
        }
    }
    let now = start + MILLI * 70;
    let ask = |queue: &mut Queue<u32>, patience| {
        queue.may_wait(&waits(Some(MILLI * patience), now), &TERMS, now)
    };
    assert_eq!(ask(&mut queue, 41), Ok(()));
    assert_eq!(ask(&mut queue, 40), Err(Reason::Deadline));
    let urgent = Caller {
        level: Level::new(Priority::CRITICAL, 31),
        ..waits(Some(MILLI * 11), now)
    };
    assert_eq!(
        queue.may_wait(&urgent, &TERMS, now),
        Ok(()),
        "nobody before it"
    );
    assert!(shed.is_empty());
}

#[test]
fn a_configuration_is_checked_field_by_field() {
    let wrong = |change: fn(&mut LoadShedConfig)| {
        let mut config = LoadShedConfig::new(10);
        change(&mut config);
        config.check().unwrap_err().field()
    };
    assert_eq!(wrong(|config| config.max_concurrent = 0), "max_concurrent");
    assert_eq!(wrong(|config| config.max_queue = usize::MAX), "max_queue");
    assert_eq!(wrong(|config| config.target = Duration::ZERO), "target");
    assert_eq!(wrong(|config| config.target = MILLI * 101), "target");
    assert_eq!(wrong(|config| config.interval = Duration::MAX), "interval");
    assert_eq!(wrong(|config| config.pressure_from = 1.0), "pressure_from");
    assert_eq!(wrong(|config| config.max_tenants = 0), "max_tenants");
    assert_eq!(
        wrong(|config| config.retry_after = Duration::ZERO),
        "retry_after"
    );
    let read: LoadShedConfig = serde_json::from_str(r#"{"max_concurrent": 7}"#).unwrap();
    assert_eq!(read, LoadShedConfig::new(7));
    let text = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<LoadShedConfig>(&text).unwrap(), read);
}

#[test]
fn what_comes_too_late_is_shed_on_arrival_and_comes_back_when_it_can() {
    let start = clock::now();
    let interval = TERMS.interval;
    let mut overload = Overload::default();
    let mut now = start;
    let mut pass = |overload: &mut Overload, arrived: u32, late: u32, started: u32| {
        for n in 0..arrived {
            overload.arrived();
            overload.waited();
            if n < late {
                overload.late();
            } else if n < late + started {
                overload.started();
            }
        }
        now += interval;
        overload.look(now, interval);
        (overload.share() * 100.0).round()
    };
    assert_eq!(pass(&mut overload, 90, 60, 30), 0.0, "not begun");
    overload.begin(start + interval);
    assert!(overload.is_on());
    assert_eq!(pass(&mut overload, 90, 60, 30), 67.0);
    assert_eq!(
        pass(&mut overload, 90, 0, 30),
        60.0,
        "a little less is tried"
    );
    assert_eq!(pass(&mut overload, 90, 9, 20), 70.0);
    assert_eq!(pass(&mut overload, 90, 90, 0), 95.0, "never all");
    assert_eq!(pass(&mut overload, 0, 0, 0), 48.0, "nobody waited");
    for _ in 0..5 {
        pass(&mut overload, 0, 0, 0);
    }
    assert!(!overload.is_on() && overload.share() == 0.0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_runs_at_once_when_it_is_switched_off() {
    let config = LoadShedConfig::new(1);
    let shared = Shared::new(config.clone());
    let call = Call {
        priority: None,
        tenant: None,
        exempt: false,
    };
    let Admission::Permit(_held) = shared.arrive(&call) else {
        panic!("the first has the place");
    };
    let Admission::Wait(waiter) = shared.arrive(&call) else {
        panic!("the second waits");
    };
    let mut wait = std::pin::pin!(Wait::new(waiter));
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(wait.as_mut().poll(cx).is_pending());
    shared.configure(LoadShedConfig {
        enabled: false,
        ..config
    });
    let std::task::Poll::Ready(Ok(permit)) = wait.as_mut().poll(cx) else {
        panic!("nothing is limited any more");
    };
    assert_eq!(shared.counts().running, 2);
    drop(permit);
    assert_eq!(shared.counts().running, 1);
}
