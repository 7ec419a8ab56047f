use std::sync::Arc;

use super::{RetryConfig, shared::Shared};
use crate::common::modelling::two_at_once;

fn config(max_attempts: u32, max_replay_bytes: usize) -> RetryConfig {
    RetryConfig {
        max_attempts,
        max_replay_bytes,
        ..RetryConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(2, 10)).expect("it is valid")),
        [
            |shared: &Shared| {
                shared.configure(config(3, 20));
            },
            |shared: &Shared| {
                shared.configure(config(4, 30));
            },
        ],
        |shared: &Shared| {
            let config = shared.config();
            assert_eq!(shared.max_attempts(), config.max_attempts);
            assert_eq!(shared.max_replay_bytes(), config.max_replay_bytes);
        },
    );
}
