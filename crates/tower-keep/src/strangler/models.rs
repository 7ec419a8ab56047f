use std::sync::Arc;

use super::{StranglerConfig, route::Share, shared::Shared};
use crate::common::{atomic::Relaxed, modelling::two_at_once};

fn config(enabled: bool, percent: f64) -> StranglerConfig {
    StranglerConfig {
        enabled,
        percent,
        shadow_percent: percent,
        ..StranglerConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(true, 5.0)).expect("it is valid")),
        [
            |shared: &Shared| shared.live.configure(config(false, 10.0)),
            |shared: &Shared| shared.live.configure(config(true, 20.0)),
        ],
        |shared: &Shared| {
            let (live, config) = (&shared.live, shared.live.config());
            assert_eq!(live.enabled.load(Relaxed), config.enabled);
            let share = Share::percent(config.percent).to_word();
            assert_eq!(live.share.load(Relaxed), share);
            assert_eq!(live.shadow_share.load(Relaxed), share);
        },
    );
}
