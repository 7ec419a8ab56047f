use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use proptest::prelude::*;

use super::{
    CheckConfig, HealthConfig, Lifecycle, LifecycleConfig, Phase, Standing,
    state::{Course, Step},
    streak::Streak,
};
use crate::{common::clock, observe::Emitter};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_check_changes_its_mind_after_enough_readings_in_a_row() {
    // rise, fall, readings (+ passed, - failed), standings after each (? P F)
    let table = [
        (2, 3, "+", "P"),
        (2, 3, "-", "F"),
        (2, 3, "+--+--+", "PPPPPPP"),
        (2, 3, "+---", "PPPF"),
        (2, 3, "-+-++", "FFFFP"),
        (2, 3, "+-+-+-+-+-", "PPPPPPPPPP"),
        (2, 3, "-+-+-+-+-+", "FFFFFFFFFF"),
        (1, 1, "+-+", "PFP"),
    ];
    for (rise, fall, readings, expected) in table {
        let mut streak = Streak::default();
        let standings: String = readings
            .chars()
            .map(|reading| {
                let before = streak.standing;
                let changed = streak.record(reading == '+', rise, fall);
                assert_eq!(changed, streak.standing != before, "{readings}");
                match streak.standing {
                    Standing::Unknown => '?',
                    Standing::Passing => 'P',
                    Standing::Failing => 'F',
                }
            })
            .collect();
        assert_eq!(standings, expected, "rise {rise}, fall {fall}: {readings}");
    }
}

proptest! {
    /// The model keeps all readings and looks at the last few.
    #[test]
    fn rise_and_fall_agree_with_a_model_that_remembers_everything(
        readings in proptest::collection::vec(any::<bool>(), 1..2000),
        rise in 1_u32..6,
        fall in 1_u32..6,
    ) {
        let mut streak = Streak::default();
        let mut model = readings[0];
        for n in 0..readings.len() {
            streak.record(readings[n], rise, fall);
            let needed = if model { fall } else { rise } as usize;
            let last = &readings[..=n];
            let against = last.iter().rev().take_while(|passed| **passed != model).count();
            if against >= needed {
                model = !model;
            }
            let expected = if model { Standing::Passing } else { Standing::Failing };
            prop_assert_eq!(streak.standing, expected);
        }
    }
}

#[test]
fn a_stop_drains_then_closes_then_forces() {
    let now = clock::now();
    let mut course = Course::new(LifecycleConfig::default());
    assert_eq!(course.wake_at(), None);
    assert_eq!(
        course.tick(now + secs(1000)),
        None,
        "nobody told it to stop"
    );
    course.ready();
    let told = course.stop(now);
    let [from, to] = [Phase::Ready, Phase::Draining];
    assert_eq!(told, Some(Step { from, to }));
    assert_eq!(course.stop(now + secs(3)), None, "told once");
    assert_eq!(course.tick(now + secs(4)), None);
    let closing = course.tick(now + secs(5)).map(|step| step.to);
    assert_eq!(closing, Some(Phase::Closing));
    assert_eq!(course.tick(now + secs(24)), None);
    let forced = course.tick(now + secs(25)).map(|step| step.to);
    assert_eq!(forced, Some(Phase::Forced));
    assert_eq!(course.wake_at(), None);
}

#[test]
fn a_lifecycle_never_goes_back() {
    let now = clock::now();
    let mut course = Course::new(LifecycleConfig::default());
    assert!(course.stop(now).is_some(), "while starting");
    assert_eq!(course.ready(), None);
    assert!(course.force(now).is_some());
    assert_eq!(course.stop(now), None);
    assert_eq!(course.phase, Phase::Forced);
}

#[test]
fn jitter_moves_a_run_by_its_share_and_no_more() {
    let config = CheckConfig::default();
    assert_eq!(config.wait(0.0), secs(9));
    assert_eq!(config.wait(0.5), secs(10));
    assert_eq!(config.wait(1.0), secs(11));
}

