use std::sync::Arc;

use super::{CorrelationIdConfig, settings::Settings};
use crate::common::modelling::two_at_once;

fn config(on: bool) -> CorrelationIdConfig {
    CorrelationIdConfig {
        response_header: on,
        trace: on,
        priority: on,
        ..CorrelationIdConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Settings::new(&config(true)).expect("it is valid")),
        [
            |settings: &Settings| settings.update(&config(false)).expect("it is valid"),
            |settings: &Settings| settings.update(&config(true)).expect("it is valid"),
        ],
        |settings: &Settings| {
            let now = settings.config();
            assert!([config(true), config(false)].contains(&now), "{now:?}");
        },
    );
}
