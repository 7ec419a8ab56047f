use std::time::Duration;

use super::{BodyDeadline, LAYER, TimeoutConfig, shared::Shared, state::FOR_EVER};
use crate::{
    common::{clock, modelling::two_at_once, until::Until},
    observe::Emitter,
};

fn config(seconds: u64, body: BodyDeadline) -> TimeoutConfig {
    let timeout = Some(Duration::from_secs(seconds));
    TimeoutConfig {
        timeout,
        body,
        body_idle: timeout,
        ..TimeoutConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Shared::new(TimeoutConfig::default(), Emitter::new(LAYER)),
        [
            |shared: &Shared| shared.configure(config(1, BodyDeadline::Covered)),
            |shared: &Shared| shared.configure(config(2, BodyDeadline::HeadOnly)),
        ],
        |shared: &Shared| {
            let config = shared.config();
            let timeout = config.timeout.map_or(Until::NEVER, Until::open);
            assert_eq!(shared.timeout().0, timeout);
            let idle = config.body_idle.map_or(FOR_EVER, clock::whole_nanos);
            assert_eq!(shared.body_idle(), idle);
            assert_eq!(shared.covers_body(), config.body == BodyDeadline::Covered);
        },
    );
}