#[test]
fn a_configuration_that_cannot_work_names_the_field() {
    type Break = fn(&mut HealthConfig);
    let table: [(Break, &str); 8] = [
        (|c| c.paths.ready = "readyz".into(), "paths.ready"),
        (|c| c.paths.health = "/livez".into(), "paths.health"),
        (|c| c.check.interval = Duration::ZERO, "check.interval"),
        (|c| c.check.timeout = Duration::ZERO, "check.timeout"),
        (|c| c.check.jitter = 1.5, "check.jitter"),
        (|c| c.check.fall = 0, "check.fall"),
        (
            |c| c.lifecycle.drain_delay = secs(25),
            "lifecycle.drain_delay",
        ),
        (
            |c| {
                let broken = CheckConfig {
                    rise: 0,
                    ..CheckConfig::default()
                };
                c.checks.insert("db".into(), broken);
            },
            "check.rise",
        ),
    ];
    for (break_it, field) in table {
        let mut config = HealthConfig::default();
        break_it(&mut config);
        assert_eq!(config.check().unwrap_err().field(), field);
    }
    let mut off = HealthConfig::default();
    off.paths.health = String::new();
    off.paths.startup = String::new();
    assert_eq!(off.check(), Ok(()), "an empty path is off, however many");
}

#[test]
fn a_configuration_is_plain_data() {
    let json = r#"{
        "service_id": "orders",
        "check": { "interval": "5s" },
        "checks": { "database": { "timeout": "250ms", "fall": 5 } },
        "lifecycle": { "drain_delay": "0s" }
    }"#;
    let config: HealthConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.check().map(|()| config.check.interval), Ok(secs(5)));
    assert_eq!(config.check_named("cache").interval, secs(5));
    assert_eq!(config.check_named("database").fall, 5);
    assert_eq!(config.lifecycle.deadline, secs(25));
    let written = serde_json::to_string(&config).unwrap();
    let read: HealthConfig = serde_json::from_str(&written).unwrap();
    assert_eq!(read, config);
    assert!(serde_json::from_str::<HealthConfig>(r#"{"cheque": {}}"#).is_err());
}

fn lifecycle() -> Lifecycle {
    Lifecycle::new(LifecycleConfig::default(), Emitter::new("health"))
}

#[test]
fn a_phase_is_a_word_and_a_level() {
    let told = [
        Phase::Ready,
        Phase::Starting,
        Phase::Draining,
        Phase::Closing,
        Phase::Forced,
    ]
    .map(|phase| (phase.as_str(), phase.level()));
    let expected = [
        ("ready", 0),
        ("starting", 1),
        ("draining", 2),
        ("closing", 3),
        ("forced", 4),
    ];
    assert_eq!(told, expected);
}

#[test]
fn who_is_forced_at_once_was_told_to_stop_then() {
    let now = clock::now();
    let mut course = Course::new(LifecycleConfig::default());
    course.force(now);
    assert_eq!(course.stopping_since, Some(now));
    assert_eq!(course.wake_at(), None, "nothing comes after it");
    course.stop(now + secs(1));
    assert_eq!(course.stopping_since, Some(now));
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_until_they_end_and_those_that_end_late_by_themselves() {
    let lifecycle = lifecycle();
    lifecycle.ready();
    let counts = || (lifecycle.in_flight(), lifecycle.finished());
    let calls = [(); 3].map(|()| lifecycle.track());
    assert_eq!(counts(), (3, 0));
    let [first, second, third] = calls;
    drop(first);
    assert!(!second.is_stopping());
    assert_eq!(counts(), (2, 0), "before the stop nobody asks");
    lifecycle.stop();
    assert!(second.is_stopping());
    drop(second);
    assert_eq!(counts(), (1, 1));
    drop(third);
    assert_eq!(counts(), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_the_last_call_ends_with_it_and_not_before() {
    let lifecycle = lifecycle();
    let mut waker = Watched(Arc::default());
    let mut idle = std::pin::pin!(lifecycle.idle());
    assert!(!waker.polls(idle.as_mut()), "nobody told it to stop");
    let [one, other] = [(); 2].map(|()| lifecycle.track());
    lifecycle.ready();
    assert!(!waker.was_woken());
    lifecycle.stop();
    assert!(waker.was_woken());
    assert!(!waker.polls(idle.as_mut()), "two are in flight");
    drop(one);
    assert!(!waker.was_woken(), "one still is");
    assert!(!waker.polls(idle.as_mut()));
    drop(other);
    assert!(waker.was_woken() && waker.polls(idle.as_mut()));
    // And at once where there is nothing to wait for.
    lifecycle.idle().await;
}

/// Polls, and remembers whether it was woken since.
struct Watched(Arc<Woken>);

#[derive(Default)]
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl Watched {
    /// Whether it is ready.
    fn polls(&mut self, future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let waker = self.0.clone().into();
        self.0.0.store(false, SeqCst);
        let cx = &mut std::task::Context::from_waker(&waker);
        future.poll(cx).is_ready()
    }

    fn was_woken(&self) -> bool {
        self.0.0.load(SeqCst)
    }
}
