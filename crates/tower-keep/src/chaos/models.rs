use std::sync::Arc;

use super::{ChaosConfig, ChaosHandle, Fault, shared::Shared};
use crate::common::{atomic::Relaxed, modelling::two_at_once};

fn config(enabled: bool, rate: f64) -> ChaosConfig {
    ChaosConfig {
        enabled,
        rate,
        faults: vec![Fault::Status(500)],
        ..ChaosConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(true, 0.5)).expect("it is valid")),
        [
            |shared: &Shared| drop(shared.live.configure(|_| config(false, 0.1))),
            |shared: &Shared| drop(shared.live.configure(|_| config(true, 0.2))),
        ],
        |shared: &Shared| {
            let config = shared.live.config();
            let rate = f64::from_bits(shared.live.rate.load(Relaxed));
            assert_eq!(shared.live.is_on.load(Relaxed), config.enabled);
            assert_eq!(rate, config.rate);
        },
    );
}

#[test]
fn an_update_while_it_is_switched_off_is_not_lost() {
    two_at_once(
        || Arc::new(Shared::new(config(true, 0.5)).expect("it is valid")),
        [
            |shared: &Shared| ChaosHandle::new(shared.live.clone()).stop(),
            |shared: &Shared| drop(shared.live.configure(|_| config(true, 0.2))),
        ],
        |shared: &Shared| assert_eq!(shared.live.config().rate, 0.2),
    );
}
