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
