use std::sync::Arc;

use super::{HedgeConfig, shared::Shared};
use crate::common::modelling::{two_at_once, with_room};

fn config(enabled: bool, max_replay_bytes: usize) -> HedgeConfig {
    HedgeConfig {
        enabled,
        max_replay_bytes,
        ..HedgeConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || with_room(|| Arc::new(Shared::new(config(true, 10)).expect("it is valid"))),
        [
            |shared: &Shared| shared.update(config(false, 20)).expect("it is valid"),
            |shared: &Shared| shared.update(config(true, 30)).expect("it is valid"),
        ],
        |shared: &Shared| {
            let config = shared.config();
            assert_eq!(shared.hedges(), config.hedges());
            assert_eq!(shared.max_replay_bytes(), config.max_replay_bytes);
        },
    );
}
