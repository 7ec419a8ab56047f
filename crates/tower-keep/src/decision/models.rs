use super::{DecisionConfig, shared::Shared};
use crate::common::modelling::two_at_once;

fn config(enabled: bool, max_entries: usize) -> DecisionConfig {
    DecisionConfig {
        enabled,
        max_entries,
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Shared::new(config(true, 10)).expect("it is valid"),
        [
            |shared: &Shared| shared.update(config(false, 20)).expect("it is valid"),
            |shared: &Shared| shared.update(config(true, 30)).expect("it is valid"),
        ],
        |shared: &Shared| {
            let now = shared.config();
            assert!(
                [config(false, 20), config(true, 30)].contains(&now),
                "{now:?}"
            );
        },
    );
}
