//! What goes wrong, as configurations of the `chaos` layers in payments and inventory. Nothing in
//! the services knows of it.

use std::time::Duration;

use tower_keep::chaos::{ChaosConfig, Fault};

/// One read in twenty is late: what hedges are for.
pub(crate) fn late_now_and_then() -> ChaosConfig {
    ChaosConfig {
        seed: SEED,
        ..all_at_once(0.05, vec![Fault::latency(LATE..=LATE * 2)])
    }
}

/// All reads are late: more come than end.
pub(crate) fn late() -> ChaosConfig {
    all_at_once(1.0, vec![Fault::latency(LATE..=LATE * 2)])
}

/// A third of the calls fail, a third hang, and a third are done and their answer is lost: it is this
/// third that makes an outage expensive where nobody thought of keys.
pub(crate) fn down() -> ChaosConfig {
    let hang = Fault::latency(Duration::from_secs(5)..=Duration::from_secs(5));
    ChaosConfig {
        seed: SEED,
        ..all_at_once(1.0, vec![Fault::Status(500), hang, Fault::Reset(0)])
    }
}

const LATE: Duration = Duration::from_millis(120);
/// Every run is hit in the same way.
const SEED: Option<u64> = Some(7);

fn all_at_once(rate: f64, faults: Vec<Fault>) -> ChaosConfig {
    ChaosConfig {
        rate,
        faults,
        // An outage is meant.
        max_active: usize::MAX,
        ..ChaosConfig::default()
    }
}
