use std::time::Duration;

use tower_keep_durable::{
    Bus,
    bus::memory::{Memory, MemoryConfig},
    testing::Faults,
};

use crate::suite::{Features, Rig, conformance, conformance_under_faults};

const LEASE: Duration = Duration::from_secs(2);

fn rig(bus: Bus) -> Rig {
    let same = bus.clone();
    let features = Features {
        lease: LEASE,
        ..Features::default()
    };
    Rig::new(bus, features, move || {
        let same = same.clone();
        async move { same }
    })
}

fn bus() -> Bus {
    Bus::new(Memory::new(MemoryConfig {
        lease: LEASE,
        ..MemoryConfig::default()
    }))
}

async fn on_memory<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
    row(rig(bus())).await;
}

conformance!(
    #[tokio::test(start_paused = true)]
    on_memory,
    leased
);

mod with_faults {
    use super::*;

    async fn on_faulty_memory<F: Future<Output = ()>>(row: impl Fn(Rig) -> F) {
        for seed in 0..10 {
            row(rig(bus().with_faults(Faults::seeded(seed)))).await;
        }
    }

    conformance_under_faults!(
        #[tokio::test(start_paused = true)]
        on_faulty_memory,
        leased
    );
}
