use std::sync::Arc;

use super::{FallbackConfig, shared::Shared};
use crate::common::modelling::two_at_once;

fn config(enabled: bool) -> FallbackConfig {
    FallbackConfig {
        enabled,
        ..FallbackConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(true)).expect("it is valid")),
        [
            |shared: &Shared| shared.update(config(false)).expect("it is valid"),
            |shared: &Shared| shared.update(config(true)).expect("it is valid"),
        ],
        |shared: &Shared| assert_eq!(shared.is_enabled(), shared.config().enabled),
    );
}
