//! The formula, and the window that it goes by.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{LAYER, ThrottleConfig, ThrottleLayer, core::Core, state::Terms};
use crate::{classify::Class, common::clock, keyed::Keyable, observe::Emitter};

fn core(config: ThrottleConfig) -> Arc<Core> {
    Core::new(config, Emitter::new(LAYER))
}

#[test]
fn the_formula_is_the_books() {
    let terms = Terms {
        k: 2.0,
        min_calls: 10,
        max_rejection: 0.9,
    };
    for (requests, accepts, wanted) in [
        (0, 0, 0.0),
        (9, 0, 0.0),
        (10, 10, 0.0),
        (10, 5, 0.0),
        (100, 49, 2.0 / 101.0),
        (100, 25, 50.0 / 101.0),
        (10, 0, 0.9),
        (1_000_000, 0, 0.9),
    ] {
        let got = terms.rejection(requests, accepts);
        assert!(
            (got - wanted).abs() < 1e-12,
            "{accepts} of {requests}: {got}"
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Call(Class),
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = prop_oneof![
        3 => Just(Class::Success),
        4 => Just(Class::Overload),
        2 => Just(Class::Failure),
        1 => Just(Class::Ignored),
    ];
    let step = prop_oneof![
        1 => (1..400_u64).prop_map(Step::Pass),
        6 => class.prop_map(Step::Call),
        3 => Just(Step::Ask),
    ];
    proptest::collection::vec(step, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Against a list of all calls with the tick each ended in.
    #[test]
    fn the_window_and_the_formula_are_those_of_a_list(
        steps in steps(),
        count_failures: bool,
        k in 1.0..4.0,
        min_calls in 0..30_usize,
    ) {
        let config = ThrottleConfig {
            k,
            min_calls,
            count_failures,
            window: Duration::from_secs(1),
            ..ThrottleConfig::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let core = core(config.clone());
            let tick = || clock::millis_now() / 100;
            let mut list: Vec<(u64, bool)> = Vec::new();
            let mut held_back = 0;
            let mut alarmed = false;
            for step in steps {
                match step {
                    Step::Pass(millis) => tokio::time::advance(Duration::from_millis(millis)).await,
                    Step::Call(class) => {
                        core.ended(class);
                        let accepted = match class {
                            Class::Success => Some(true),
                            Class::Overload => Some(false),
                            Class::Failure => Some(!count_failures),
                            Class::Ignored => None,
                        };
                        list.extend(accepted.map(|accepted| (tick(), accepted)));
                        alarmed |= accepted == Some(false) && core.look().2 > 0.0;
                    }
                    Step::Ask => {
                        let (_, _, before) = core.look();
                        let at_once = core.admit_at_once();
                        assert_eq!(at_once.is_none(), alarmed, "the short way");
                        alarmed &= before > 0.0;
                        let admitted = at_once.map_or_else(|| core.admit(), Ok);
                        if admitted.is_err() {
                            assert!(before > 0.0);
                            held_back += 1;
                            list.push((tick(), false));
                        }
                        // Dropped without an answer, it says nothing.
                    }
                }
                let recent = list.iter().filter(|(at, _)| at + 10 > tick());
                let requests = recent.clone().count() as u64;
                let accepts = recent.filter(|(_, accepted)| *accepted).count() as u64;
                let p = if requests < min_calls as u64 {
                    0.0
                } else {
                    let (requests, accepts) = (requests as f64, accepts as f64);
                    ((requests - k * accepts) / (requests + 1.0)).clamp(0.0, 0.9)
                };
                assert_eq!(core.look(), (requests, accepts, p));
                assert_eq!(core.held_back(), held_back);
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_forgotten_with_the_window() {
    let core = core(ThrottleConfig::default());
    for _ in 0..100 {
        core.ended(Class::Overload);
    }
    assert!(core.admit_at_once().is_none());
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(core.admit().is_ok());
    assert!(
        core.admit_at_once().is_some(),
        "the short way is open again"
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_what_was_counted_unless_the_window_is_another() {
    let core = core(ThrottleConfig::default());
    for _ in 0..100 {
        core.ended(Class::Overload);
    }
    let requests = || core.look().0;
    core.configure(ThrottleConfig {
        k: 1.5,
        ..ThrottleConfig::default()
    });
    assert_eq!(requests(), 100);
    core.configure(ThrottleConfig {
        window: Duration::from_secs(10),
        ..ThrottleConfig::default()
    });
    assert_eq!(requests(), 0);
    core.configure(ThrottleConfig {
        enabled: false,
        ..ThrottleConfig::default()
    });
    for _ in 0..100 {
        core.ended(Class::Overload);
    }
    assert!(core.admit().is_ok(), "switched off");
    assert!(core.admit_at_once().is_some());
    assert_eq!(requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_one_has_seen_nothing_and_is_the_same_otherwise() {
    let layer = ThrottleLayer::new().named("payments");
    assert!(layer.is_idle());
    layer.core.ended(Class::Success);
    assert!(!layer.is_idle());
    let fresh = layer.fork("key", layer.handle().config());
    assert!(fresh.is_idle());
    assert!(!layer.is_idle());
    assert_eq!(fresh.handle().config(), layer.handle().config());
    assert_eq!(fresh.core.emitter.name().as_str(), "payments");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(layer.is_idle());
}

#[test]
fn a_configuration_is_checked_field_by_field() {
    let wrong = |change: fn(&mut ThrottleConfig)| {
        let mut config = ThrottleConfig::default();
        change(&mut config);
        config.check().unwrap_err().field()
    };
    assert_eq!(wrong(|config| config.k = 0.9), "k");
    assert_eq!(wrong(|config| config.k = f64::NAN), "k");
    assert_eq!(wrong(|config| config.window = Duration::ZERO), "window");
    assert_eq!(
        wrong(|config| config.window = Duration::from_millis(9)),
        "window"
    );
    assert_eq!(wrong(|config| config.max_rejection = 1.0), "max_rejection");
    assert_eq!(wrong(|config| config.max_rejection = -0.1), "max_rejection");
    let read: ThrottleConfig = serde_json::from_str("{}").unwrap();
    assert_eq!(read, ThrottleConfig::default());
}
