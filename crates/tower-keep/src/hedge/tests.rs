use std::time::Duration;

use tower_layer::Layer;

use super::{
    state::{self, Next, Worth},
    *,
};
use crate::classify::{Retry, Verdict};

#[test]
fn an_answer_wins_or_is_kept_and_says_whether_to_go_on() {
    let soon = Some(Duration::from_secs(1));
    for (verdict, next) in [
        (Verdict::success(), Next::Wins),
        (Verdict::success().retry(Retry::IfIdempotent), Next::Again),
        (Verdict::failure(), Next::Kept),
        (Verdict::failure().retry(Retry::IfIdempotent), Next::Again),
        (Verdict::failure().retry(Retry::Always), Next::Again),
        (
            Verdict::failure().retry(Retry::Always).retry_after(soon),
            Next::Last,
        ),
        (Verdict::overload(), Next::Last),
        (Verdict::overload().retry(Retry::IfIdempotent), Next::Again),
        (Verdict::ignored(), Next::Kept),
        (Verdict::ignored().retry(Retry::Always), Next::Kept),
    ] {
        assert_eq!(state::next(&verdict), next, "{verdict:?}");
    }
}

#[test]
fn the_best_of_bad_answers_is_the_one_that_says_most() {
    let worth = Worth::of;
    let best_first = [
        worth(&Verdict::success(), true, 2),
        worth(&Verdict::overload(), true, 2),
        worth(&Verdict::failure(), true, 1),
        worth(&Verdict::failure(), true, 2),
        worth(&Verdict::failure(), false, 1),
        worth(&Verdict::ignored(), true, 1),
    ];
    assert!(best_first.is_sorted_by(|better, worse| better > worse));
}

#[test]
fn the_delay_is_the_quantile_above_the_floor_once_enough_is_known() {
    let observed = Observed::default();
    let ms = Duration::from_millis;
    for (samples, quantile, delay) in [
        (0, ms(0), ms(100)),
        (99, ms(30), ms(100)),
        (100, ms(30), ms(30)),
        (100, ms(1), ms(5)),
        (100, ms(900), ms(900)),
    ] {
        assert_eq!(state::delay(&observed, samples, quantile), delay);
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let field = |config| {
        HedgeLayer::from_config(config)
            .map_err(|error| error.field())
            .unwrap_err()
    };
    let observed = |observed| {
        field(HedgeConfig {
            delay: Delay::Observed(observed),
            ..HedgeConfig::default()
        })
    };
    let good = Observed::default();
    for quantile in [0.0, 1.0, f64::NAN] {
        let config = Observed { quantile, ..good };
        assert_eq!(observed(config), "delay.observed.quantile");
    }
    let floor = Duration::ZERO;
    assert_eq!(observed(Observed { floor, ..good }), "delay.observed.floor");
    let min_samples = 0;
    assert_eq!(
        observed(Observed {
            min_samples,
            ..good
        }),
        "delay.observed.min_samples"
    );
    let max_hedges = 11;
    assert_eq!(
        field(HedgeConfig {
            max_hedges,
            ..HedgeConfig::default()
        }),
        "max_hedges"
    );
    assert_eq!(field(HedgeConfig::after(Duration::MAX)), "delay.fixed");
    for good in [
        HedgeConfig::default(),
        HedgeConfig::parallel(),
        HedgeConfig::on_failure(),
    ] {
        assert!(HedgeLayer::from_config(good).is_ok());
    }
}

#[test]
fn a_layer_and_its_handle_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: T) {}
    let layer = HedgeLayer::default().rewrite(|_, _| ());
    anywhere(layer.handle());
    anywhere(layer.layer(std::sync::Arc::new(())));
    anywhere(layer);
}

/// Times with the pace that calls see, at moments of our own.
mod pace {
    use super::*;
    use crate::{
        common::clock,
        hedge::{histogram::USUAL, pace::Pace},
    };

    const MS: Duration = Duration::from_millis(1);
    /// The delay is worked out once in each of these.
    const TICK: u64 = 1 << 27;
    const SECOND: u64 = 1_000_000_000;
    /// A window begins.
    const START: u64 = (1 << 58) / (10 * SECOND) * (10 * SECOND) + 20 * SECOND;

    fn observed() -> Delay {
        Delay::Observed(Observed {
            min_samples: 3,
            window: 10 * Duration::from_secs(1),
            ..Observed::default()
        })
    }

    /// The delay in milliseconds at so many nanoseconds, and whether it was worked out for it.
    fn delay(pace: &Pace, nanos: u64) -> (u128, bool) {
        let mut asked = false;
        let delay = pace.delay(clock::from_nanos(nanos), || {
            asked = true;
            observed()
        });
        (delay.expect("there is one").as_millis(), asked)
    }

    #[test]
    fn what_is_not_observed_is_not_worked_out() {
        let not_asked = || -> Delay { panic!("nothing is to be worked out") };
        let now = clock::from_nanos(START);
        for (config, expected) in [
            (Delay::Fixed(30 * MS), Some(30 * MS)),
            (Delay::OnFailure, None),
        ] {
            let pace = Pace::<{ USUAL }>::new(config);
            assert_eq!(pace.delay(now, not_asked), expected);
            pace.answered(40 * MS);
            pace.answered_at_once();
            assert_eq!(pace.known(), (expected, 2));
        }
    }

    #[test]
    fn it_is_worked_out_once_a_tick_from_what_is_known() {
        let pace = Pace::new(observed());
        assert_eq!(pace.known(), (Some(100 * MS), 0));
        let start = START / TICK * TICK;
        assert_eq!(delay(&pace, start), (100, true), "nothing is known");
        for _ in 0..3 {
            pace.answered(40 * MS);
        }
        assert_eq!(delay(&pace, start + TICK - 1), (100, false));
        let (learnt, asked) = delay(&pace, start + TICK);
        assert!(asked && (40..43).contains(&learnt), "{learnt}");
        assert_eq!(delay(&pace, start + TICK), (learnt, false));
        let (known, samples) = pace.known();
        assert_eq!(
            (known.map(|known| known.as_millis()), samples),
            (Some(learnt), 3)
        );
        // A new configuration is followed at once.
        pace.configure(observed());
        assert_eq!(delay(&pace, start + TICK), (learnt, true));
        pace.configure(Delay::OnFailure);
        assert_eq!(pace.known().0, None);
    }

    #[test]
    fn a_call_is_forgotten_between_half_a_window_and_a_whole_one() {
        // Seconds after a half of 5 s has begun.
        for (later, remembered) in [(&[4][..], 3), (&[5], 3), (&[5, 10], 0), (&[10], 0)] {
            let pace = Pace::new(observed());
            delay(&pace, START);
            for _ in 0..3 {
                pace.answered(40 * MS);
            }
            for seconds in later {
                delay(&pace, START + seconds * SECOND);
            }
            assert_eq!(pace.known().1, remembered, "{later:?}");
        }
    }

    #[test]
    fn a_configuration_that_is_another_by_now_is_left_to_who_brought_it() {
        let pace = Pace::<{ USUAL }>::new(observed());
        let now = clock::from_nanos(START);
        assert_eq!(pace.delay(now, || Delay::OnFailure), Some(100 * MS));
    }
}
